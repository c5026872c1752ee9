# everything between the recipe cells, up to the results
code("au-turn", '''
def turn(states):
    """Returns after how many states the flow comes closest to itself, and how close.

    Mean square difference over that of independent states; a state every 8 iterations.
    """
    variance = (states - states.mean(0)).square().mean()
    gaps = {
        n: (states[n:] - states[:-n]).square().mean().item() / (2 * variance.item())
        for n in range(50, 71)
    }
    n = min(gaps, key=gaps.get)
    return n, gaps[n]


found, mismatch = zip(*map(turn, truth), strict=True)
cyclic = [gap < 0.05 for gap in mismatch]
turns = [n if back else len(truth[0]) for n, back in zip(found, cyclic, strict=True)]
columns = [f"{speeds[case]:g}" for case in TESTED]
Table(
    {
        column: {
            "a turn, iterations": 8 * n if back else math.nan,
            "mismatch": gap,
            "spread": states.std(0, correction=0).mean().item(),
        }
        for column, states, n, gap, back in zip(
            columns, truth, found, mismatch, cyclic, strict=True
        )
    },
    rows="speed [m/s]",
    caption="After how many iterations the flow comes back, the mean square "
    "difference then over that of independent states, and the standard deviation of "
    "the states (mean over pixels, in units of that of all training data).",
    name="au-turn-table",
    formats={"a turn, iterations": "{:.0f}", "mismatch": "{:.1%}"},
)
''', tags=H)

code("au-samples", '''
drawn = load_file(datasets.fetch("airfoil_samples.safetensors"))
drawn = {name: values.float() for name, values in drawn.items()}
centre, basis = drawn.pop("centre"), drawn.pop("basis")  # mean, leading 60 modes


def compressed(fields):
    """Returns 62 numbers for each field of a set, (batch, 62).

    60 coefficients of modes; length of what the modes leave of the set's mean; rms of
    what is then left, taken to be independent between the fields.
    """
    deviation = fields.flatten(1) - centre
    coefficients = deviation @ basis.T
    rest = deviation - coefficients @ basis
    common = rest.mean(0)
    noise = (rest - common).square().mean(1, keepdim=True).sqrt()
    return torch.cat([coefficients, common.norm().expand_as(noise), noise], dim=1)


one_turn = [compressed(states[:n]) for states, n in zip(truth, turns, strict=True)]
''', tags=H)

code("au-cycle-plot", '''
CASE = 3  # of the tested speeds: 65 m/s
y = one_turn[CASE]
plane = torch.linalg.svd((y - y.mean(0))[:, :-1], full_matrices=False).Vh[:2]


def in_plane(x):
    """Coefficients of the two strongest modes of this turn, over √3072."""
    return ((x - y.mean(0))[:, :-1] @ plane.T / math.sqrt(len(centre))).T.numpy()


stored_states = compressed(flows[TESTED[CASE]])
kept = 2540 + 40 * np.arange(25)  # iterations of the stored states
history = data.attributes["Lift"][TESTED[CASE]]  # after every tenth iteration
iterations = 10 * np.arange(200, len(history) + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9), width_ratios=(1.7, 1))
left.plot(iterations, history[199:], color="0.55")
left.plot(kept, history[kept // 10 - 1], "o", ms=5)
left.set(xlabel="iteration", ylabel="lift coefficient")
right.plot(*in_plane(torch.cat([y, y[:1]])), color="0.55", lw=2)
right.plot(*in_plane(stored_states), "o", ms=5)
right.set(xlabel="mode 1", ylabel="mode 2", aspect="equal")
plotting.keep("au-cycle", fig)
''', tags=["hide-input", "remove-output"])

code("au-energy", '''
def distances(x, y):
    """Root mean square differences of fields, each of x from each of y."""
    modes = torch.cdist(x[:, :-1], y[:, :-1]).square() / len(centre)
    return (modes + x[:, None, -1].square() + y[None, :, -1].square()).sqrt()


def energy_distance(x, y):
    """Distance of the distribution of random samples x from that of the turn y."""
    within = distances(x, x).fill_diagonal_(0).sum() / (len(x) * (len(x) - 1))
    of_turn = distances(y, y).fill_diagonal_(0).mean()
    return (2 * distances(x, y).mean() - within - of_turn).item()
''')

code("au-floor", '''
COUNT = 64  # samples of each method at each speed


def random_states(states):
    return states[torch.randint(len(states), (COUNT,))]


torch.manual_seed(run.seed)
floors = np.array(
    [[energy_distance(random_states(y), y) for _ in range(600)] for y in one_turn]
)
floors = floors.reshape(6, -1, 3).mean(2)  # methods are judged by means of three
''', tags=H)

code("au-rivals", '''
def around(case, known):
    """Returns the known cases next to a case, and its place between them in log U."""
    below = [other for other in known if other < case]
    above = [other for other in known if other > case]
    if below and above:
        i, j = below[-1], above[0]
    else:
        i, j = known[:2] if above else known[-2:]
    u, below, above = (math.log(speeds[k]) for k in (case, i, j))
    return i, j, (u - below) / (above - below)


def interpolated(statistic, case, known):
    i, j, place = around(case, known)
    return (1 - place) * statistic(flows[i]) + place * statistic(flows[j])


def spread_of(fields):
    return fields.std(0, correction=0)


def nearest(case, known):
    i, j, place = around(case, known)
    return flows[i] if place <= 0.5 else flows[j]


def mean_only(case, known=TRAINING):
    return interpolated(lambda x: x.mean(0), case, known).expand(COUNT, -1, -1, -1)


def pixel_normal(case, known=TRAINING):
    spread = interpolated(spread_of, case, known).clamp(min=0)
    return mean_only(case, known) + spread * torch.randn(COUNT, 3, 32, 32)


def waves(states):
    """Returns normal fields with the covariance of given states, without their mean."""
    weights = torch.randn(COUNT, len(states)) / math.sqrt(len(states))
    return torch.einsum("nk,kcyx->ncyx", weights, states - states.mean(0))


def field_normal(case, known=TRAINING):
    """Normal with the covariance of the nearest run, rescaled to the right spread."""
    spread, states = interpolated(spread_of, case, known), nearest(case, known)
    ratio = spread.clamp(min=0) / spread_of(states).clamp(min=1e-3)
    return mean_only(case, known) + ratio * waves(states)


def replay_nearest(case, known=TRAINING):
    return random_states(nearest(case, known))


def replay_both(case, known=TRAINING):
    """States of both neighbours, more of the closer one."""
    i, j, place = around(case, known)
    from_j = torch.rand(COUNT, 1, 1, 1) < place
    return torch.where(from_j, random_states(flows[j]), random_states(flows[i]))


def replay_scaled(case, known=TRAINING):
    """The same, with mean and standard deviation of each pixel as they should be."""
    i, j, place = around(case, known)
    spread = interpolated(spread_of, case, known).clamp(min=0)
    states = [
        (flows[k] - flows[k].mean(0)) / spread_of(flows[k]).clamp(min=1e-3)
        for k in (i, j)
    ]
    from_j = torch.rand(COUNT, 1, 1, 1) < place
    chosen = torch.where(from_j, random_states(states[1]), random_states(states[0]))
    return mean_only(case, known) + spread * chosen


def kernel_density(case, known=TRAINING, width=0.2):
    """The same, each state blurred by a normal with the run's covariance."""
    return replay_both(case, known) + width * waves(nearest(case, known))


RIVALS = {
    "mean, interpolated": mean_only,
    "normal, each pixel": pixel_normal,
    "normal, with covariance": field_normal,
    "replay of the nearest run": replay_nearest,
    "replay of both neighbours": replay_both,
    "replay of both, rescaled": replay_scaled,
    "kernel density": kernel_density,
}
''', tags=H)

code("au-validation", '''
torch.manual_seed(run.seed)
validation = {}
for name, rival in RIVALS.items():
    validation[name] = {}
    for case in TRAINING:
        known = [other for other in TRAINING if other != case]
        left_out = compressed(flows[case])
        values = [
            energy_distance(compressed(rival(case, known)), left_out) for _ in range(10)
        ]
        validation[name][f"{speeds[case]:g}"] = np.mean(values)
Table(
    validation,
    rows="rival",
    caption="Energy distance of each rival for a training speed (m/s) that was left "
    "out, mean over ten sets of 64 samples. 15 and 95 m/s are then extrapolated.",
    name="au-validation-table",
    best={f"{speeds[case]:g}": "min" for case in TRAINING},
)
''', tags=H)

code("au-brief", '''
brief, losses = train(run.seed, "flow", BRIEF, WIDTH)
parameters = {w: sum(p.numel() for p in UNet(w).parameters()) for w in (8, 16)}
Table(
    {
        f"width {width}": {
            "parameters": count,
            "updates here": BRIEF if width == WIDTH else math.nan,
            "loss, first": np.mean(losses[:5]) if width == WIDTH else math.nan,
            "loss, last": np.mean(losses[-5:]) if width == WIDTH else math.nan,
        }
        for width, count in parameters.items()
    },
    rows="network",
    caption="The network at the book's width and at the source's, and a brief training "
    "of flow matching.",
    name="au-parameters-table",
    formats={"parameters": "{:,.0f}", "updates here": "{:,.0f}"},
)
''', tags=H)

code("au-stored", '''
stored = nn.ModuleDict(
    {
        name: nn.ModuleList(
            UNet(values["width"], values.get("outputs", 3))
            for _ in values.get("seeds", SEEDS)
        )
        for name, values in VARIANTS.items()
    }
)
provenance = checkpoints.load(datasets.fetch("airfoil_uncertainty.safetensors"), stored)
stored.to(run.device, memory_format=torch.channels_last).requires_grad_(False)
hours = sum(provenance["settings"]["seconds"].values()) / 3600
''', tags=H)
