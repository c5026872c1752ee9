co('smdp-load','''
networks = nn.ModuleDict(
    {
        name: nn.ModuleList(build(settings.get("plain", False)) for _ in SEEDS)
        for name, settings in VARIANTS.items()
    }
)
header = checkpoints.load(datasets.fetch("smdp.safetensors"), networks)
best, usual = networks["backward, four times longer"][0], networks["backward"][0]
start = time.perf_counter()
brief, brief_history = train(run.seed, BRIEF)
brief_seconds = time.perf_counter() - start
''')
co('smdp-score-figure',r'''
SHOWN = np.linspace(-1.25, 1.25, 251)
WHEN = np.linspace(0.06, T**0.5, 200) ** 2  # as fine as the paths are at early times
place = torch.tensor(SHOWN, dtype=torch.float32)
with torch.no_grad():
    pictures = {
        name: np.array([f(place, t).numpy() for t in WHEN]).T / G**2
        for name, f in {
            "exact": exact,
            "learned": best,
            "source's network": networks["source's network, both"][0],
        }.items()
    }
nearest = [np.argmin(np.abs(STORED - t)) for t in WHEN]
visited = np.array([np.interp(SHOWN, GRID, mixture[k], 0, 0) for k in nearest]).T
visited = visited / visited.max(axis=0)
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), sharey=True, layout="constrained")
for ax, (name, values) in zip(axes, pictures.items(), strict=True):
    image = ax.pcolormesh(
        WHEN**0.5, SHOWN, values, cmap="RdBu_r", vmin=-75, vmax=75, rasterized=True
    )
    ax.contour(WHEN**0.5, SHOWN, visited, [1e-3], colors="black", linewidths=0.8)
    ticks = [0.1, 1, 3, 6, 10]
    ax.set(title=name, xlabel="time $t$")
    ax.set_xticks(np.sqrt(ticks), ticks)
axes[0].set_ylabel("state $x$")
fig.colorbar(image, ax=axes, label=r"score $\\partial_x \\log p$", extend="both")
plotting.keep("smdp-score", fig)
'''.replace('\\\\','\\'),('hide-input','remove-output'))
md('smdp-score-text',r'''
```{glue:figure} smdp-score
:name: smdp-score-figure
:alt: Three coloured pictures of the score over time and state, with black lines around the region where paths are: two narrow bands from plus and minus one that merge towards zero. Inside of the lines the exact and the learned score look the same, red below and blue above the middle of each band. Outside they differ. The source's network shows only one band of colours around zero, without structure in the two branches.

The score where paths are (within the lines the density is at least a thousandth of its maximum), exact, by our network and by the source's, trained with the same data and number of updates. Red pushes up, blue down; values beyond ±75 are cut off. The time axis is stretched at early times.
```

Inside of the lines our network has the exact score, narrow branches included. Outside no path has ever been, and what it says there is its own guess. A backward path that leaves the lines meets the physics backwards, which drives it away ever faster.

**How wrong is the posterior?** Drawing thousands of paths would measure it, with the noise of the draw. There is a way without: let $u(x, t)$ be the probability that a backward path which is at $x$ at time $t$ ends at $+1$. After one backward step it must, on average, be the same. This gives

$$
\frac{\partial u}{\partial t} = -\left( \mathcal P - f_\theta \right) \frac{\partial u}{\partial x} + \frac{g^2}{2}\, \frac{\partial^2 u}{\partial x^2},
$$ (smdp-u)

which we solve from $t = 0.5$, where $u$ is 1 above zero and 0 below, to $t = T$. The difference of $u(x, T)$ from {eq}`smdp-posterior`, its absolute value averaged over the density of end states, is the error of the *learning* alone. A second measure is the divergence of the paths, by Girsanov's theorem {cite}`song2021maximum`

$$
\mathrm{KL} = \frac{1}{2 g^2} \int_{0.5}^{T} \mathbb E \left| f_\theta - g^2\, \partial_x \log p \right|^2 \mathrm dt .
$$ (smdp-kl)
'''.replace('{cite}`song2021maximum`','{cite}`song2021maximum`'))
co('smdp-measures',C['measures'],FOLD)
co('smdp-table','''
POSTERIOR, DIVERGENCE, LOST = "P(+1) off by", "divergence [nats]", "flow lost"
ends = simulate(1000, seed=77)[:, -1]


def lost(states):
    """Returns the share of paths that end more than 0.1 away from both starts."""
    return 1 - ((states[-1].abs() - 1).abs() < 0.1).double().mean().item()


def measured(f):
    return posterior_error(f), path_divergence(f), lost(backwards(f, ends, noise=False))


def named(values):
    return dict(zip((POSTERIOR, DIVERGENCE, LOST), values, strict=True))


quality = {name: np.array([measured(f) for f in networks[name]]) for name in VARIANTS}


def ratio(f, t=2.0):
    """Returns the factor between f and the exact g² ∂ log p, by least squares under p."""
    p = np.interp(LINE, GRID, mixture[np.argmin(np.abs(STORED - t))])
    right = on_line(exact, t)
    return np.sum(p * on_line(f, t) * right) / np.sum(p * right**2)


score_ratios = {name: np.mean([ratio(f) for f in networks[name]]) for name in VARIANTS}
seconds = {
    name: np.mean([header["settings"]["seconds"][f"{name} {seed}"] for seed in SEEDS])
    for name in VARIANTS
}
Table(
    {
        name: {
            POSTERIOR: values[:, 0].mean(),
            "largest": values[:, 0].max(),
            DIVERGENCE: values[:, 1].mean(),
            LOST: values[:, 2].mean(),
            "training [s]": seconds[name],
        }
        for name, values in quality.items()
    }
    | {
        f"here, {BRIEF} updates": {
            **named(measured(brief)),
            "training [s]": brief_seconds,
        },
        "no score": named(measured(lambda x, t: 0 * x)),
    },
    rows="training",
    caption="Learned scores, means of five networks (and the largest error): the error "
    "of P(+1), the divergence of backward paths, the share of paths without noise that "
    "do not arrive, and the time of a training.",
    name="smdp-scores",
    digits=2,
    formats={LOST: "{:.0%}", "training [s]": "{:.0f}"},
)
''',FOLD)
md('smdp-table-text',r'''
{numref}`smdp-scores` bears out what we derived, and more:

- **The factor of two.** Backward steps with half the score in the drift give a network twice as large as the score; the divergence is a hundred times that of the others. The posterior suffers less than one would think, since near the end the score is small anyway. Both directions repair it, and are not as good as backward steps alone: half the signal, twice the noise, as derived.
- **Longer training** is the best of all changes: four times the updates cost four times as much and divide the error.
- **Windows** of several steps belong to the flow without noise: for it, the source tells us, longer windows are training by maximum likelihood. Windows of 5 or 17 at the end of the training change little, in the posterior, in the paths or in the flow, whose lost paths they should have saved. Windows of 17 cost as much as training four times longer.
- **The source's network**, with the same data and updates, does not get there. Its inputs $x$ and $\log t$ do not tell how wide the density is, which differs a hundredfold between early and late times. The source trains with 1.5 million updates; with windows or not, what a network sees matters first.
- **250 paths**, the number of the source, do nearly as well as 20,000. A path has hundreds of steps, and each of them teaches.

The *flow lost* column warns: without noise a few per cent of the paths miss both starts. {numref}`smdp-samplers` will show that this is the learned score and not the time step.

## Sampling: learning and time step

Two errors meet in a sampler, that of the score and that of the time step. With the exact score only the second is left. Again we can compute it without drawing: a step moves $x$ to a normal random number, so the probability of ending at $+1$ after $k$ steps is an integral over that at $k - 1$ steps (nine Gauss–Hermite nodes).
''')
co('smdp-steps','''
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
NODE_WEIGHTS /= NODE_WEIGHTS.sum()
WIDE = np.linspace(-1.6, 1.6, 1601)


def error_of_sampler(f, steps, uniform=False):
    """Returns the mean error of P(+1) of the reverse SDE with finite steps."""
    grid = T * np.linspace(0, 1, steps + 1) ** (1 if uniform else 2)
    u = (WIDE > 0) + 0.5 * (WIDE == 0)
    place = torch.tensor(WIDE, dtype=torch.float32)
    for k in range(1, steps + 1):
        h = grid[k] - grid[k - 1]
        with torch.no_grad():
            mean = WIDE - h * (physics(WIDE) - f(place, grid[k]).double().numpy())
        after = mean[:, None] + G * np.sqrt(h) * NODES
        values = CubicSpline(WIDE, u)(after.clip(WIDE[0], WIDE[-1]))
        u = values.clip(0, 1) @ NODE_WEIGHTS
    weight = np.interp(WIDE, GRID, end_density, 0, 0)
    return np.sum(weight * np.abs(u - np.interp(WIDE, GRID, posterior))) / weight.sum()


SAMPLERS = {
    "exact, 100 equal steps": (exact, 100, True),
    "exact, 1000 equal steps": (exact, 1000, True),
    "exact, 100 steps": (exact, 100, False),
    "exact, 400 steps": (exact, 400, False),
    "learned, 100 steps": (usual, 100, False),
    "learned, 400 steps": (usual, 400, False),
    "learned longer, 400 steps": (best, 400, False),
}
torch.manual_seed(run.seed)
sampled = {}
for name, (f, steps, uniform) in SAMPLERS.items():
    row = sampled[name] = {POSTERIOR: error_of_sampler(f, steps, uniform)}
    for label, noise in (("SDE", True), ("flow", False)):
        states = backwards(f, ends.double(), steps, noise, uniform)
        off = (states[-1].abs() - 1).abs()
        row[f"{label}: end off by"] = off.nanmedian().item()
        row[f"{label}: lost"] = lost(states)
Table(
    sampled,
    rows="score, steps",
    caption="Time step and learning apart: the error of P(+1) with noise (SDE), the "
    "median distance of an end from ±1, and the share that ends more than 0.1 away, "
    "with noise and without (flow). Steps are quadratic unless they are called equal.",
    name="smdp-samplers",
    digits=2,
    formats={"SDE: lost": "{:.1%}", "flow: lost": "{:.1%}"},
)
'''.replace('NODE_WEIGHTS /=','NODE_WEIGHTS /='),FOLD)
md('smdp-steps-text',r'''
With equal steps, as in the source, even the exact score misses the starts unless there are a thousand of them: the first hundredth of the time has nearly all of the motion. With steps that shrink towards $t = 0$ a hundred do. From 400 steps on the time step is no longer the larger error of the briefly trained network.

Lost paths of the flow are an error of learning: with the exact score there are none. Noise is what protects the SDE. Along a branch, where $a = 1 + 7t$ is large, a deviation from the middle shrinks like $a^3$ on the way back with the full score, and only like $a^{1/2}$ with half of it (an exercise). The flow keeps the errors that it has once made.

## The posterior

Now the question we began with. For many end states we let 2,000 backward paths begin and count those that arrive at $+1$.
''')
co('smdp-calibration','''
PLACES = torch.linspace(-0.1, 0.1, 21)
OFTEN = 2000


def shares_of(f, noise=True):
    """Returns the share of backward paths that arrive at +1, for each of PLACES."""
    states = backwards(f, PLACES.repeat_interleave(OFTEN), 200, noise)
    return (states[-1].reshape(len(PLACES), OFTEN) > 0).double().mean(dim=1).numpy()


double, plain = networks["backward, half"][0], networks["source's network, both"][0]
torch.manual_seed(run.seed)
shares = {
    "learned, SDE": shares_of(best),
    "twice the score, SDE": shares_of(double),
    "source's network, SDE": shares_of(plain),
    "learned, flow": shares_of(best, noise=False),
}
at_starts = torch.tensor(STARTS, dtype=torch.float32).repeat_interleave(10 * OFTEN)
arrived = backwards(best, at_starts, 200)[-1].reshape(len(STARTS), -1) > 0
start_shares = arrived.double().mean(dim=1).numpy()
start_error = np.abs(start_shares - exact_shares).max()
''',FOLD)
co('smdp-calibration-figure','''
fig, ax = plt.subplots(figsize=(6.4, 4.2))
ax.plot(GRID, posterior, color="black", label="exact")
styles = (("#0072b2", "o"), ("#d55e00", "^"), ("#cc79a7", "v"), ("#009e73", "s"))
for (name, values), (color, marker) in zip(shares.items(), styles, strict=True):
    ax.plot(PLACES, values, marker, color=color, markersize=5, label=name)
ax.fill_between(
    GRID, end_density / end_density.max() * 0.25, color="#8c8c8c", alpha=0.3, linewidth=0
)
ax.text(0.0, 0.03, "density of end states", ha="center", fontsize=9, color="#505050")
ax.set(xlim=(-0.11, 0.11), ylim=(-0.02, 1.02))
ax.set(xlabel="end state $x_T$", ylabel="share that began at $+1$")
ax.legend(fontsize=9, loc="upper left")
plotting.keep("smdp-calibration", fig)
''',('hide-input','remove-output'))
md('smdp-calibration-text',r'''
```{glue:figure} smdp-calibration
:name: smdp-calibration-figure
:alt: Share of paths that began at plus one over the end state. The exact curve rises gently from 0.36 at minus 0.1 to 0.64 at plus 0.1, and the learned SDE's dots lie on it. Twice the score gives a flatter row of dots, the source's network one that is shifted upwards. The flow without noise jumps from zero to one at zero.

Where did it begin? Exact answer, and shares of 2,000 backward paths from each end state. The learned score with noise finds the posterior; twice the score says "don't know" too often; without noise there is only yes or no.
```

The learned SDE lies on the exact curve. At the six end states of the source, from $-0.065$ to $0.065$, it agrees within the noise of 20,000 paths. So a *correct* sampler sends 41 % of the paths from $+0.065$ to $-1$. A picture of six paths with each colour on its own side, which looks like success, would be a failure, if it happened every time.

**One answer, or all.** The flow without noise gives one start for each end state, the upper one for positive $x_T$. Here it is also the more probable start: the best single guess, right in 54 % of all cases. That is an accident of the symmetry. The flow moves densities like a sheet of rubber, without folding, so the upper half of the end states goes to the upper half of the starts. If seven of ten paths began at $+1$, it would send the upper 70 % of end states there, and the lower 30 % to $-1$. But then the more probable start is $+1$ for nearly all of them. A flow is neither a sample of the posterior nor its maximum.
''')
co('smdp-unequal','''
def cut(share):
    """Returns where the flow divides the end states, if a share of all paths begins at
    +1, the chance of +1 there, and for how many end states −1 is the better guess.
    """
    density = share * from_plus[-1] + (1 - share) * from_plus[-1][::-1]
    chance = np.divide(
        share * from_plus[-1], density, out=np.zeros_like(density), where=density > 1e-12
    )
    below = np.cumsum(density) * DX
    flow_cut = np.interp(1 - share, below, GRID)
    minus = np.sum(density[chance < 0.5]) * DX
    return flow_cut, np.interp(flow_cut, GRID, chance), minus


flow_cut, chance_there, guess_minus = cut(0.7)
best_guess = np.sum(end_density * np.maximum(posterior, 1 - posterior)) * DX
print(f"starts 50:50: the best single guess is right in {best_guess:.1%} of the cases")
print(f"starts 70:30: the flow sends all end states below {flow_cut:.3f} to -1,")
print(f"  where +1 has a probability of {chance_there:.0%};")
print(f"  -1 is the better guess for {guess_minus:.1%} of the end states")
''',FOLD)
md('smdp-paths-text',r'''
**Paths, not only ends.** Two samplers may agree on starts and disagree on how the paths got there. When did each path change sides for the last time? We compare this time for simulated paths and for backward paths from their end states, by the largest distance between the two distributions (Kolmogorov–Smirnov).
''')
co('smdp-crossing','''
def last_crossing(states):
    """Returns the time after which a path, (K + 1, paths), stays on its side; 0: always."""
    positive = states > 0
    changed = positive[1:] != positive[:-1]
    return times[(changed * torch.arange(1, K + 1)[:, None]).amax(dim=0)]


CROSSED = 10_000
forward = simulate(CROSSED, seed=run.seed + 9)
truth = last_crossing(forward.T)
torch.manual_seed(run.seed)
COMPARED = {"learned longer": best, "twice the score": double}
COMPARED |= {"source's network": plain}
others = {"simulated again": simulate(CROSSED, seed=run.seed + 10).T}
others |= {
    name: backwards(f, forward[:, -1]).flip(0)
    for name, f in ({"exact score": exact} | COMPARED).items()
}
crossing = {
    name: ks_2samp(truth, last_crossing(states)).statistic
    for name, states in others.items()
}
limit = 1.36 * (2 / CROSSED) ** 0.5
Table(
    {name: {"distance": value} for name, value in crossing.items()},
    rows="paths",
    caption="Distance between the distributions of the last change of sides, from "
    f"{CROSSED:,} paths each; two samples of the same differ by {limit:.3f} in one of "
    "twenty cases.",
    name="smdp-crossing",
    digits=2,
)
''',FOLD)
md('smdp-noise',r'''
The learned score's paths change sides when they should; twice the score, with its tolerable posterior, does not.

## How much noise?

The noise decides how much there is to know. We solve {eq}`smdp-fokker-planck` for several strengths, and compute how uncertain the start is when the end is known: the mean entropy of the posterior in bits, where 1 is a coin.
''')
co('smdp-noise-table','''
def entropy(p):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


noise_levels = {}
for g in (0.01, 0.02, 0.03, 0.05):
    plus = fokker_planck(g)[-1]
    total = (plus + plus[::-1]) / 2
    chance = np.divide(plus, 2 * total, out=np.zeros_like(plus), where=total > 1e-30)
    noise_levels[g] = {
        "changed sides": (plus[GRID < 0].sum() + plus[GRID == 0].sum() / 2) * DX,
        "uncertainty [bits]": np.sum(total * entropy(chance)) * DX,
        "best guess right": np.sum(total * np.maximum(chance, 1 - chance)) * DX,
    }
Table(
    {f"{g:g}": row for g, row in noise_levels.items()},
    rows="strength g",
    caption="What is left to know at the end, exact.",
    name="smdp-noise-levels",
    digits=3,
    formats={"changed sides": "{:.1%}", "best guess right": "{:.1%}"},
)
''',FOLD)
md('smdp-rivals',r'''
With $g = 0.01$ the end still tells the start in three of four cases; with 0.05 it says nothing, and a posterior of one half for all end states is right. So in this example noise makes the answer *easier*, not harder. A method must be tested where something is left to know.

## Who needs the physics?

What do others do with this problem, which know nothing of stepping back?

- **Particles.** Whoever has the simulator can simulate more: 100,000 paths, and a curve through who ends where.
- **A classifier.** Logistic regression on end state and start, with the odd features $x_T$ and $x_T^3$.
- **A generative model** of the start, conditioned on the end: flow matching, as in {doc}`/notebooks/probabilistic/flow_matching`, a network that turns noise and $x_T$ into $x_0$, mirrored paths included. It is score matching without the physics.

All see the same end states as our networks, 20,000 or only 250.
''')
co('smdp-flow','''
UNIT = end_density @ np.abs(GRID) * DX  # of end states


def classify(start, end):
    """Returns P(+1) on LINE by logistic regression on x and x³."""
    features = np.stack([end / UNIT, (end / UNIT) ** 3], axis=1)
    sign = np.sign(start)
    c = minimize(lambda c: np.logaddexp(0, -sign * (features @ c)).mean(), [0, 0]).x
    return 1 / (1 + np.exp(-c[0] * LINE / UNIT - c[1] * (LINE / UNIT) ** 3))


def train_flow(start, end, updates):
    """Returns the velocity of a flow from noise z to starts, given end states."""
    velocity = nn.Sequential(
        *(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU()),
        *(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1)),
    )
    optimizer = torch.optim.Adam(velocity.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, updates)
    for _ in run.progress(range(updates)):
        rows, mirror = torch.randint(len(start), (BATCH,)), torch.randn(BATCH).sign()
        x0, xT = mirror * start[rows], mirror * end[rows]
        z, tau = torch.randn(BATCH), torch.rand(BATCH)
        inputs = torch.stack([(1 - tau) * z + tau * x0, tau, xT / UNIT], dim=1)
        loss = ((velocity(inputs)[:, 0] - (x0 - z)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return velocity


@torch.no_grad()
def flow_shares(velocity, quantiles=400, steps=50):
    """Returns P(+1) on LINE: the share of the quantiles of z that go up."""
    at = torch.linspace(-0.15, 0.15, 61)
    levels = (torch.arange(quantiles) + 0.5) / quantiles
    z = torch.distributions.Normal(0, 1).icdf(levels)
    xT, x = at.repeat_interleave(quantiles), z.repeat(len(at))
    for k in range(steps):
        inputs = torch.stack([x, torch.full_like(x, k / steps), xT / UNIT], dim=1)
        x = x + velocity(inputs)[:, 0] / steps
    up = (x.reshape(len(at), quantiles) > 0).double().mean(dim=1).numpy()
    return np.interp(LINE, at.numpy(), up)
''',FOLD)
co('smdp-rivals-table','''
def off(shares):
    return np.sum(WEIGHT * np.abs(shares - EXACT))


def timed(task, *arguments):
    start = time.perf_counter()
    result = task(*arguments)
    return result, time.perf_counter() - start


rivals = {}
FEW, MANY = f"{250:,} paths", f"{PATHS:,} paths"
for count, label in ((PATHS, MANY), (250, FEW)):
    errors = {"classifier": [], "flow matching": []}
    spent = dict.fromkeys(errors, 0.0)
    for seed in SEEDS if count == 250 else SEEDS[:3]:
        paths = simulate(count, 1000 + seed)  # the paths of our networks
        begin, end = paths[:, 0], paths[:, -1]
        shares_found, t = timed(classify, begin.numpy(), end.double().numpy())
        errors["classifier"].append(off(shares_found))
        spent["classifier"] = t
        if seed < 2:
            torch.manual_seed(seed)
            velocity, t = timed(train_flow, begin, end, FLOW_UPDATES)
            errors["flow matching"].append(off(flow_shares(velocity)))
            spent["flow matching"] = t
    for name, values in errors.items():
        rivals.setdefault(name, {})[label] = np.mean(values)
        rivals[name]["time [s]"] = spent[name]
particles, particle_seconds = timed(simulate, 100_000, run.seed + 5, 1)
particle_shares, t = timed(
    classify, particles[:, 0].numpy(), particles[:, -1].double().numpy()
)
rivals["particles"] = {MANY: off(particle_shares), "time [s]": particle_seconds + t}
ours = {
    "SMDP": {
        MANY: quality["backward"][:, 0].mean(),
        FEW: quality["backward, 250 paths"][:, 0].mean(),
        "time [s]": seconds["backward"],
    },
    "SMDP, four times longer": {
        MANY: quality["backward, four times longer"][:, 0].mean(),
        "time [s]": seconds["backward, four times longer"],
    },
    "always ½": {MANY: off(0.5 + 0 * LINE), FEW: off(0.5 + 0 * LINE)},
}
Table(
    rivals | ours,
    rows="method",
    caption="Mean error of P(+1), for methods with and without physics, and the time for "
    "learning with 20,000 paths. Particles: 100,000 new simulations.",
    name="smdp-rivals-table",
    digits=2,
)
''',FOLD)
md('smdp-rivals-text',r'''
With many paths a classifier does in milliseconds what our network does in seconds, and so do particles. **In one dimension, with two starts, the physics brings nothing that a histogram would not.** What is it for, then? Two things in {numref}`smdp-rivals-table` and {numref}`smdp-crossing` point to it. With 250 simulations, the backward steps find the posterior several times more accurately than methods that see only the two ends of each path: a simulation has hundreds of steps, and each one teaches the score. And the backward paths are whole histories, not only starts. Where a simulation is expensive, and the state has thousands of dimensions so that no histogram can be filled, both count. {doc}`/notebooks/probabilistic/smdp_heat` takes the step to fields.

## Summary

- A stochastic simulation is reversed by running its physics backwards with the score added: $\mathcal P - g^2\, \partial_x \log p$, with noise. The paths are samples of all pasts of an end state.
- One backward step of the simulator with a learned correction, compared with the step of the path, learns the score. The factor matters: half the score in the drift and only backward steps learn twice the score; both directions repair it at the price of more noise.
- Without noise and with half the score, each end state has one answer. It is no sample, and no best guess either, except by symmetry.
- Time step and learning are separate errors. Steps have to be small where the motion is fast; lost paths of the flow come from learning.
- *Costs and limits:* hundreds of network calls for a sample, in sequence, and a network trained for one noise level and one distribution of starts. Where no training path has been, the score is a guess and the physics backwards amplifies it. Windows of several steps brought no gain here. In one dimension, particles and a classifier are cheaper; only where simulations are few do single steps pay.

## Claims
''')
co('smdp-claims','''
five = {name: values[:, 0] for name, values in quality.items()}
divergences = {name: values[:, 1] for name, values in quality.items()}
with Claims("probabilistic/smdp") as claims:
    claims.check(
        "Of paths from +1, nearly half end below zero; exact share",
        crossed,
        between=(0.454, 0.458),
        source="45.6 %",
    )
    claims.check(
        "With the learned score (longest training), backward paths have the posterior's "
        "shares at the source's six end states; largest difference",
        start_error,
        at_most=0.02,
    )
    claims.refute(
        "Training on backward steps alone, with half of the score in the drift, does not "
        "learn the score; ratio to the exact score at t = 2, mean of five seeds",
        score_ratios["backward, half"],
        between=(1.8, 2.2),
        source="one direction is the default",
    )
    claims.check(
        "Training in both directions repairs the factor; divergence of paths in one "
        "direction over that in both, smallest of five seeds",
        (divergences["backward, half"] / divergences["both directions, half"]).min(),
        at_least=10,
        source="optional",
    )
    claims.check(
        "Backward steps with the full score do better than both directions with half; "
        "divergence of both over backward, mean of five seeds",
        divergences["both directions, half"].mean() / divergences["backward"].mean(),
        between=(1.1, 4),
    )
    claims.check(
        "Longer training divides the divergence; 1,500 over 6,000 updates, mean of five",
        divergences["backward"].mean()
        / divergences["backward, four times longer"].mean(),
        at_least=2,
    )
    claims.refute(
        "Windows of several steps bring no more than single steps at the same cost; "
        "divergence of windows of 17 over that of training four times longer, five seeds",
        divergences["backward, then windows of 17"].mean()
        / divergences["backward, four times longer"].mean(),
        at_least=1.5,
        source="should improve further",
    )
    claims.check(
        "The source's network does not learn the score from the same data and updates; "
        "its divergence over that of the scaled network, smallest of five seeds",
        (divergences["source's network, both"] / divergences["both directions, half"]).min(),
        at_least=8,
    )
    claims.check(
        "Equal steps need a thousand; median distance from ±1 with the exact score and "
        "100 equal steps over that with 100 quadratic steps, with noise",
        sampled["exact, 100 equal steps"]["SDE: end off by"]
        / sampled["exact, 100 steps"]["SDE: end off by"],
        at_least=20,
    )
    claims.check(
        "With the exact score and 400 quadratic steps the posterior is right; error",
        sampled["exact, 400 steps"][POSTERIOR],
        at_most=0.002,
    )
    claims.check(
        "With the exact score no path of the flow is lost; share lost, 400 steps",
        sampled["exact, 400 steps"]["flow: lost"],
        exactly=0,
    )
    claims.check(
        "With a learned score some paths of the flow are lost; share, mean of five "
        "networks after 1,500 updates",
        quality["backward"][:, 2].mean(),
        between=(0.01, 0.15),
        source="may shoot off",
    )
    claims.check(
        "If 70 % begin at +1, the flow sends end states to −1 whose start is more "
        "probably +1; exact probability of +1 at the border",
        chance_there,
        between=(0.65, 0.69),
    )
    claims.check(
        "Backward paths change sides when simulated ones do; distance of the "
        "distributions over the 5 % limit, learned score",
        crossing["learned longer"] / limit,
        at_most=1.5,
    )
    claims.check(
        "With twice the score paths change sides at the wrong time; distance over the "
        "5 % limit",
        crossing["twice the score"] / limit,
        at_least=4,
    )
    claims.check(
        "At strong noise nothing is left to know; uncertainty of the start for g = 0.05",
        noise_levels[0.05]["uncertainty [bits]"],
        at_least=0.999,
    )
    claims.check(
        "With 20,000 paths a classifier without physics is as good as SMDP of 1,500 "
        "updates; its error over SMDP's",
        rivals["classifier"][MANY] / ours["SMDP"][MANY],
        at_most=1.5,
    )
    claims.check(
        "With 250 paths SMDP beats the classifier; the classifier's mean error over SMDP's, "
        "five data sets",
        rivals["classifier"][FEW] / ours["SMDP"][FEW],
        at_least=2,
    )
    claims.guard("Probability is conserved on the grid; error", mass_error, at_most=1e-11)
    claims.guard(
        "The density agrees with simulated end states; Kolmogorov–Smirnov distance times "
        "the root of the number of paths",
        kolmogorov,
        at_most=1.95,
    )
    claims.guard(
        "The density at t = 0.1 has the moments of the formula; relative error",
        moments_error,
        at_most=0.02,
    )
    claims.guard(
        "The measure of the posterior is exact for the exact score; error",
        posterior_error(exact),
        at_most=2e-4,
    )
''',FOLD)
md('smdp-exercises',r'''
## Exercises

```{exercise} No score at all (easy)
:label: smdp-exercise-none

{numref}`smdp-scores` has a row "no score": backward steps with the physics alone, and noise. What does a path from a positive $x$ do without noise? Why is the posterior of the paths with noise nevertheless so far off, and in which direction?
```

````{solution} smdp-exercise-none
:label: smdp-solution-none
:class: dropdown

Backwards the physics drives away from zero, $\mathrm dx / \mathrm dt' = 7 \operatorname{sign}(x)\, x^2$, so that $1/x$ falls by $7 t'$, and a path with $x_T > 1/70 \approx 0.014$ is at infinity before $t = 0$. With noise, paths cross zero only as long as they are close to it, and they leave it quickly: the sign of $x_T$ decides too often. So the probability of $+1$ is too close to 1 for positive and to 0 for negative end states. The score holds the paths together until the time at which they should part.
````

````{exercise} The score of half a score (medium)
:label: smdp-exercise-half

Write the drift with a factor $c$ before the network, $\mathcal P - c f$, and train on backward steps with weight 1 and forward steps with weight $w$. Which $f$ minimises the loss? For which pairs $(c, w)$ is it $g^2\, \partial_x \log p$? Check with the networks: what multiple of the exact score are those of the rows "backward", "backward, half" and "both directions, half", at $t = 2$?

```{dropdown} Hint
At a fixed state the loss is $(c f - g^2 \partial_x \log p)^2 + w\, (c f)^2$, up to a constant.
```
````

````{solution-start} smdp-exercise-half
:label: smdp-solution-half
:class: dropdown
````
''')
co('smdp-solution-half-code','''
for name in ("backward", "backward, half", "both directions, half"):
    factors = [ratio(f, t=2.0) for f in networks[name]]
    print(f"{name:24s} {np.mean(factors):.2f}")
''')
md('smdp-solution-half-text',r'''
Setting the derivative to zero: $c f\, (1 + w) = g^2\, \partial_x \log p$, so it takes $c\, (1 + w) = 1$: the full score with backward steps only ($c = 1, w = 0$), or half of it with both ($c = \tfrac12, w = 1$). With $c = \tfrac12, w = 0$ one learns twice the score.

````{solution-end}
````

````{exercise} The border of the flow (medium)
:label: smdp-exercise-border

Let a share $q$ of all paths begin at $+1$. Use `cut` to find, for $q = 0.5, 0.55, 0.6$ and 0.7, which share of the end states the flow sends to $-1$, and for which share $-1$ is the more probable start. For which $q$ do the two agree?
````

````{solution-start} smdp-exercise-border
:label: smdp-solution-border
:class: dropdown
````
''')
co('smdp-solution-border-code','''
for q in (0.5, 0.55, 0.6, 0.7):
    print(f"q = {q:.2f}: flow {1 - q:.0%}, more probable start {cut(q)[2]:.1%}")
''')
md('smdp-solution-border-text',r'''
Only for $q = 0.5$, by symmetry. A flow without noise must deliver the *shares* of the starts, since it carries one density into the other. A best guess need not: when the end says little, it is wise to bet on the more frequent start always.

````{solution-end}
````

````{exercise} How errors shrink along a branch (hard)
:label: smdp-exercise-shrink

Near the upper branch the density is normal with mean $1/a$ and, for large $a = 1 + 7t$, variance $g^2 a / 35$. Linearise both {eq}`smdp-reverse` and {eq}`smdp-ode` for a small deviation $y$ from the mean and show that backwards in time $y$ shrinks like $a^3$ in the first (apart from noise), and like $a^{1/2}$ in the second. By how much does each reduce an error made at $t = 1$, on the way to $t = 0.1$? Check with the exact score, without noise in both.

```{dropdown} Hint
The derivative of the physics on the branch is $-14/a$. With $\mathrm da = 7\, \mathrm dt$ both equations become $\mathrm dy / \mathrm da = c\, y / a$.
```
````

````{solution-start} smdp-exercise-shrink
:label: smdp-solution-shrink
:class: dropdown
````
''')
co('smdp-solution-shrink-code','''
def shrinkage(share, early=0.1, late=1.0, steps=4000):
    """Returns by how much a small deviation grows from `late` back to `early`."""
    grid = np.linspace(late, early, steps + 1)
    x = torch.tensor([0.0, 1e-4], dtype=torch.float64) + moments(late)[0]
    for t, after in zip(grid[:-1], grid[1:], strict=True):
        mean, variance = moments(t)
        pull = G**2 * (mean - x) / variance  # g² times the score of the branch
        x = x + (after - t) * (physics(x) - share * pull)
    return (x.diff() / 1e-4).item()


a_early, a_late = 1 + RATE_OF_DECAY * 0.1, 1 + RATE_OF_DECAY * 1.0
print(f"full score: {shrinkage(1.0):.4f}, by the power {(a_early / a_late) ** 3:.4f}")
print(f"half score: {shrinkage(0.5):.4f}, by the power {(a_early / a_late) ** 0.5:.4f}")
''')
md('smdp-solution-shrink-text',r'''
The linearised score is $-35 y / (g^2 a)$, so with the full score $\mathrm dy / \mathrm dt = (-14/a + 35/a)\, y$, that is $\mathrm dy / \mathrm da = 3 y / a$, and $y \propto a^3$. With half the score, $-14/a + 17.5/a = 3.5/a$ gives $y \propto a^{1/2}$. From $t = 1$ to $t = 0.1$, $a$ falls by a factor of 4.7: errors fall to about a hundredth, or only to a half. The numbers are somewhat below the powers, since at $t = 0.1$ the variance is already smaller than its limit $g^2 a / 35$, and the score pulls harder.

````{solution-end}
````

## Next

{doc}`/notebooks/probabilistic/smdp_heat` runs diffusing fields backwards, where the exact posterior is known as well.

## References

```{bibliography}
:filter: docname in docnames
```
''')
