import sys; sys.path.insert(0,"/tmp/nb")
from edit import edit, sub
NB="/work/main/notebooks/differentiable_physics/differentiable_operators.ipynb"
H={"tags":["hide-input"]}
C={};M={};INS=[]
C["dbd5d7cf"]=lambda s: sub(
(s[s.index(":alt: Three"):s.index("**You will learn**")],''':alt: Three panels. Left, density over position; the start is a bump on the left, the target a bump further right; two results lie on the target, the third is a plateau of half its height that begins further left. Middle, velocities; that of the third result is negative in a narrow interval at the place of the first bump's right flank, the others are positive everywhere. Right, two losses fall by four to five orders of magnitude, the third stays at a tenth.

A velocity field is found that carries a bump (grey) to a target (black) in 40 time steps. Left: start, target and three results. Middle: the velocities that were found, where the density passes; one of them is reversed in a narrow interval. Right: losses.
```

'''),
("- what the gradient of a long simulation costs in memory, and how to trade memory for time;","- how a search with exact gradients gets stuck, and how a change of the unknown frees it;\n- what the gradient of a long simulation costs in memory, and how to trade memory for time;"),
)(s)
C["9a6ada45"]='''
import matplotlib.pyplot as plt
import torch
from pbdl_helpers import plotting
from pbdl_helpers.claims import Claims
from pbdl_helpers.runtime import setup
from pbdl_helpers.tables import Table

run = setup(seed=0)
plotting.style()
torch.set_default_dtype(torch.float64)
'''
C["556ebe84"]='''
N = 100  # cells on the periodic domain [0, 1)
DX = 1 / N  # cell size
DT, STEPS = 0.5 * DX, 40  # time step (velocities are of size 1), number of steps
FASTEST = DX / DT  # the largest stable velocity
ITERATIONS = 600  # of Adam in the inverse problem
ETA = 0.05
SOLVE_SIZE = 400  # unknowns of the linear system
SWEEPS = 200  # iterations of the solver that is unrolled
'''
C["fbdd9d1d"]=sub(('''For an incoming gradient''','''The velocity is differentiated, too, as the unknown of a search will be. For an incoming gradient'''),
("u_i < 0 . \\end{cases}\n$$ (operators-adjoint-u)","u_i < 0 . \\end{cases}\n$$ (operators-adjoint-u)\n\nAt $u_i = 0$ the new density has a kink in $u_i$, and no derivative.")) 
C["ab89ed1a"]='''
def upwind_step(s, u):
    ahead, behind = s.roll(-1, -1) - s, s - s.roll(1, -1)
    return s - DT / DX * (u.clamp(min=0) * behind + u.clamp(max=0) * ahead)
'''
C["424a322e"]='''
class Upwind(torch.autograd.Function):
    @staticmethod
    def forward(context, s, u):
        context.save_for_backward(s, u)
        return upwind_step(s, u)

    @staticmethod
    def backward(context, a):
        s, u = context.saved_tensors
        plus, minus, ratio = u.clamp(min=0), u.clamp(max=0), DT / DX
        slope = torch.where(u > 0, s - s.roll(1, -1), s.roll(-1, -1) - s)
        from_neighbours = (a * minus).roll(1, -1) - (a * plus).roll(-1, -1)
        grad_s = a - ratio * (a * (plus - minus) + from_neighbours)
        return grad_s, -ratio * a * slope


x = (torch.arange(N) + 0.5) * DX


def bump(centre):
    return torch.exp(-(((x - centre) / 0.08) ** 2))


def advect(s, u, step=Upwind.apply, steps=STEPS):
    for _ in range(steps):
        s = step(s, u)
    return s


start, target = bump(0.3), advect(bump(0.3), 0.6 + 0.3 * torch.sin(2 * torch.pi * x))


def loss_of(u, step=Upwind.apply):
    """Returns the loss of each velocity of a batch."""
    return (advect(start.expand_as(u), u, step) - target).square().sum(dim=-1)
'''
INS.append(("424a322e","code","a37b0001",{},'''
u = torch.full((N,), 0.1).requires_grad_()
(by_hand,) = torch.autograd.grad(loss_of(u), u)
(automatic,) = torch.autograd.grad(loss_of(u, upwind_step), u)
hand_gap = (by_hand - automatic).abs().max().item()
inputs = torch.rand(N, requires_grad=True), torch.randn(N, requires_grad=True)
passed = torch.autograd.gradcheck(Upwind.apply, inputs)
print(f"by hand and automatic differ by {hand_gap:.0e}")
print(f"both against finite differences (gradcheck): {passed}")
'''))
C["f4b8e23b"]='''
`torch.autograd.gradcheck` compares every entry of the Jacobian with a finite difference. Every operator that is written by hand deserves it. It only sees what it is shown: random velocities are never exactly zero. Fluid at rest is, and it is the most natural first guess of all.
'''
INS.append(("f4b8e23b","code","a37b0002",{"tags":["hide-input"]},'''
at_rest = torch.zeros(N, requires_grad=True)
(hand_at_rest,) = torch.autograd.grad(loss_of(at_rest), at_rest)
(automatic_at_rest,) = torch.autograd.grad(loss_of(at_rest, upwind_step), at_rest)
small = 1e-7


def one_sided(cell, sign):
    moved = torch.zeros(N)
    moved[cell] = sign * small
    return sign * (loss_of(moved) - loss_of(torch.zeros(N))).item() / small


cell = (automatic_at_rest - hand_at_rest).abs().argmax().item()
slopes = {
    "finite difference, flow to the right": one_sided(cell, 1),
    "finite difference, flow to the left": one_sided(cell, -1),
    "gradient by hand": hand_at_rest[cell].item(),
    "automatic gradient": automatic_at_rest[cell].item(),
}
both_sides = [one_sided(i, 1) + one_sided(i, -1) for i in range(N)]
sum_gap = (automatic_at_rest - torch.tensor(both_sides)).abs().max().item()
sum_gap /= automatic_at_rest.abs().max().item()
Table(
    {name: {"slope": value} for name, value in slopes.items()},
    rows="at u = 0",
    caption=f"Derivative of the loss with respect to the velocity of cell {cell}, for "
    "fluid at rest.",
    name="operators-at-rest",
    digits=4,
)
'''))
INS.append(("a37b0002","markdown","a37b0003",{},'''
The loss has two slopes at $u = 0$, one for each direction ({numref}`operators-at-rest`). The gradient by hand returns one of them, because of its `u > 0`. The automatic one returns their *sum*, about twice what any step would meet: PyTorch's `clamp` passes a gradient on at its bound, and both clamps in {eq}`operators-upwind` do. Neither says so. Automatic differentiation differentiates the program, branch by branch, and a switch has no derivative where it switches.
'''))
C["47bd2919"]='''
def find_velocity(velocity_of, parameter):
    """Returns the velocities found by Adam, a row a first guess, and their losses."""
    parameter = parameter.clone().requires_grad_()
    optimizer = torch.optim.Adam([parameter], lr=ETA)
    history = []
    for _ in run.progress(range(ITERATIONS)):
        losses = loss_of(velocity_of(parameter))
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        history.append(losses.detach())
    return velocity_of(parameter).detach(), torch.stack(history, dim=1)


GUESSES = (0.1, 0.2, 0.3, 0.5)
guesses = torch.tensor(GUESSES)[:, None].expand(-1, N)
UNKNOWNS = {  # the velocity as a function of the unknown, the first guess of the latter
    "u": (lambda u: u, guesses),
    "|u| < 2": (lambda w: FASTEST * w.tanh(), (guesses / FASTEST).atanh()),
    "u > 0": (torch.exp, guesses.log()),
    "0 < u < 2": (lambda w: FASTEST * w.sigmoid(), (guesses / FASTEST).logit()),
}
found = {name: find_velocity(*unknown) for name, unknown in UNKNOWNS.items()}
(free, free_losses), (inside, inside_losses) = found["u"], found["0 < u < 2"]
'''
INS.append(("47bd2919","code","a37b0004",H,'''
flank = (x > 0.32) & (x < 0.38)  # right half of the bump at the start
Table(
    {
        f"u = {guess}": {
            "first loss": free_losses[i, 0].item(),
            **{name: losses[i, -1].item() for name, (_, losses) in found.items()},
            "least u at the flank": free[i, flank].min().item(),
        }
        for i, guess in enumerate(GUESSES)
    },
    rows="first guess",
    caption=f"Losses after {ITERATIONS} iterations, with the velocity itself as the "
    "unknown and with three that bound it; and the least free velocity found at 0.32 "
    "< x < 0.38.",
    name="operators-guesses",
)
'''))
C["6f0021ee"]='''
green, grey = plotting.COLORS["differentiable physics"], "#8c8c8c"
results = {
    "u, from 0.5": (free[3], free_losses[3], {"color": green}),
    "u, from 0.1": (free[0], free_losses[0], {"color": plotting.COLORS["supervised"]}),
    "0 < u < 2, from 0.1": (
        inside[0],
        inside_losses[0],
        {"color": plotting.COLORS["solver"], "linestyle": "--"},
    ),
}
fig, axes = plt.subplots(1, 3, figsize=(12, 3.6))
axes[0].plot(x, start, color=grey, label="start")
axes[0].plot(x, target, color="black", linewidth=3, label="target")
axes[1].axhline(0, color="black", linewidth=0.8)
passed_by = (x > 0.1) & (x < 0.65)
for label, (velocity, losses, look) in results.items():
    axes[0].plot(x, advect(start, velocity), label=label, **look)
    axes[1].plot(x[passed_by], velocity[passed_by], **look)
    axes[2].semilogy(losses, **look)
axes[0].set(xlabel="position x", ylabel="density s", ylim=(-0.05, 1.75))
axes[0].legend(fontsize=8.5, ncols=2, loc="upper center")
axes[1].set(xlabel="position x", ylabel="velocity u found", ylim=(-2.2, 2.2))
axes[2].set(xlabel="iteration", ylabel="loss")
plotting.keep("operators-key", fig)
'''
C["0f7a7dea"]='''
From $u = 0.5$ the bump is carried to its target. From slower first guesses the search ends elsewhere, with a tenth of the first loss ({numref}`operators-guesses`): the density is drawn out to a plateau ({numref}`operators-advection`, left). More iterations do not help; the gradient is zero there.

What went wrong can be seen in the velocity (middle). It is *negative* in a narrow interval near $x = 0.35$, beside large positive values: the flow parts there, and nothing from the left can pass. The plateau is what is stretched out of this point. It began with the first gradient. A larger velocity on the right flank of the bump raises the density there. Near $x = 0.35$ the density is too high already, compared with the target; beyond 0.4 it is too low. So the gradient is positive here and negative there (printed below), and the iterations slow the flow here and speed it up there, until it parts. The gradient is exact and yet local.

The control: keep the flow from reversing. We search for $w$ and set $u = e^w$, which is positive; or $u = u_\\mathrm{max}\\, \\tanh(w)$, which may reverse but stays within the stable $u_\\mathrm{max} = \\Delta x / \\Delta t = 2$; or $u = u_\\mathrm{max} / (1 + e^{-w})$, which is bounded on both sides. A free velocity may pass the limit of stability, and some found here do, where there is no density to show it. The table is clear: with a positive $u$ all four first guesses reach the target, with the same optimiser, step size and number of iterations; the bound on its size alone changes nothing. What is known about the answer, here a direction of flow, belongs into the choice of the unknown.
'''
C["96894a8f"]=sub(("Our example is a chain of diffusion, $A = 1 + \\kappa D$ with the matrix $D$ of second differences,","Our example is a chain of diffusion, $A = 1 + \\kappa D$ with the matrix $D$ of *negative* second differences, $(D \\mathbf p)_i = 2 p_i - p_{i-1} - p_{i+1}$, so that $A$ is positive definite,"))

INS.append(("0f7a7dea","code","a37b0005",H,'''
beyond = (x > 0.4) & (x < 0.45)
stuck = free[0].clone().requires_grad_()
(last_gradient,) = torch.autograd.grad(loss_of(stuck), stuck)
print("first gradient from u = 0.1, mean over 0.32 < x < 0.38: ", end="")
print(f"{by_hand[flank].mean():.2f}, over 0.40 < x < 0.45: {by_hand[beyond].mean():.2f}")
print(f"largest gradient after {ITERATIONS} iterations: {last_gradient.abs().max():.0e}")
'''))
INS.append(("a37b0005","markdown","a37b0006",{},'''
## Memory

{eq}`operators-reverse` needs the states at which the Jacobians are taken. Automatic differentiation keeps every intermediate result of every elementary operation; the hand-written step keeps its two inputs. *Checkpointing* keeps only every $m$-th state, and computes the steps between again when the backward pass arrives, for the price of one more simulation. Then the intermediate states of *one* segment of $m$ steps are in memory, too. We count the bytes that are kept for one gradient, after the forward pass and at the peak.
'''))
C["0f7a7dea"]=C["0f7a7dea"]
C["e41594d2"]='''
def kept_bytes(*functions):
    """Returns the size of all tensors that autograd saves, each counted once."""
    sizes, kept = {}, []

    def pack(tensor):
        sizes[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        kept.append(tensor)  # keeps the address from being used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        results = [function() for function in functions]  # kept alive, too
    del results
    return sum(sizes.values())


def checkpointed(u, length):
    s = start
    for _ in range(STEPS // length):
        s = torch.utils.checkpoint.checkpoint(
            lambda s, u: advect(s, u, steps=length), s, u, use_reentrant=False
        )
    return (s - target).square().sum()


def segment(length):
    return lambda: advect(start, u, steps=length)


u = torch.full((N,), 0.1, requires_grad=True)
memory = {}
for name, step in (("automatic", upwind_step), ("by hand", Upwind.apply)):
    size = kept_bytes(lambda step=step: loss_of(u, step))
    memory[name] = {"after the forward pass": size, "peak": size}
for length in (2, 5, 8, 10, 20):
    forward = lambda length=length: checkpointed(u, length)  # noqa: E731
    memory[f"by hand, kept every {length} steps"] = {
        "after the forward pass": kept_bytes(forward),
        "peak": kept_bytes(forward, segment(length)),
    }
(again,) = torch.autograd.grad(checkpointed(u, 10), u)
checkpoint_gap = (again - by_hand).abs().max().item()
'''
M["e41594d2"]={"tags":["hide-input"]}
INS.append(("e41594d2","code","a37b0007",H,'''
Table(
    {
        name: {f"{column} [kB]": size / 1e3 for column, size in row.items()}
        for name, row in memory.items()
    },
    rows="backward pass",
    caption="Memory of the gradient of 40 steps.",
    name="operators-memory",
    best={"peak [kB]": "min"},
)
'''))
INS.append(("a37b0007","markdown","a37b0008",{},'''
After the forward pass, few checkpoints look best; at the peak a segment counts as well, and the least is in between ({numref}`operators-memory`). With $n$ steps and $n/m$ checkpoints the peak is about $n/m + m$ states, least for $m = \\sqrt n$.
'''))
C["5d4bdc74"]='''
KAPPA = 20.0


def apply_matrix(p):
    return p + KAPPA * (2 * p - p.roll(1) - p.roll(-1))


def conjugate_gradients(b, iterations=SWEEPS, tolerance=1e-12):
    p, r = torch.zeros_like(b), b
    direction, size = r, r @ r
    for _ in range(iterations):
        image = apply_matrix(direction)
        step = size / (direction @ image)
        p, r = p + step * direction, r - step * image
        new_size = r @ r
        if new_size.sqrt() < tolerance * b.norm():
            break
        direction, size = r + new_size / size * direction, new_size
    return p


class Solve(torch.autograd.Function):
    @staticmethod
    def forward(context, b, iterations):
        context.iterations = iterations
        return conjugate_gradients(b, iterations)

    @staticmethod
    def backward(context, a):  # the matrix is symmetric
        return conjugate_gradients(a, context.iterations), None
'''
INS.append(("5d4bdc74","code","a37b0009",H,'''
b = torch.randn(SOLVE_SIZE, requires_grad=True)
wish = torch.randn(SOLVE_SIZE)


def distance(p):
    return (p - wish).square().sum()


def gradients(iterations):
    """Returns the implicit gradient and that of the unrolled algorithm."""
    solutions = Solve.apply(b, iterations), conjugate_gradients(b, iterations)
    return [torch.autograd.grad(distance(p), b)[0] for p in solutions]


implicit, unrolled = gradients(SWEEPS)
matrix = torch.stack([apply_matrix(row) for row in torch.eye(SOLVE_SIZE)])
p = torch.linalg.solve(matrix, b.detach())
reference = torch.linalg.solve(matrix.T, 2 * (p - wish))


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


solves = {
    "implicit": {
        "relative error": relative(implicit, reference),
        "kept [kB]": kept_bytes(lambda: distance(Solve.apply(b, SWEEPS))) / 1e3,
    },
    "unrolled": {
        "relative error": relative(unrolled, reference),
        "kept [kB]": kept_bytes(lambda: distance(conjugate_gradients(b))) / 1e3,
    },
}
Table(
    solves,
    rows="gradient",
    caption="Error of the gradient against that of a direct solve, and the memory that "
    "is kept for it.",
    name="operators-solve",
)
'''))
C["6f365f61"]=sub(("The implicit gradient keeps next to nothing, whatever the number of iterations.","The implicit gradient keeps next to nothing, whatever the number of iterations ({numref}`operators-solve`)."),
("- *Costs and limits:* a gradient costs about one to two more simulations, and memory for all states, or more time with checkpoints. One needs to understand the solver. Switches, such as the sign of the velocity in {eq}`operators-upwind`, make gradients jump.","- An exact gradient is local. A search through an exact gradient reversed the flow and got stuck; an unknown that cannot be reversed did not.\n- *Costs and limits:* a gradient costs about one to two more simulations, and memory for all states, or more time with checkpoints. One needs to understand the solver. Where an operator switches, as {eq}`operators-upwind` does at $u = 0$, there is no gradient, and automatic differentiation returns a number nevertheless."))
C["b1ee4e28"]='''
left_over = free_losses[:, -1] / free_losses[:, 0]
by_hand_peak = memory["by hand"]["peak"]
peaks = {
    name: row["peak"] for name, row in memory.items() if name.startswith("by hand,")
}

with Claims("differentiable_physics/differentiable_operators") as claims:
    claims.check(
        "The gradient through 40 steps carries the bump to its target; loss at the "
        "end over loss at first",
        left_over[3],
        at_most=1e-4,
    )
    claims.check(
        "From first guesses that are too slow the search for the velocity gets stuck; "
        "least of three ratios of the last to the first loss",
        left_over[:3].min(),
        at_least=0.05,
    )
    claims.check(
        "Where the search gets stuck the flow is reversed; least velocity between x = "
        "0.32 and 0.38",
        free[0, flank].min(),
        at_most=-0.05,
    )
    claims.check(
        "Unknowns that cannot reverse the flow reach the target from all four first "
        "guesses; largest ratio of the last to the first loss",
        max((found[n][1][:, -1] / found[n][1][:, 0]).max() for n in ("u > 0", "0 < u < 2")),
        at_most=2e-3,
    )
    claims.check(
        "A bound on the size of the velocity alone does not help; least of three "
        "ratios of the last to the first loss",
        (found["|u| < 2"][1][:3, -1] / free_losses[:3, 0]).min(),
        at_least=0.05,
    )
    claims.check(
        "At u = 0 automatic differentiation returns the sum of the two one-sided "
        "slopes; largest difference over the largest entry",
        sum_gap,
        at_most=1e-5,
        source="provable",
    )
    claims.check(
        "At u = 0 the automatic gradient is far from the one by hand; difference over "
        "the one by hand",
        abs(slopes["automatic gradient"] / slopes["gradient by hand"] - 1),
        at_least=0.5,
    )
    claims.check(
        "An operator with its own backward pass keeps less than automatic "
        "differentiation; ratio of bytes",
        by_hand_peak / memory["automatic"]["peak"],
        at_most=0.5,
    )
    claims.check(
        "Checkpoints lower the peak again; ratio of bytes, every 5 steps",
        peaks["by hand, kept every 5 steps"] / by_hand_peak,
        at_most=0.5,
    )
    claims.check(
        "Fewest checkpoints do not give the lowest peak; every 20 steps over the best",
        peaks["by hand, kept every 20 steps"] / min(peaks.values()),
        at_least=1.3,
    )
    claims.check(
        "The implicit gradient of a solve keeps far less than the unrolled one; "
        "ratio of bytes",
        solves["implicit"]["kept [kB]"] / solves["unrolled"]["kept [kB]"],
        at_most=0.05,
    )
    claims.check(
        "The implicit gradient of a solve is the gradient of the exact solution; "
        "relative error",
        solves["implicit"]["relative error"],
        at_most=2e-11,
        source="provable",
    )
    claims.guard(
        "The upwind gradient by hand is the automatic one away from u = 0; largest "
        "difference",
        hand_gap,
        at_most=1e-12,
    )
    claims.guard(
        "Checkpoints do not change the gradient; largest difference",
        checkpoint_gap,
        at_most=1e-12,
    )
'''
C["430ac691"]=sub(("The factor $\\kappa$ of the matrix is a parameter, too.","The factor $\\kappa$ of the matrix $A = 1 + \\kappa D$ is a parameter, too."))
C["0ff21954"]=sub(("second_difference = 2 * p - p.roll(1) - p.roll(-1)\nderivative = -(implicit @ second_difference).item()","Dp = 2 * p - p.roll(1) - p.roll(-1)\nderivative = -(implicit @ Dp).item()"))
C["993fbcde"]=lambda s: sub((s[s.index("Stop conjugate gradients after"):s.index("````{solution-start} operators-exercise-early")],'''Stop conjugate gradients after 5, 10, 20 and 40 iterations, in the forward and in the backward pass of `Solve`. Compare the whole gradient with that of the exact solution, and with that of the stopped algorithm, which automatic differentiation of the unrolled iterations gives. Which of them is the implicit gradient nearer to? Why?

```{dropdown} Hint
`gradients` takes the number of iterations. Both contain $2(\\mathbf p_k - \\mathbf p^*)$, with the iterate $\\mathbf p_k$ and the wish $\\mathbf p^*$. How do the coefficients of the iteration depend on $\\mathbf b$?
```
````

'''))(s)
C["dc4cf5c3"]='''
def fixed_coefficients(b, iterations):
    """Conjugate gradients whose coefficients are taken for constants."""
    p, r = torch.zeros_like(b), b
    direction, size = r, (r @ r).detach()
    for _ in range(iterations):
        image = apply_matrix(direction)
        step = size / (direction @ image).detach()
        p, r = p + step * direction, r - step * image
        new_size = (r @ r).detach()
        direction, size = r + new_size / size * direction, new_size
    return p


early = {}
for iterations in (5, 10, 20, 40):
    stopped_implicit, stopped = gradients(iterations)
    fixed = torch.autograd.grad(distance(fixed_coefficients(b, iterations)), b)[0]
    early[f"{iterations}"] = {
        "exact": relative(stopped_implicit, reference),
        "of the stopped algorithm": relative(stopped_implicit, stopped),
        "the same, coefficients fixed": relative(stopped_implicit, fixed),
    }
Table(
    early,
    rows="iterations",
    caption="Relative distance of the implicit gradient from three others.",
    name="operators-early",
)
'''
C["ecce119d"]=lambda s: sub((s[:s.index("````{solution-end}")],'''At 5 and 10 iterations it is nearer to the gradient of the stopped algorithm; from 20 on the distances are alike and small. The stopped algorithm's gradient has two parts. With its coefficients held fixed, $\\mathbf p_k$ is a polynomial of the symmetric matrix, applied to $\\mathbf b$, and its gradient is the same polynomial applied to $2(\\mathbf p_k - \\mathbf p^*)$: near to what the implicit gradient computes, with the same unfinished $\\mathbf p_k$ (last column). But the coefficients depend on $\\mathbf b$, too, and this part the implicit gradient lacks. From 40 iterations on all agree to three digits.

'''))(s)
if __name__=="__main__":
    edit(NB,C,INS,(),M)
