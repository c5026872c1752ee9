md('heat-title',r'''
# SMDP for fields: diffusion, backwards

Heat diffuses and forgets. Noise that falls in on the way covers what is left of the small scales. From the field at the end we ask for the field at the beginning, and since there are many, for samples of all of them. The physics runs backwards with a learned score, as in {doc}`/notebooks/probabilistic/smdp`, now with a thousand unknowns. For Gaussian fields the exact answer is known, mode by mode, and we measure against it. Then we leave the Gaussian world.

```{glue:figure} smdp-heat-key
:name: smdp-heat-fields
:alt: Two rows of six square pictures. First row: a rough random field, its blurred and noisy end state, the smooth best estimate and the nearly equal one of a supervised network, and two samples of the learned reverse simulation, which are as rough as the first picture, equal in the large and different in the small. Second row, a field of only two values: the blurred end state, a smooth linear estimate, a sharper supervised one, and two samples with crisp borders and two values.

Top: a Gaussian field, bottom: one of two values. From left to right: the field at the beginning, the same at the end, the best linear estimate, the estimate of a supervised network, and two samples by running back with a learned score.
```

**You will learn**

- what a step back in time consists of: a step *forward*, a learned correction, and noise;
- how to judge samples of fields: mean, spread, coverage, a proper score, the fine scales;
- why a small residual says little;
- which simple methods do as well for Gaussian fields, and what a network is good for beyond them.

*Run time: about two and a half minutes on one CPU core. Data: networks of 3 MB, shipped with the book.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; it describes this experiment without code. The method is by Holzschuh, Vegetti and Thuerey {cite}`holzschuh2023solving`; {doc}`/book/appendix/errata` lists where we depart from it.
''')
co('heat-bootstrap','''
# On Colab this installs the book's helpers; elsewhere they are already there.
try:
    import pbdl_helpers  # noqa: F401
except ModuleNotFoundError:
    %pip install -q https://github.com/OWNER/pbdl-book/releases/download/v0.2.0/pbdl_helpers-0.2.0-py3-none-any.whl
''',FOLD)
co('heat-setup',C['setup'],('hide-input','recipe'))
co('heat-constants',C['constants'],('recipe',))
md('heat-physics-text',r'''
## Heat and noise

A field $u(x, t)$ in a periodic box of length $2\pi$ follows

$$
\mathrm du = \nabla^2 u\, \mathrm dt + g\, \mathrm dw, \qquad 0 \le t \le T = 0.2,
$$ (heat-forward)

with independent noise in each of the $32 \times 32$ cells. There are no units; the initial fields have mean zero and variance one. On a periodic grid the Fourier modes $\hat u_k$ do not know of each other,

$$
\mathrm d \hat u_k = -|k|^2\, \hat u_k\, \mathrm dt + g\, \mathrm d\hat w_k ,
$$

so that we can step exactly, over any time $h$: a mode decays by $e^{-|k|^2 h}$ and receives noise of variance $q_k(h) = g^2 (1 - e^{-2 |k|^2 h}) / 2 |k|^2$. The initial fields are Gaussian with variances $P_k \propto |k|^{-3}$. The source has $|k|^{-4}$ and a third of our noise, $g = 0.1$; then the end tells nearly all of the beginning, and there is little to sample.
''')
co('heat-physics',C['physics'],('recipe',))
md('heat-exact-text',r'''
**What is right.** Beginning and end of a mode are jointly Gaussian. With $e_k = e^{-|k|^2 T}$ and $V_k(t) = e^{-2 |k|^2 t} P_k + q_k(t)$, the variance of the mode at time $t$, the posterior of $\hat u_k(0)$ is Gaussian, with

$$
\text{mean } \frac{e_k P_k}{V_k(T)}\, \hat u_k(T), \qquad \text{variance } \frac{P_k\, q_k(T)}{V_k(T)} .
$$ (heat-wiener)

The mean is the *Wiener filter*, the estimate of least mean square error; with noise of the given variance added it becomes a sample. Where a mode has decayed into the noise, the mean is nearly zero and the variance nearly $P_k$: nothing is known but the statistics.
''')
co('heat-exact','''
PRIOR = spectrum(EXPONENT)


def variance(t, prior=PRIOR):
    """Variance of each mode at a time."""
    t = torch.as_tensor(t)
    return decay(t) ** 2 * prior + inflow(t)


def wiener(prior=PRIOR):
    """Returns gain and posterior variance of each mode."""
    end = variance(T, prior)
    return decay(T) * prior / end, prior * inflow(torch.tensor(T)) / end


TRUTHS, SAMPLES = 16, 8  # test fields, samples for each
torch.manual_seed(run.seed + 99)
truth = draw(TRUTHS)
end = evolve(truth, T)
gain, posterior_variance = wiener()
known = (decay(T) ** 2 * PRIOR > inflow(torch.tensor(T))).sum().item()
prior_left = (posterior_variance.mean() / PRIOR.mean()).sqrt().item()
print(f"{known} of {N * N} modes are stronger than the noise at the end;")
print(f"the exact posterior is {prior_left:.2f} times as wide as the prior.")
''',FOLD)
md('heat-step-text',r'''
## One step back

What is the mean of a state, given the one a time $h$ later? By the same rule, for each mode,

$$
\mathbb E\left[ \hat u_k(t - h) \mid \hat u_k(t) \right] = e^{-|k|^2 h}\, \frac{V_k(t - h)}{V_k(t)}\; \hat u_k(t) .
$$ (heat-back)

Look at it: this is a step *forward*, $e^{-|k|^2 h}$, times a ratio of variances. In a mode that has reached its equilibrium of decay and noise, the ratio is one, and one step back is the same as one step forward: a film of the equilibrium can be played in either direction. To run the heat equation itself backwards, $e^{+|k|^2 h}$, would blow up just these modes. So we take the simulator's step $E_h$ as it is and learn a correction,

$$
u(t - h) = E_h u(t) + r_\theta(u(t), t) + g \sqrt h\; z, \qquad z \sim \mathcal N(0, I),
$$ (heat-sde)

with a network that sees the field and its change by the step, $u - E_h u$. As in {eq}`smdp-loss`, the mean square of $u(t - h) - E_h u(t) - r_\theta$ over simulated pairs teaches it; to first order in $h$, $r_\theta = 2h \left( -\nabla^2 u + \tfrac12 g^2\, \nabla \log p \right)$, the physics and the score. The flow without noise takes half of it,

$$
u(t - h) = u(t) + \tfrac12\, r_\theta(u(t), t) .
$$ (heat-flow)

The network learns the mean of the very steps with which it will be used. Does that leave an error of the time step? With the exact means of {eq}`heat-back` we can compute it for each mode, beside those of Euler's method with the exact score, on equal and on quadratic steps $t_j = T (j / J)^2$.
''')
co('heat-steps','''
def sampler_error(method, steps, power):
    """Returns error of the mean (rms) and spread, over the exact spread."""
    prior, grid = PRIOR.double(), T * torch.linspace(0, 1, steps + 1).double() ** power
    mean, spread = torch.ones_like(prior), torch.zeros_like(prior)
    for before, t in zip(grid[:-1].flip(0), grid[1:].flip(0), strict=True):
        h, later = t - before, variance(t, prior)
        exact_mean = decay(h) * variance(before, prior) / later
        euler = 1 + h * (K2 - G**2 / later)
        factor = euler if method == "Euler" else exact_mean
        mean, spread = mean * factor, spread * factor**2 + G**2 * h
    off = (variance(T) * (mean - gain) ** 2).mean().sqrt().item()
    ratio = (spread.mean() / posterior_variance.mean()).sqrt().item()
    return {"mean off by": off, "spread": ratio}


STEPPING = {
    f"{method}, {steps} {'quadratic' if power == 2 else 'equal'} steps": sampler_error(
        method, steps, power
    )
    for method, steps, power in (
        *(("Euler", 100, 1), ("Euler", 100, 2), ("Euler", 400, 2)),
        *(("mean of the step", 25, 2), ("mean of the step", 100, 2)),
    )
}
Table(
    STEPPING,
    rows="sampler with exact statistics",
    caption="Errors of the time step alone: root-mean-square error of the mean, and "
    "spread of the samples over that of the posterior.",
    name="smdp-heat-steps",
    digits=3,
)
''',FOLD)
md('heat-network-text',r'''
Euler's method narrows the samples by a tenth even with the exact score; means of the steps themselves leave no error in the mean, and almost none in the spread. So what we shall see is learning.

## Training

The network is a small U-Net with 60,000 weights, periodic as the box (folded below). It is trained with 4,000 initial fields; noise is drawn anew each time. To see what the physics does we train the same network without it: the step starts from $u(t)$ in place of $E_h u(t)$, and the network sees only the field. And we train a U-Net to map the end to the beginning directly, the *supervised* way. Each has five seeds.
''')
co('heat-network',C['network'],('hide-input','recipe'))
co('heat-train',C['train'],('recipe',))
co('heat-variants',C['variants'],('recipe',))
md('heat-load-text',r'''
Here we train for a short while and then load the networks made by the same cells with 5,000 updates.
''')
co('heat-load','''
networks = nn.ModuleDict(
    {
        name: nn.ModuleList(build(values["kind"]) for _ in values.get("seeds", SEEDS))
        for name, values in VARIANTS.items()
    }
)
header = checkpoints.load(datasets.fetch("smdp_heat.safetensors"), networks)
brief, history = train(run.seed, BRIEF, "physics")


@torch.no_grad()
def test_loss(network, batches=10):
    """Returns the loss of steps back from new fields."""
    torch.manual_seed(run.seed + 5)
    losses = [step_loss(network, draw(128)) for _ in range(batches)]
    return torch.stack(losses).mean().item()


numbers = torch.arange(1, STEPS + 1)
here, before = (variance(times[j][:, None, None]) for j in (numbers, numbers - 1))
scale = G**2 * step(numbers)
optimum = (before * inflow(step(numbers)) / here / scale).mean().item()
factor = decay(step(numbers)) * (before / here - 1)  # of the exact correction
zero_loss = optimum + (factor**2 * here / scale).mean().item()
losses = {
    f"here, {BRIEF} updates": test_loss(brief),
    "SMDP": test_loss(networks["SMDP"][0]),
    "without physics": test_loss(networks["without physics"][0]),
}
for name, value in losses.items():
    print(f"{name:20s} {value:.3f}")
print(f"{'smallest possible':20s} {optimum:.3f}")
print(f"{'no correction':20s} {zero_loss:.3f}")
''')
md('heat-result-text',r'''
## The posterior of Gaussian fields

Now from 16 end states that no network has seen, 8 samples each, back in a hundred steps.
''')
co('heat-sampling','''
@torch.no_grad()
def backwards(network, u, noise=True):
    for k in range(STEPS, 0, -1):
        start, correction = network(u, torch.full((len(u),), k))
        h = times[k] - times[k - 1]
        if noise:
            u = start + correction + G * h.sqrt() * torch.randn_like(u)
        else:
            u = u + (start + correction - heat(u, h)) / 2
    return u


def samples(network, end, count=SAMPLES, noise=True):
    """Returns fields (count, fields, N, N)."""
    return backwards(network, end.repeat(count, 1, 1), noise).reshape(count, *end.shape)


def gaussian_samples(end, gain, variance, count=SAMPLES):
    noise = torch.randn(count, *end.shape)
    return filtered(end, gain) + filtered(noise, variance.sqrt())
''')
md('heat-rivals-text',r'''
The rivals:

- **Regression** for each $|k|$: gain and remaining variance of a mode, estimated from the ends of 4,000 simulations. It presupposes fields that are Gaussian and alike everywhere, and knows neither the heat equation nor the spectrum.
- **Particles**: the 4,000 initial fields, drawn with the probability of the end state given each. In one dimension they were hard to beat.
- **Tikhonov's method**, the classic: minimise $|E_T u - u(T)|^2 + \alpha |u|^2$. It takes $\alpha$ from the size of the noise (the discrepancy principle: the residual shall be as large as the noise).
- The **supervised** network.
''')
co('heat-rivals','''
torch.manual_seed(run.seed + 7)
fields = draw(FIELDS)
fields_end = evolve(fields, T)


def of_shells(values):
    """Replaces each mode's value by the mean over modes of equal |k|."""
    shell = K2.long().flatten()
    sums = torch.zeros(int(shell.max()) + 1).index_add(0, shell, values.flatten())
    return (sums / torch.bincount(shell).clamp(min=1))[shell].reshape(N, N)


def regression(start, end):
    """Returns gain and remaining variance, estimated from pairs."""
    a, b = torch.fft.fft2(start), torch.fft.fft2(end)
    product, square = (a * b.conj()).real.mean(0), b.abs().square().mean(0)
    gain = of_shells(product) / of_shells(square)
    rest = (a - gain * b).abs().square().mean(0) / N**2
    return gain, of_shells(rest)


def power(u):
    """Power of each mode; its mean over modes is that of u² over cells."""
    return torch.fft.fft2(u).abs().square() / N**2


NOISE = inflow(torch.tensor(T))


def particles(end, candidates, count=SAMPLES):
    """Draws among candidates by the likelihood of the end; also the effective number."""
    chosen, effective = [], []
    for one in end:
        misfit = (power(heat(candidates, T) - one) / NOISE).sum((1, 2)) / 2
        weights = torch.softmax(-misfit.double(), dim=0)
        chosen.append(candidates[torch.multinomial(weights, count, replacement=True)])
        effective.append(1 / (weights**2).sum().item())
    return torch.stack(chosen, dim=1), np.mean(effective)


def tikhonov(end, alpha):
    """Minimises |E u − end|² + alpha |u|²."""
    e = decay(T)
    return filtered(end, e / (e**2 + alpha))


def discrepancy(end):
    """Returns Tikhonov's estimates with residuals as large as the noise."""
    estimates = []
    for one in end:

        def excess(log_alpha, one=one):
            residual = heat(tikhonov(one, 10**log_alpha), T) - one
            return residual.square().mean().item() - NOISE.mean().item()

        estimates.append(tikhonov(one, 10 ** brentq(excess, -8, 4)))
    return torch.stack(estimates)


def crps(s, truth):
    """Continuous ranked probability score of samples, mean over cells."""
    n = len(s)
    apart = sum((s[i] - s[j]).abs().mean() for i in range(n) for j in range(i))
    spread = apart / (n * (n - 1) / 2) if n > 1 else torch.zeros(())
    return ((s - truth).abs().mean() - spread / 2).item()


FINE = K2 > 36


def measures(s, truth=truth, end=end, prior=PRIOR):
    """Returns the measures of samples, or of single estimates, (count, fields, N, N)."""
    gain, exact_variance = wiener(prior)
    many = len(s) > 1
    own = s.var(dim=0).mean() if many else torch.zeros(())
    off = (s.mean(dim=0) - filtered(end, gain)).square().mean() - own / len(s)
    inside = (truth > s.amin(dim=0)) & (truth < s.amax(dim=0))
    return {
        "mean off by": off.clamp(min=0).sqrt().item(),
        "spread": (own / exact_variance.mean()).sqrt().item() if many else None,
        "inside": inside.double().mean().item() if many else None,
        "CRPS": crps(s, truth),
        "residual χ²": (power(heat(s, T) - end) / NOISE).mean().item(),
        "fine scales": (power(s)[..., FINE].mean() / prior[FINE].mean()).item(),
    }
''',FOLD)
co('heat-table','''
torch.manual_seed(run.seed)
start_time = time.perf_counter()
learned_gain, learned_variance = regression(fields, fields_end)
regression_seconds = time.perf_counter() - start_time
particle_samples, effective = particles(end, fields)
start_time = time.perf_counter()
shown = {"SMDP": samples(networks["SMDP"][0], end)}
sample_seconds = (time.perf_counter() - start_time) / (SAMPLES * TRUTHS)
shown |= {
    "exact": gaussian_samples(end, *wiener()),
    "regression": gaussian_samples(end, learned_gain, learned_variance),
    "particles": particle_samples,
    "Wiener mean": filtered(end, gain)[None],
    "Tikhonov": discrepancy(end)[None],
}
found = {name: [measures(s)] for name, s in shown.items()}
found["SMDP"] += [measures(samples(f, end)) for f in networks["SMDP"][1:]]
found["without physics"] = [
    measures(samples(f, end)) for f in networks["without physics"]
]
with torch.no_grad():
    supervised = [f(end)[None] for f in networks["supervised"]]
    found["supervised"] = [measures(s) for s in supervised]
shown["supervised"] = supervised[0]


def mean_of(rows):
    return {
        key: None if rows[0][key] is None else np.mean([row[key] for row in rows])
        for key in rows[0]
    }


ORDER = ["exact", "SMDP", "without physics", "regression", "particles"]
ORDER += ["Wiener mean", "supervised", "Tikhonov"]
Table(
    {name: mean_of(found[name]) for name in ORDER},
    rows="method",
    caption="Gaussian fields, 16 end states, means of five networks: distance of the mean "
    "from the exact one; spread over the exact one; how often the truth lies between the "
    "smallest and the largest of eight samples (7/9 is right); a proper score (smaller is "
    "better); residual of the samples run forward, over the noise; power in |k| > 6 over "
    "the truth's. The last three rows are single estimates, not samples.",
    name="smdp-heat-methods",
    digits=3,
    formats={"inside": "{:.1%}"},
    best={"CRPS": "min"},
)
''',FOLD)
co('heat-costs','''
print(f"one sample of SMDP: {sample_seconds:.2f} s")
print(f"regression, all of it: {regression_seconds:.1f} s")
print(f"particles that count among {FIELDS:,}: {effective:.1f}")
''',FOLD)
md('heat-table-text',r'''
The samples of the learned reverse are samples of the posterior, as far as we can tell: the mean is right to two or three per cent of the prior's spread, the spread to one, the truth lies within eight samples as often as it should, and the fine scales have their power. What one network call in a hundred steps has to know is little, and it is learned well.

But **for Gaussian fields regression does the same in half a second**. It is the exact model of this problem, up to its two numbers for each $|k|$. That a U-Net of 60,000 weights finds it too is a test of the method, not a reason to use it. The particles have lost what made them strong in one dimension: among 4,000 fields one or two fit the end at all.

**Estimates are not samples.** The Wiener mean and the supervised network, which learns just that mean, have the smallest error that a single field can have. But they have no fine scales, and by the score they are worse than samples, as they claim to be certain.

**What the physics brings.** Without it the samples are nearly as good here. The mean is a little worse, and so is the flow, as we shall see. The physics gives the network a good first guess and sharp eyes for small scales; a network can learn both from enough simulations.
''')
md('heat-modes-text',r'''
### Mode by mode
''')
co('heat-modes','''
SHELLS = np.arange(1, 17)
ring = K2.sqrt().round()


def by_ring(values):
    """Root of the mean over the modes in each ring around |k| = 1, 2, …"""
    return np.sqrt([values[ring == k].mean().item() for k in SHELLS])


def spread_of(s):
    """Posterior variance of each mode."""
    return power(s - s.mean(dim=0)).sum(dim=0).mean(dim=0) / (len(s) - 1)


fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.plot(SHELLS, by_ring(PRIOR), color="black", label="truth")
palette = {"SMDP": "#0072b2", "supervised": "#d55e00", "Tikhonov": "#e69f00"}
palette |= {"Wiener mean": "#009e73"}
for name, color in palette.items():
    marker = "o" if name == "SMDP" else "s"
    level = by_ring(power(shown[name]).mean(dim=(0, 1)))
    left.plot(SHELLS, level, marker, color=color, markersize=4, label=name)
left.set(
    ylabel="amplitude of a mode", title="one estimate, or sample", ylim=(1e-2, 20)
)
right.plot(SHELLS, by_ring(PRIOR), color="black", linestyle="--", label="before (prior)")
right.plot(SHELLS, by_ring(posterior_variance), color="black", label="exact posterior")
for name, color in {"SMDP": "#0072b2", "regression": "#cc79a7"}.items():
    right.plot(
        SHELLS, by_ring(spread_of(shown[name])), "o", color=color, markersize=4, label=name
    )
right.set(ylabel="standard deviation of a mode", title="uncertainty")
for ax in (left, right):
    ax.set(xlabel="wave number $|k|$", yscale="log")
    ax.legend(fontsize=9)
plotting.keep("smdp-heat-modes", fig)
''',FIG)
md('heat-modes-figure-text',r'''
```{glue:figure} smdp-heat-modes
:name: smdp-heat-modes-figure
:alt: Left, amplitude over wave number. The truth falls slowly and the dots of SMDP lie on it at all wave numbers; the Wiener mean and the supervised network follow it up to about three, then fall steeply, Tikhonov in another way. Right, standard deviation over wave number. The prior falls; the exact posterior is far below it for the first wave numbers and joins it from about five on, with SMDP and regression on top of it.

Left: amplitudes by wave number, of the truth and of one sample or estimate each. Right: how uncertain each mode is, before the end state is known and after.
```

Up to $|k| \approx 4$ the end knows the beginning; beyond, the samples fill in what the statistics say, with the right strength, and differently each time.

## One field without noise

The flow {eq}`heat-flow` gives one field for each end state. What kind of field? In the exact flow each mode keeps its phase and is scaled by $\sqrt{P_k / V_k(T)}$: the spread of the end becomes the spread of the beginning.
''')
co('heat-flow','''
exact_flow = filtered(end, (PRIOR / variance(T)).sqrt())[None]
flows = {"exact flow": [measures(exact_flow)]}
for name in ("SMDP", "without physics"):
    flows[f"flow, {name}"] = [
        measures(samples(f, end, count=1, noise=False)) for f in networks[name]
    ]
finite = {
    name: [row for row in rows if row["fine scales"] < 10] for name, rows in flows.items()
}
Table(
    {
        name: {
            **{
                key: mean_of(finite[name])[key] if finite[name] else None
                for key in ("mean off by", "CRPS", "residual χ²", "fine scales")
            },
            "blown up": f"{len(rows) - len(finite[name])} of {len(rows)}",
        }
        for name, rows in flows.items()
    },
    rows="flow without noise",
    caption="One field for each end state; columns as before, and networks whose fields "
    "have more than ten times the power in the fine scales, left out of the means.",
    name="smdp-heat-flows",
    digits=3,
)
''',FOLD)
md('heat-flow-text',r'''
The flow's field has *all* of the fine scales, with the phases of the noise: it is neither the best estimate nor a sample, and it is farther from the truth than the best estimate. The source reports that the flow without noise gives smooth fields with too little power in the small scales. The exact one does not. Its residual, however, is the smallest, as the source says, and that shows how little the residual means.

A step of the flow amplifies what the network does to the small scales, with no noise to forget it. This is where networks fail first, and where the physics helps: count the ones that blow up.

## What a residual does not see

Now the truth comes from another world than the training: rougher, with a spectrum $|k|^{-2}$.
''')
co('heat-ood','''
torch.manual_seed(run.seed + 31)
ROUGH = spectrum(2)
rough = draw(TRUTHS, 2)
rough_end = evolve(rough, T)
rough_rows = {
    "exact, knowing |k|⁻²": measures(
        gaussian_samples(rough_end, *wiener(ROUGH)), rough, rough_end, ROUGH
    ),
    "SMDP, trained with |k|⁻³": measures(
        samples(networks["SMDP"][0], rough_end), rough, rough_end, ROUGH
    ),
    "regression, from |k|⁻³": measures(
        gaussian_samples(rough_end, learned_gain, learned_variance),
        *(rough, rough_end, ROUGH),
    ),
}
Table(
    rough_rows,
    rows="method",
    caption="End states of rougher fields; columns as before, spread and fine scales "
    "relative to the right ones for these fields.",
    name="smdp-heat-rough",
    digits=3,
    formats={"inside": "{:.1%}"},
)
''',FOLD)
md('heat-ood-text',r'''
The samples are too narrow by almost one half and too smooth, and the truth is inside of eight of them far too rarely. The residual is as good as before: what is wrong lies in the modes that the end does not know, and those do not come back in a run forward. Only the truth, or knowledge of the prior, shows the fault. Regression errs in the same way: it is the training data that are wrong, not the method.

## Beyond Gaussian fields

What is the network for, then? Let the initial field have two values, $+1$ and $-1$: two phases with borders between them (the signs of a smoother Gaussian field). Heat and noise are the same. The best *linear* estimate is still the Wiener filter with the spectrum of these fields, but the posterior is no longer Gaussian and nobody can write it down.
''')
co('heat-phases','''
torch.manual_seed(run.seed + 11)
phases = draw_phases(TRUTHS)
phases_end = evolve(phases, T)
many_phases = draw_phases(FIELDS)
phase_gain, phase_variance = regression(many_phases, evolve(many_phases, T))
phase_samples = {
    "SMDP": [samples(f, phases_end) for f in networks["phases, SMDP"]],
    "regression": [gaussian_samples(phases_end, phase_gain, phase_variance)],
    "particles": [particles(phases_end, many_phases)[0]],
}
with torch.no_grad():
    phase_samples["supervised"] = [
        f(phases_end)[None] for f in networks["phases, supervised"]
    ]
phase_samples["linear estimate"] = [filtered(phases_end, phase_gain)[None]]


def signs(u):
    return torch.where(u > 0, 1.0, -1.0)


def border(u):
    """Length of the border between the phases: share of neighbours that differ."""
    s = u > 0
    return sum((s != s.roll(1, axis)).double().mean((-2, -1)) for axis in (-2, -1)) / 2


def phase_measures(s):
    mean = s.mean(dim=0)
    own = s.var(dim=0).mean() / len(s) if len(s) > 1 else 0.0
    return {
        "two-valued": ((s.abs() - 1).abs() < 0.25).double().mean().item(),
        "mean: square error": ((mean - phases).square().mean() - own).item(),
        "mean: wrong cells": (signs(mean) != phases).double().mean().item(),
        "CRPS of signs": crps(signs(s), phases),
        "border": (border(s).mean() / border(phases).mean()).item(),
    }


phase_rows = {
    name: [phase_measures(s) for s in several] for name, several in phase_samples.items()
}
Table(
    {name: mean_of(rows) for name, rows in phase_rows.items()},
    rows="method",
    caption="Fields of two values, 16 end states, means over three networks: cells within "
    "0.25 of ±1; square error of the mean of samples, or of the estimate; cells whose sign "
    "it gets wrong; a proper score of the signs; length of the border over the true one. "
    "The last two rows are single estimates.",
    name="smdp-heat-phases",
    digits=3,
    formats={"mean: wrong cells": "{:.1%}", "two-valued": "{:.0%}"},
    best={
        key: "min"
        for key in ("mean: square error", "mean: wrong cells", "CRPS of signs")
    },
)
''',FOLD)
co('heat-key','''
columns = ["beginning", "end", "linear estimate", "supervised", "sample", "sample"]
rows_of_pictures = (
    (
        *(truth[0], end[0], shown["Wiener mean"][0, 0], shown["supervised"][0, 0]),
        *(shown["SMDP"][0, 0], shown["SMDP"][1, 0]),
    ),
    (
        *(phases[0], phases_end[0], phase_samples["linear estimate"][0][0, 0]),
        phase_samples["supervised"][0][0, 0],
        *(phase_samples["SMDP"][0][0, 0], phase_samples["SMDP"][0][1, 0]),
    ),
)
fig, axes = plt.subplots(2, 6, figsize=(11, 4.1), layout="constrained")
for row, pictures in zip(axes, rows_of_pictures, strict=True):
    for ax, title, picture in zip(row, columns, pictures, strict=True):
        image = ax.imshow(picture.T, origin="lower", cmap="RdBu_r", vmin=-2.5, vmax=2.5)
        ax.set(title=title, xticks=[], yticks=[])
        ax.grid(visible=False)
fig.colorbar(image, ax=axes, label="$u$", extend="both", shrink=0.8)
plotting.keep("smdp-heat-key", fig)
''',FIG)

md('heat-phases-text',r'''
Now networks win. Nine of ten cells of the SMDP samples have one of the two values, and the borders are crisp (second row of {numref}`smdp-heat-fields`); samples of the regression are Gaussian noise around a smooth field. Who knows that there are two values can take signs, and then the linear estimate is a strong rival: its signs are wrong in few cells more. But it draws borders that are too short, since it smooths them. As *one* estimate the supervised network is the best, with a smaller square error than the mean of SMDP samples. As a *distribution*, by the score of the signs and by the length of the borders, SMDP is.

That is the answer to the question of the page on {doc}`/notebooks/probabilistic/smdp`: a learned reverse simulation pays where the unknown is a field, where its distribution is not Gaussian, and where one wants samples and not one answer.

## Summary

- A step back in time is a step forward, a learned correction, and noise. In equilibrium the correction is zero; running the physics itself backwards would amplify noise.
- A network that learns the mean of the sampler's own steps leaves no error of the time step in the mean. For Gaussian fields its samples agree with the exact posterior to a few per cent.
- Estimates of least error are smooth; samples have the fine scales. The exact flow without noise has them too, with the phases of the noise.
- The residual of a run forward sees only what the simulation did not forget. It can't tell a good prior from a bad one.
- *Costs and limits:* a hundred network calls for a sample, for one noise level and one end time; the training data are the prior, and a wrong one goes unnoticed. For Gaussian fields a regression is as good and takes a second. Without noise the sampler is fragile. We used a linear equation with an exact step; nothing here shows how a simulator's error would enter.

## Claims
''')
co('heat-claims','''
smdp, bare = found["SMDP"], found["without physics"]
phase = {name: mean_of(rows) for name, rows in phase_rows.items()}
survived = [row["fine scales"] for row in finite["flow, SMDP"]]
simulated = power(fields_end).mean(dim=0).mean() / variance(T).mean()
with Claims("probabilistic/smdp_heat") as claims:
    claims.check(
        "Samples of SMDP have the mean of the exact posterior; distance in units of the "
        "prior's spread, largest of five networks",
        max(row["mean off by"] for row in smdp),
        at_most=0.05,
        source="possible states",
    )
    claims.check(
        "Samples of SMDP have the spread of the exact posterior; smallest ratio of five",
        min(row["spread"] for row in smdp),
        between=(0.95, 1.05),
    )
    claims.check(
        "The truth lies within eight samples as often as it should (7/9); five networks",
        np.mean([row["inside"] for row in smdp]),
        between=(0.75, 0.81),
    )
    claims.refute(
        "The flow without noise is not smooth: the exact one has all the power of the "
        "fine scales; ratio to the truth",
        flows["exact flow"][0]["fine scales"],
        between=(0.93, 1.07),
        source="no small scales",
    )
    claims.check(
        "The flow without noise has the smallest residual; its χ² over that of samples",
        mean_of(finite["flow, SMDP"])["residual χ²"] / mean_of(smdp)["residual χ²"],
        at_most=0.97,
        source="lowest error",
    )
    claims.refute(
        "Without physics in the step, samples have the power of the fine scales as well; "
        "ratio to the truth, mean of five networks",
        mean_of(bare)["fine scales"],
        between=(0.9, 1.12),
        source="clearly worse",
    )
    claims.check(
        "For Gaussian fields a regression is as good as SMDP; its CRPS over SMDP's",
        mean_of(found["regression"])["CRPS"] / mean_of(smdp)["CRPS"],
        between=(0.97, 1.01),
    )
    claims.check(
        "Samples have a better score than the best estimate; CRPS of SMDP over that of "
        "the Wiener mean",
        mean_of(smdp)["CRPS"] / mean_of(found["Wiener mean"])["CRPS"],
        between=(0.65, 0.75),
    )
    claims.check(
        "Particles collapse: how many of 4,000 fields count, mean over end states",
        effective,
        between=(1, 2),
    )
    claims.check(
        "Euler's method narrows samples even with the exact score; spread with 100 "
        "quadratic steps",
        STEPPING["Euler, 100 quadratic steps"]["spread"],
        between=(0.89, 0.92),
    )
    claims.check(
        "The residual does not see a wrong prior; χ² of samples for rougher fields",
        rough_rows["SMDP, trained with |k|⁻³"]["residual χ²"],
        between=(0.95, 1.06),
    )
    claims.check(
        "For rougher fields the samples are too narrow; spread over the right one",
        rough_rows["SMDP, trained with |k|⁻³"]["spread"],
        between=(0.5, 0.65),
    )
    claims.check(
        "For fields of two values, samples of SMDP beat the signs of the linear estimate; "
        "CRPS of signs over that of the estimate",
        phase["SMDP"]["CRPS of signs"] / phase["linear estimate"]["CRPS of signs"],
        at_most=0.9,
    )
    claims.check(
        "For fields of two values, samples of SMDP beat the signs of the supervised "
        "network; CRPS of signs over that of the network",
        phase["SMDP"]["CRPS of signs"] / phase["supervised"]["CRPS of signs"],
        at_most=0.97,
    )
    claims.check(
        "As one estimate of a field of two values, the supervised network is better; its "
        "square error over that of the mean of SMDP samples",
        phase["supervised"]["mean: square error"] / phase["SMDP"]["mean: square error"],
        at_most=1,
    )
    claims.guard(
        "Simulated end states have the power of the formula; ratio",
        simulated,
        between=(0.98, 1.02),
    )
    claims.guard(
        "The training loss ends above the smallest possible one; difference",
        losses["SMDP"] - optimum,
        between=(-0.002, 0.005),
    )
''',FOLD)
md('heat-exercises',r'''
## Exercises

```{exercise} How far can one see? (easy)
:label: heat-exercise-horizon

For which $|k|$ is a mode as strong as the noise at $t = T$? How does this border move when the noise is ten times smaller, and why so little?
```

````{solution-start} heat-exercise-horizon
:label: heat-solution-horizon
:class: dropdown
````
''')
co('heat-solution-horizon-code','''
wave_numbers = torch.linspace(0.5, 12, 2000)
square = wave_numbers**2
mode_power = spectrum(EXPONENT)[0, 1] * wave_numbers**-EXPONENT  # P_1 |k|⁻³
for g in (0.3, 0.03):
    noise = g**2 * (1 - torch.exp(-2 * square * T)) / (2 * square)
    signal = torch.exp(-2 * square * T) * mode_power
    print(f"g = {g}: |k| = {wave_numbers[(signal > noise).sum() - 1].item():.1f}")
''')
md('heat-solution-horizon-text',r'''
Because the signal falls like $e^{-2 |k|^2 T}$. A hundredth of the noise variance has to pay for the growth of $2 |k|^2 T$ by about $\ln 100 = 4.6$, so that $|k|^2$ grows by not more than 11. Diffusion, not noise, sets the border.

````{solution-end}
````

```{exercise} A film of the equilibrium (medium)
:label: heat-exercise-film

Show that a mode which has been in equilibrium forever, with $V_k = g^2 / 2 |k|^2$, has the same joint distribution of $(\hat u_k(t - h), \hat u_k(t))$ as of $(\hat u_k(t), \hat u_k(t - h))$. What does this say of the correction $r_\theta$?
```

````{solution} heat-exercise-film
:label: heat-solution-film
:class: dropdown

Both are Gaussian pairs with mean zero, equal variances $V_k$ (it is stationary) and the covariance $e^{-|k|^2 h} V_k$. Swapping the two changes nothing. So the mean of the earlier one, given the later, is $e^{-|k|^2 h}\, \hat u_k(t)$, which is the step forward: the correction is zero.
````

````{exercise} The noise of a step back (medium)
:label: heat-exercise-noise

A step *forward* receives noise of variance $q_k(h)$. Use it, in place of $g^2 h$, for the step back, with the exact mean. How wide are the samples for 25, 100 and 400 quadratic steps? Which variance would be exact?

```{dropdown} Hint
For jointly Gaussian $a$ and $b$, the variance of $a$ given $b$ is $V_a - C^2 / V_b$ with the covariance $C$.
```
````

````{solution-start} heat-exercise-noise
:label: heat-solution-noise
:class: dropdown
````
''')
co('heat-solution-noise-code','''
def spread_with(noise_of, steps):
    """Returns the spread of samples over the exact one, for a variance of each step."""
    prior, grid = PRIOR.double(), T * torch.linspace(0, 1, steps + 1).double() ** 2
    spread = torch.zeros_like(prior)
    for before, t in zip(grid[:-1].flip(0), grid[1:].flip(0), strict=True):
        ratio = variance(before, prior) / variance(t, prior)
        factor = decay(t - before) * ratio
        spread = spread * factor**2 + noise_of(t - before, ratio)
    return (spread.mean() / posterior_variance.mean()).sqrt().item()


kinds = {
    "g² h": lambda h, ratio: G**2 * h,
    "of a step forward": lambda h, ratio: inflow(h),
    "exact": lambda h, ratio: inflow(h) * ratio,
}
for name, noise_of in kinds.items():
    print(f"{name:18s}", *[f"{spread_with(noise_of, n):.3f}" for n in (25, 100, 400)])
''')
md('heat-solution-noise-text',r'''
The covariance of a mode at $t - h$ and $t$ is $e^{-|k|^2 h} V_k(t - h)$, so the variance of the earlier one given the later is

$$
V_k(t - h) - \frac{e^{-2 |k|^2 h}\, V_k(t - h)^2}{V_k(t)} = V_k(t - h)\, \frac{q_k(h)}{V_k(t)},
$$

with $V_k(t) = e^{-2 |k|^2 h} V_k(t - h) + q_k(h)$. It is the noise of a step forward times the same ratio of variances as in {eq}`heat-back`. For modes that decay towards the noise the ratio is larger than one, and the step forward's noise is too little; $g^2 h \ge q_k(h)$ happens to make up for that almost exactly here.

````{solution-end}
````

````{exercise} Half of the correction (hard)
:label: heat-exercise-half

The exact flow scales a mode by $\sqrt{V_k(t - h) / V_k(t)}$ in a step. Show that a step {eq}`heat-flow` with the exact correction agrees with it up to an error of order $h^2$. How wrong is the field at $t = 0$ with 25, 100 and 400 quadratic steps?
````

````{solution-start} heat-exercise-half
:label: heat-solution-half
:class: dropdown
````
''')
co('heat-solution-half-code','''
for steps in (25, 100, 400):
    grid = T * torch.linspace(0, 1, steps + 1) ** 2
    scale = torch.ones_like(PRIOR)
    for early, late in zip(grid[:-1].flip(0), grid[1:].flip(0), strict=True):
        correction = decay(late - early) * (variance(early) / variance(late) - 1)
        scale = scale * (1 + correction / 2)
    wrong = variance(T) * (scale - (PRIOR / variance(T)).sqrt()) ** 2
    print(f"{steps:4d} steps: {wrong.mean().sqrt().item():.3f}")
''')
md('heat-solution-half-text',r'''
Write $V_k(t - h) = (1 + \delta)\, V_k(t)$ with $\delta = O(h)$. The exact factor is $\sqrt{1 + \delta} = 1 + \tfrac12 \delta + O(h^2)$. The step's is $1 + \tfrac12 e^{-|k|^2 h}\, \delta = 1 + \tfrac12 \delta + O(h^2)$. Over all steps the error is of first order: four times as many steps, a quarter of it, once the steps are small enough.

````{solution-end}
````

## Next

{doc}`/book/improved_gradients/part` returns to single answers, and to the gradients that lead to them.

## References

```{bibliography}
:filter: docname in docnames
```
''')
