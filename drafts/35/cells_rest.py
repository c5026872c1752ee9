code("au-turn", '''
def turn(states):
    """Returns after how many states the flow is closest to its beginning, and how far.

    The mean square difference over that of independent states; a state every 8 steps.
    """
    variance = (states - states.mean(0)).square().mean()
    gaps = {
        n: (states[n:] - states[:-n]).square().mean() / (2 * variance)
        for n in range(50, 71)
    }
    n = min(gaps, key=gaps.get)
    return n, gaps[n].item()


turns, mismatch = zip(*map(turn, truth), strict=True)
cyclic = [gap < 0.05 for gap in mismatch]
turns = [n if back else len(truth[0]) for n, back in zip(turns, cyclic, strict=True)]
Table(
    {
        f"{speeds[case]:g}": {
            "a turn, iterations": 8 * n if back else math.nan,
            "mismatch": gap,
            "spread": states.std(0, correction=0).mean().item(),
        }
        for case, states, n, gap, back in zip(
            TESTED, truth, turns, mismatch, cyclic, strict=True
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

code("au-brief", '''
start = time.perf_counter()
_, losses = train(run.seed, "flow", BRIEF, WIDTH)
update_ms = 1000 * (time.perf_counter() - start) / BRIEF
parameters = {w: sum(p.numel() for p in UNet(w).parameters()) for w in (8, 16)}
Table(
    {
        f"width {w}": {"parameters": count} for w, count in parameters.items()
    },
    rows="network",
    caption=f"Parameters of the network at the book's width and at the source's. "
    f"{BRIEF} updates at width {WIDTH} took the loss of flow matching from "
    f"{np.mean(losses[:5]):.2f} to {np.mean(losses[-5:]):.2f}.",
    name="au-parameters-table",
    formats={"parameters": "{:,.0f}"},
)
''', tags=H)

code("au-stored", '''
stored = nn.ModuleDict(
    {
        name: nn.ModuleList(
            UNet(8, values.get("outputs", 3)) for _ in values.get("seeds", SEEDS)
        )
        for name, values in VARIANTS.items()
    }
)
provenance = checkpoints.load(datasets.fetch("airfoil_uncertainty.safetensors"), stored)
stored.to(run.device, memory_format=torch.channels_last).requires_grad_(False)
drawn = load_file(datasets.fetch("airfoil_samples.safetensors"))
drawn = {name: values.float() for name, values in drawn.items()}
centre, basis = drawn.pop("centre"), drawn.pop("basis")  # mean, leading 60 modes


def compressed(fields):
    """Returns the modes' coefficients and the rms of what they leave, (…, 61)."""
    deviation = fields.flatten(1) - centre
    coefficients = deviation @ basis.T
    rest = (deviation - coefficients @ basis).square().mean(1, keepdim=True).sqrt()
    return torch.cat([coefficients, rest], dim=1)


one_turn = [
    compressed(states[:n]) for states, n in zip(truth, turns, strict=True)
]
''', tags=H)

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
    [[energy_distance(random_states(y), y) for _ in range(400)] for y in one_turn]
)
''', tags=H)

code("au-rivals", '''
def around(case, known):
    """Returns the two known cases next to a case and its place between them."""
    i, j = sorted(sorted(known, key=lambda other: abs(other - case))[:2])
    inside = [c for c in known if c < case], [c for c in known if c > case]
    if all(inside):
        i, j = inside[0][-1], inside[1][0]
    return i, j, (case - i) / (j - i)


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


def field_normal(case, known=TRAINING):
    """A normal distribution with the covariance of the nearest run, rescaled."""
    spread = interpolated(spread_of, case, known).clamp(min=0)
    states = nearest(case, known)
    deviation = (states - states.mean(0)) / spread_of(states).clamp(min=1e-3)
    weights = torch.randn(COUNT, len(states)) / math.sqrt(len(states))
    return mean_only(case, known) + spread * torch.einsum("nk,kcyx->ncyx", weights, deviation)


def replay_nearest(case, known=TRAINING):
    return random_states(nearest(case, known))


def replay_both(case, known=TRAINING):
    """States of both neighbours, more of the closer one."""
    i, j, place = around(case, known)
    from_j = torch.rand(COUNT, 1, 1, 1) < place
    return torch.where(from_j, random_states(flows[j]), random_states(flows[i]))


RIVALS = {
    "mean, interpolated": mean_only,
    "normal, each pixel": pixel_normal,
    "normal, with covariance": field_normal,
    "replay of the nearest run": replay_nearest,
    "replay of both neighbours": replay_both,
}
''')

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
