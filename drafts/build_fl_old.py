import sys; sys.path.insert(0,"/tmp/nb")
from edit import edit, sub
NB="/work/main/notebooks/differentiable_physics/fluid_inverse.ipynb"
H={"tags":["hide-input"]}
C={};M={};INS=[];RM=[]
C["45a98e15"]=sub(
("We optimise with three methods, and then turn to an easier question: where was the source?","We optimise with several methods, find out which of their parts matters, and then turn to an easier question: where was the source?"),
("- what gradient descent, Adam and L-BFGS make of the same gradient when the loss is jagged;\n- why the choice of the unknown decides how hard the problem is.","- what gradient descent, Adam and L-BFGS make of the same gradient when the loss is jagged, and why;\n- why a good fit and a right answer are two things, and what decides about each."),
("*Run time: about 90 seconds","*Run time: about three minutes"),
)
C["ecb6d392"]=sub(("from pbdl_helpers.runtime import setup\n","from pbdl_helpers.runtime import setup\nfrom pbdl_helpers.tables import Table\n"))
C["770063e9"]='''
NX, NY = 32, 40  # cells of size 1
DT, STEPS = 1.0, 20  # time step, number of steps
PLACES = [(12.0, 4.0), (13.0, 6.0), (14.0, 5.0), (16.0, 5.0)]  # of the sources
RADIUS, RATE = 3.0, 1 / 3  # of a source; smoke added per step
ETA_DESCENT = 1e-3  # of gradient descent, as in the source
ETA_ADAM = 0.3
UPDATES = 80  # as in the source
MORE_UPDATES = run.pick(book=300, full=2000)
'''
C["dfbbbe7f"]='''
These are the source's first three losses, 298.286163, 291.454376 and 276.057831, to about six digits, although its program ran another version of PhiFlow. The same step size is kept here.

## The same in plain torch

`pbdl_helpers.fluids` has the same operators. Its walls differ a little: there the velocity along a wall is zero on the wall, in PhiFlow's scheme half a cell outside. And its pressure is solved directly instead of by iteration. It is so much faster that we can afford many updates of many flows.
'''
C["b6f804c7"]=sub(
('''def simulate(velocity, inflow):
    """Returns the smoke after all steps, shape (batch, y, x)."""
    smoke = torch.zeros_like(inflow)
    for _ in range(STEPS):''','''def simulate(velocity, inflow, steps=STEPS, flow=flow):
    """Returns the smoke after all steps, shape (batch, y, x)."""
    smoke = torch.zeros_like(inflow)
    for _ in range(steps):'''),
('''def losses_of(smoke):
    return 0.5 * (smoke - target).square().sum(dim=(1, 2))
''','''def losses_of(smoke, target=target):
    return 0.5 * (smoke - target).square().sum(dim=(1, 2))
'''))
C["66dd89bd"]='''
flow_double = Flow((NY, NX), 1.0, x="wall", y="wall", dtype=torch.float64)
inflow_double, target_double = inflow_cells[:1].double().cpu(), target.double().cpu()


def loss_along(offset, directions):
    velocity = [offset * d for d in directions]
    smoke = simulate(velocity, inflow_double, flow=flow_double)
    return losses_of(smoke, target_double).sum()


generator = torch.Generator().manual_seed(run.seed)
directions = flow_double.enforce(
    tuple(
        torch.randn(u.shape, generator=generator, dtype=torch.float64)
        for u in flow_double.rest(1)
    )
)
offset = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(loss_along(offset, directions), offset)
gradient_gaps = {}
for h in (1e-3, 1e-5, 1e-7):
    above, below = (loss_along(0.01 + sign * h, directions).item() for sign in (1, -1))
    gradient_gaps[h] = abs((above - below) / (2 * h) / slope.item() - 1)
Table(
    {f"{h:.0e}": {"relative distance": gap} for h, gap in gradient_gaps.items()},
    rows="offset",
    caption="Distance of the derivative along a random direction from a central "
    "difference.",
    name="fluid-gradient",
)
'''
M["66dd89bd"]=H
C["e6460232"]='''
## One gradient, many methods

Gradient descent with the source's step, Adam, and L-BFGS ({doc}`/notebooks/introduction/optimization`) start from fluid at rest. First-order methods of one batch run together: their flows are simulated side by side, and each method moves its own.
'''
C["db3fd9e6"]='''
def run_methods(methods, updates, target=target):
    """Returns the losses of each method and the velocity of its best update.

    A method makes an optimiser and says whether its rate falls to zero. Losses are
    sums over three flows, shape (updates + 1, methods).
    """
    velocities = [at_rest() for _ in methods]
    optimizers = [make(v) for (make, _), v in zip(methods, velocities, strict=True)]
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
        for (_, falls), optimizer in zip(methods, optimizers, strict=True)
        if falls
    ]
    inflow = inflow_cells[:3].repeat(len(methods), 1, 1)
    history, best = [], [(np.inf, None)] * len(methods)
    for _ in run.progress(range(updates + 1)):
        together = [torch.cat(parts) for parts in zip(*velocities, strict=True)]
        smoke = simulate(together, inflow).unflatten(0, (len(methods), 3))
        losses = 0.5 * (smoke - target).square().sum(dim=(1, 2, 3))
        history.append(losses.detach().cpu())
        for i, loss in enumerate(history[-1].tolist()):
            if loss < best[i][0]:
                best[i] = loss, [u.detach().clone() for u in velocities[i]]
        for optimizer in optimizers:
            optimizer.zero_grad()
        losses.sum().backward()
        for step in (*optimizers, *schedules):
            step.step()
    return torch.stack(history), [velocity for _, velocity in best]


def lbfgs(evaluations):
    """Returns the losses of L-BFGS, begun again whenever its line search gives up."""
    velocity, history, begins = at_rest(), [], []

    def closure():
        losses = losses_from(velocity)
        history.append(losses.sum().item())
        optimizer.zero_grad()
        losses.sum().backward()
        return losses.sum()

    while len(history) < evaluations:
        begins.append(len(history))
        optimizer = torch.optim.LBFGS(
            velocity, max_iter=evaluations, line_search_fn="strong_wolfe"
        )
        optimizer.step(closure)
    return history, begins


def descent(v):
    return torch.optim.SGD(v, lr=ETA_DESCENT)


def adam(v):
    return torch.optim.Adam(v, lr=ETA_ADAM)


start_loss = first_losses.sum().item()
histories, best_velocities = run_methods([(descent, False), (adam, True)], MORE_UPDATES)
best_velocity = best_velocities[1]
curvature, begins = lbfgs(150)
'''
INS.append(("db3fd9e6","code","a37c0001",{"tags":["hide-input"]},'''
class Normalised(torch.optim.SGD):
    """Gradient descent with each flow's gradient divided by its norm."""

    @torch.no_grad()
    def step(self):
        gradients = [u.grad for u in self.param_groups[0]["params"]]
        norm = sum(g.square().sum(dim=(1, 2), keepdim=True) for g in gradients).sqrt()
        for gradient in gradients:
            gradient /= norm
        super().step()


def make_method(division, average, eta):
    beta = 0.9 if average else 0.0
    if division == "by the size of each entry":
        return lambda v: torch.optim.Adam(v, lr=eta, betas=(beta, 0.999))
    kind = Normalised if division == "by the norm" else torch.optim.SGD
    return lambda v: kind(v, lr=eta, momentum=beta)


RATES = {  # tried, without and with averaging
    "none": ((1e-3, 3e-3, 1e-2), (3e-4, 1e-3, 3e-3)),
    "by the norm": ((3.0, 10.0, 30.0), (1.0, 3.0, 10.0)),
    "by the size of each entry": ((0.1, 0.3, 1.0), (0.1, 0.3, 1.0)),
}
tried = [
    (division, average, eta)
    for division, pair in RATES.items()
    for average, etas in zip((False, True), pair, strict=True)
    for eta in etas
]
study, _ = run_methods([(make_method(*t), True) for t in tried], UPDATES)
least = study.min(dim=0).values.tolist()
parts, part_rates = {}, {}
for division in RATES:
    parts[division] = {}
    for average in (False, True):
        found = {
            eta: loss
            for (d, a, eta), loss in zip(tried, least, strict=True)
            if (d, a) == (division, average)
        }
        eta = min(found, key=found.get)
        column = "averaged" if average else "not averaged"
        parts[division][column] = found[eta]
        parts[division][f"rate, {column}"] = eta
'''))
INS.append(("a37c0001","code","a37c0002",{"tags":["hide-input"]},'''
short = {"gradient descent": histories[: UPDATES + 1, 0], "Adam": study[:, tried.index(("by the size of each entry", True, ETA_ADAM))]}
ends = {
    f"gradient descent, {UPDATES} updates": short["gradient descent"],
    f"gradient descent, {MORE_UPDATES} updates": histories[:, 0],
    f"Adam, {UPDATES} updates": short["Adam"],
    f"Adam, {MORE_UPDATES} updates": histories[:, 1],
    "L-BFGS, until it gives up": torch.tensor(curvature[: begins[1]]),
    f"L-BFGS, begun again, {len(curvature)} evaluations": torch.tensor(curvature),
}
ends = {
    name: {
        "best loss": losses.min().item(),
        "last loss": losses[-1].item(),
        "best over first": losses.min().item() / start_loss,
    }
    for name, losses in ends.items()
}
Table(
    ends,
    rows="method",
    caption=f"Loss, sum over three flows; {start_loss:.0f} at the start.",
    name="fluid-ends",
    formats={"best over first": "{:.0%}"},
)
'''))
C["b1981bb0"]='''
colors = plt.cm.viridis([0.0, 0.35, 0.6, 0.85])
series = {
    "gradient descent": histories[:, 0],
    f"Adam, {UPDATES}": short["Adam"],
    f"Adam, {MORE_UPDATES}": histories[:, 1],
    "L-BFGS": curvature,
}
plotting.curves(
    series,
    xlabel="evaluation",
    ylabel="loss",
    colors=dict(zip(series, colors, strict=True)),
);
'''
M["b1981bb0"]={"mystnb":{"figure":{"caption":"Loss over evaluations of loss and gradient, sum over three flows. L-BFGS begins again whenever its line search gives up.","name":"fluid-losses"},"image":{"alt":"Four curves on a logarithmic axis. Gradient descent falls from 300 to about 160 with jumps up and down. L-BFGS falls to about 190 and stays there. Adam falls to about 42 in 80 updates and to 28 in 300."}},"tags":["hide-input"]}
C["378082e9"]='''
Gradient descent with the source's step size comes to the source's loss (its best is 165 here, the source has 170 with its walls), jumping up and down ({numref}`fluid-losses`), and 300 updates improve it a little more ({numref}`fluid-ends`). L-BFGS gives up after a few dozen evaluations: its line search finds no step that lowers the loss as the slope promises. Begun again and again, it gains little. The loss is jagged: the second exercise finds dozens of ups and downs along one straight line. Adam is not stopped by them.

Why not? Adam differs from gradient descent in two ways: it *averages* gradients over updates, and it *divides* each entry by its typical size. We take them apart. With or without averaging; with no division, with a division of each flow's gradient by its norm, and with one for each entry. Each of the six has three rates, falls to zero along a cosine, and has 80 updates.
'''
INS.append(("378082e9","code","a37c0003",{"tags":["hide-input"]},'''
Table(
    parts,
    rows="division",
    caption="Best loss after 80 updates, with the best of three rates.",
    name="fluid-parts",
)
'''))
INS.append(("a37c0003","markdown","a37c0004",{},'''
The division does it ({numref}`fluid-parts`), and already the one by the norm. A jagged loss has steep slopes that hold for short distances only; a step in proportion to the slope is then too long where it is steep and too short elsewhere. Divided, all steps of a time have the same length. Averaging helps every row, and less.
'''))

C["eeb73b8c"]='''
def share_below(smoke, height=12):
    squares = (smoke[:3] - target).square()
    return (squares[:, :height].sum() / squares.sum()).item()


stem_before, stem_after = share_below(before), share_below(after)
# the last step adds RATE to a source's cells, to smoke that is never negative
missing = (inflow_cells[:3] - target).clamp(min=0) * (inflow_cells[:3] > 0)
lower_bound = 0.5 * missing.square().sum().item()
print(f"share of the mismatch below y = 12: before {stem_before:.0%}, ", end="")
print(f"after {stem_after:.0%}; no velocity gets below a loss of {lower_bound:.1f}")
'''
C["cc7e7981"]='''
Most of what is left lies where the smoke leaves its sources. Does no initial velocity fit better, or did the search not find it? Only a part of this can be proved: the last step adds $1/3$ to the cells of a source, whatever the flow, and the target has less smoke in some of them; that alone is a loss of 3. We come back to it with a target that can be reached.

## Another unknown: where was the source?

Only two numbers a flow are sought now. A disc that is switched on cell by cell has no derivative with respect to its place, so that we blur its edge,

$$
q(\\mathbf x) = \\frac{1/3}{1 + e^{-2 (3 - |\\mathbf x - \\mathbf c|)}} ,
$$ (fluid-source)

with the centre $\\mathbf c$ as the unknown. We start from the first three places and look for the fourth. If the target is a run of the same solver with the same blurred source, an exact fit exists, and the test is an *inverse crime*: model and data share all their errors ({doc}`/notebooks/differentiable_physics/burgers_dp`). So we take a second target, PhiFlow's smoke: it has a source with a sharp edge, other walls and another solver.
'''
C["f9963368"]='''
def blurred(places):
    return RATE * torch.sigmoid(2 * (RADIUS - distance_from(places)))


def find_sources(targets, updates=100, eta=0.2):
    """Returns the places on the way, (updates + 1, flows, 2), and the losses."""
    places = all_places[:3].repeat(len(targets) // 3, 1).requires_grad_()
    optimizer = torch.optim.Adam([places], lr=eta)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    path, history = [places.detach().clone()], []
    for _ in run.progress(range(updates)):
        smoke = simulate(flow.rest(len(targets)), blurred(places))
        losses = losses_of(smoke, targets)
        history.append(losses.detach())
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        schedule.step()
        path.append(places.detach().clone())
    return torch.stack(path), torch.stack(history)
'''
M["f9963368"]={}
INS.append(("f9963368","code","a37c0005",{"tags":["hide-input"]},'''
with torch.no_grad():
    same_solver = simulate(flow.rest(1), blurred(all_places[3:]))
other = torch.tensor(phiflow_smokes[0].place[-1].numpy("y,x"), device=run.device)[None]
path, place_losses = find_sources(torch.cat([same_solver, other]).repeat_interleave(3, 0))
misses = (path - all_places[3]).norm(dim=-1).cpu()
left = (place_losses[-1] / place_losses[0]).cpu()
Table(
    {
        f"{name}, from ({x:g}, {y:g})": {
            "distance at first [cells]": misses[0, 3 * i + j].item(),
            "found [cells]": misses[-1, 3 * i + j].item(),
            "loss, last over first": left[3 * i + j].item(),
        }
        for i, name in enumerate(("same solver", "PhiFlow"))
        for j, (x, y) in enumerate(PLACES[:3])
    },
    rows="target",
    caption="Distance of the source from its true place.",
    name="fluid-places",
    formats={"loss, last over first": "{:.1%}"},
)
'''))
C["59aafd75"]='''
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, sharey=True)
color = plotting.COLORS["differentiable physics"]
for i, (ax, title) in enumerate(zip(axes, ("same solver", "PhiFlow"), strict=True)):
    for j in range(3):
        way = path[:, 3 * i + j].cpu()
        ax.plot(*way.T, color=color, alpha=0.4 + 0.3 * j)
        ax.plot(*way[0], "o", color=color)
    ax.plot(*PLACES[3], "x", color="black", markersize=10)
    ax.set(xlabel="x", aspect="equal", title=f"target of {title}")
axes[0].set_ylabel("y")
plt.show()
'''
M["59aafd75"]={"mystnb":{"figure":{"caption":"Paths of the three guesses (dots: starts) to the true place of the source (cross).","name":"fluid-source-paths"},"image":{"alt":"Two panels with three curves each in the plane of x and y. Left, all three end at the same cross, one of them after a detour. Right, two end at the cross, the third stops between its start and the cross."}},"tags":["hide-input"]}
C["524e28a9"]='''
The crime is easy: all three guesses end within a fifth of a cell of the true place. With PhiFlow's target a tenth of the loss cannot be removed, and yet two guesses find the place as well as before; the third, which starts farthest away, gets stuck on the way ({numref}`fluid-source-paths`). An exact fit is not needed for a right answer.

The converse is the other unknown: give the *velocity* a target that can be reached. We take the smoke that the velocity of {numref}`fluid-plumes` has made, and look for that velocity from rest, with the same method and as many updates.
'''
INS.append(("524e28a9","code","a37c0006",{"tags":["hide-input"]},'''
reachable = after[:3]
reach_losses, reach_velocities = run_methods([(adam, True)], MORE_UPDATES, reachable)
square = sum(u.square().sum() for u in best_velocity)
gap = sum(
    (u - v).square().sum()
    for u, v in zip(reach_velocities[0], best_velocity, strict=True)
)
velocity_error = (gap / square).sqrt().item()
reach_left = (reach_losses.min() / reach_losses[0]).item()
Table(
    {
        "velocity, the fourth flow's smoke": {
            "unknowns a flow": sum(u[0].numel() for u in best_velocity),
            "exact fit": "not known",
            "loss, best over first": ends[f"Adam, {MORE_UPDATES} updates"]["best over first"],
        },
        "velocity, smoke that can be reached": {
            "unknowns a flow": sum(u[0].numel() for u in best_velocity),
            "exact fit": "exists",
            "loss, best over first": reach_left,
            "error of the unknown": f"{velocity_error:.2f} of its norm",
        },
        "place, PhiFlow's smoke": {
            "unknowns a flow": 2,
            "exact fit": "none",
            "loss, best over first": left[3:].median().item(),
            "error of the unknown": f"{misses[-1, 3:].median():.2f} cells",
        },
        "place, the same solver's smoke": {
            "unknowns a flow": 2,
            "exact fit": "exists",
            "loss, best over first": left[:3].median().item(),
            "error of the unknown": f"{misses[-1, :3].median():.2f} cells",
        },
    },
    rows="unknown and target",
    caption="What decides about the fit, and what about the answer; medians of three "
    "flows for the place.",
    name="fluid-unknowns",
    formats={"loss, best over first": "{:.1%}"},
)
'''))
INS.append(("a37c0006","markdown","a37c0007",{},'''
{numref}`fluid-unknowns` separates two things. *Whether an exact fit exists* decides how low the loss gets: with a reachable target the same search leaves far less. *How much the observation says about the unknown* decides about the answer: two numbers are found to a fraction of a cell, with or without an exact fit; of 2,500 numbers the search finds others that make nearly the same smoke. They are off by about the size of the velocity itself.

Only the direction of the gradient test depends on the seed.

## Summary

- Gradients pass through twenty steps of a flow solver with pressure projections, for several flows at once. A finite difference confirms them.
- The same gradient leads to very different results: on a jagged loss plain descent oscillates and a line search gets stuck. Dividing the gradient by its size gets through, averaging helps a little more.
- A small loss and a right answer are two things. An exact fit makes the loss small; only an observation that determines the unknown makes the answer right.
- *Costs and limits:* memory for all states of twenty steps. Each update costs about three simulations. The answer need not be unique, and nothing asks whether such an initial velocity is plausible. Even with two unknowns a guess that starts too far away gets stuck.

## Claims
'''))
C["893636da"]='''
PRINTED = np.array([298.286163, 291.454376, 276.057831])
adam_end = ends[f"Adam, {MORE_UPDATES} updates"]["best loss"]
descent_end = ends[f"gradient descent, {UPDATES} updates"]["best loss"]
plain, normed, entries = parts.values()

with Claims("differentiable_physics/fluid_inverse") as claims:
    claims.check(
        "PhiFlow gives the printed losses of the first three updates; largest "
        "relative difference",
        np.abs(phiflow_losses / PRINTED - 1).max(),
        at_most=1e-5,
        source="three values",
    )
    claims.check(
        "In 80 updates gradient descent reaches the loss of the source, here with "
        "other walls; best loss",
        descent_end,
        between=(145, 195),
        source="169.9",
    )
    claims.check(
        "The gradient descent of the source was not at its end; best loss of 300 "
        "updates over best of 80",
        ends[f"gradient descent, {MORE_UPDATES} updates"]["best loss"] / descent_end,
        at_most=0.99,
    )
    claims.check(
        "Adam reaches far lower losses in as many updates; ratio to gradient "
        "descent after 80, both with the best of three rates",
        entries["averaged"] / plain["not averaged"],
        at_most=0.5,
    )
    claims.check(
        "What Adam gains is mostly the division: without averaging, Adam's loss over "
        "that of gradient descent",
        entries["not averaged"] / plain["not averaged"],
        at_most=0.5,
    )
    claims.check(
        "Averaging without a division gains little; loss of descent with momentum "
        "over that without",
        plain["averaged"] / plain["not averaged"],
        between=(0.7, 1.1),
    )
    claims.check(
        "A division by one number a flow does most of it; loss of normalised over "
        "that of plain descent",
        normed["not averaged"] / plain["not averaged"],
        at_most=0.65,
    )
    claims.check(
        "With more updates Adam removes most of the mismatch; loss over first loss",
        adam_end / start_loss,
        at_most=0.2,
    )
    claims.check(
        "L-BFGS gets stuck on the jagged loss, begun again and again; its best loss "
        "over that of Adam",
        min(curvature) / adam_end,
        at_least=2,
    )
    claims.check(
        "What remains is mostly in the stems; share of the mismatch below y = 12, "
        "after over before",
        stem_after / stem_before,
        at_least=1.5,
    )
    claims.check(
        "A target that can be reached is fitted better; share of the loss that is "
        "left, over that with the fourth flow's smoke",
        reach_left / (adam_end / start_loss),
        at_most=0.5,
    )
    claims.check(
        "A velocity that fits the smoke is not the one that made it; distance over "
        "the norm of the latter",
        velocity_error,
        at_least=0.4,
    )
    claims.check(
        "The place of the source is recovered from the same solver's smoke; largest "
        "distance from the truth in cells",
        misses[-1, :3].max(),
        at_most=0.3,
    )
    claims.check(
        "The place of the source is recovered from another solver's smoke by two of "
        "three guesses; second distance in cells",
        misses[-1, 3:].sort().values[1],
        at_most=0.5,
    )
    claims.guard(
        "The gradient agrees with a central difference; relative distance at offset"
        " 10⁻⁷",
        gradient_gaps[1e-7],
        at_most=1e-4,
    )
'''
C["7b4b3a35"]=sub(
('    return phi_math.sum(field.l2_loss(smoke - target), "place")','    return phi_math.sum(field.l2_loss(smoke - target), "place"), smoke'),
("velocity, phiflow_losses = rest, []","velocity, phiflow_losses, phiflow_smokes = rest, [], []"),
("    loss, gradient = phiflow_gradient(velocity)\n","    (loss, smoke), gradient = phiflow_gradient(velocity)\n"),
("    phiflow_losses.append(float(loss.numpy()))\n","    phiflow_losses.append(float(loss.numpy()))\n    phiflow_smokes.append(smoke.values)\n"),
)
C["a0ecbde6"]='''
def stage(velocity, steps, updates):
    goal = simulate(flow.rest(1), inflow_cells[3:], steps)[0].detach()
    optimizer = torch.optim.Adam(velocity, lr=ETA_ADAM)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        loss = losses_of(simulate(velocity, inflow_cells[:3], steps), goal).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return loss.item()


velocity = at_rest()
stage(velocity, STEPS // 2, UPDATES // 2)
print(f"two stages: {stage(velocity, STEPS, UPDATES // 2):.1f}, ", end="")
print(f"one stage: {short['Adam'].min():.1f}")
'''
C["0d645512"]=sub(('print(f"loss {loss.item():.1f} of {start_loss:.1f}")','print(f"loss {loss.item():.1f} of {start_loss:.1f}")'))
C["777fb28b"]=lambda s: s
if __name__=="__main__":
    edit(NB,C,INS,RM,M)
