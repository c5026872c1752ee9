code("au-calls", '''
INSIDE = slice(1, 5)  # tested speeds between training speeds
CURVES = {
    "lines, Euler": ("lines", ["Euler 1", "Euler 5", "Euler 20", "Euler 100"]),
    "lines, two-step": ("lines", ["two-step lines 5", "two-step lines 20"]),
    "circles, DDIM": ("circles", ["DDIM 5", "DDIM 20"]),
    "circles, two-step": ("circles", ["two-step 5", "two-step 20"]),
    "circles, DDPM": ("circles", ["DDPM 20", "DDPM 200"]),
}
inside = {name: values[:, INSIDE].mean(1) for name, values in learned.items()}
inside_cheap = {name: np.mean(values[INSIDE]) for name, values in cheap.items()}
null = np.quantile(floors[INSIDE].mean(0), 0.95)
''', tags=H)

code("au-calls-figure", '''
fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4))
for name, (training, ways) in CURVES.items():
    calls = [int(way.split()[-1]) for way in ways]
    values = np.array([inside[f"{training}, {way}"] for way in ways])
    line = left.plot(calls, values.mean(1).clip(2e-4), "o-", ms=5, label=name)[0]
    left.vlines(calls, values.min(1).clip(2e-4), values.max(1), color=line.get_color())
for name, style in {
    "normal, with covariance": ":",
    "replay of both neighbours": "--",
}.items():
    left.axhline(max(inside_cheap[name], 2e-4), ls=style, color="0.35", label=name)
left.axhspan(1e-4, null, color="0.85", label="true states, 95 %")
left.set(xscale="log", yscale="log", xlabel="network calls", ylim=(2e-4, 0.6))
left.set_ylabel("energy distance")
left.legend(fontsize=8, loc="upper right")


def level(x):
    """Standard deviation in units of U² and U, mean over components and pixels."""
    return restored(x)[1].mean().item()


reynolds = np.array(speeds) / 10
all_spreads = [
    (spread_of(states) * scale[:, None, None]).mean().item() for states in flows
]
right.plot(reynolds, all_spreads, color="0.55", lw=2, label="solver, 25 states")
for name, (variant, way) in {
    "flow matching, 1 call": ("flow", "Euler 1"),
    "flow matching, 20 calls": ("flow", "Euler 20"),
    "DDPM, 200 calls": ("velocity", "DDPM 200"),
}.items():
    values = np.array([[level(of(variant, way, k, s)) for k in range(6)] for s in SEEDS])
    line = right.plot(reynolds[TESTED], values.mean(0), "o", ms=5, label=name)[0]
    right.vlines(reynolds[TESTED], values.min(0), values.max(0), color=line.get_color())
right.set(xlabel="Reynolds number [10⁶]", ylabel="standard deviation")
right.set_ylim(0)
right.legend()
fig.tight_layout()
plotting.keep("au-calls", fig)
''', tags=["hide-input", "remove-output"])

code("au-square", '''
Table(
    {
        f"learned on {training}": {
            column: inside[f"{training}, {way}"].mean()
            for column, way in {
                "lines, first order": "Euler 20",
                "circles, first order": "DDIM 20",
                "lines, two-step": "two-step lines 20",
                "circles, two-step": "two-step 20",
                "circles, new noise": "DDPM 20",
                "new noise, 200 calls": "DDPM 200",
            }.items()
        }
        for training in ("lines", "circles")
    },
    rows="20 calls, sampled on",
    caption="Each training with each way to sample: energy distance, mean over the "
    f"speeds from 25 to 85 m/s and three networks. 95 % of true sets: {null:.4f}.",
    name="au-square-table",
)
''', tags=H)

code("au-memory", '''
training_states = torch.cat([compressed(flows[case]) for case in TRAINING])
memory = {}
for name, sets in {
    "solver": one_turn,
    "flow matching, 20 calls": [of("flow", "Euler 20", k) for k in range(6)],
    "DDPM, 200 calls": [of("velocity", "DDPM 200", k) for k in range(6)],
    "replay of both neighbours": [compressed(replay_both(case)) for case in TESTED],
}.items():
    pairs = list(zip(sets, one_turn, strict=True))[INSIDE]
    memory[name] = {
        "to a training state": np.mean(
            [distances(x, training_states).min(1).values.mean() for x, _ in pairs]
        ),
        "to a true state": np.mean([distances(x, y).min(1).values.mean() for x, y in pairs]),
        "not in the modes": np.mean([x[:, -1].mean() for x, _ in pairs]),
    }
Table(
    memory,
    rows="states of",
    caption="Distance to the nearest training state and to the nearest true state at "
    "the same speed, and what no mode of the solver's states holds: means over 25 to "
    "85 m/s, in units of the training data's standard deviation.",
    name="au-memory-table",
)
''', tags=H)

code("au-calibration", '''
history = torch.tensor(data.attributes["Lift"])
iterations = 2540 + 40 * torch.arange(25)
lift_known = history[TRAINING][:, iterations // 10 - 1].flatten()


def features(x):
    return torch.cat([torch.ones(len(x), 1), x[:, :20]], dim=1)


weights = torch.linalg.lstsq(features(training_states), lift_known[:, None]).solution


def lift(x):
    """Lift coefficient, read from the leading modes by linear regression."""
    return (features(x) @ weights)[:, 0]


lift_true = [
    torch.tensor(values[:n])
    for values, n in zip(cycle.attributes["Lift"], turns, strict=True)
]
lift_errors = [
    ((lift(y) - true).square().mean().sqrt() / true.std()).item()
    for y, true in zip(one_turn, lift_true, strict=True)
]


def pixels(x):
    fields = x[:, :-1] @ basis + centre
    fields = fields + x[:, -1:] * torch.randn_like(fields)  # what the modes leave
    return fields.reshape(-1, 3, 32, 32)[:, :, mask == 0].flatten(1)


def coverage(values, true, share):
    """Returns which share of true values lies in the samples' central interval."""
    low, high = (values.quantile(q, dim=0) for q in ((1 - share) / 2, (1 + share) / 2))
    return ((true >= low) & (true <= high)).float().mean().item()


def calibration(sets):
    rows = {}
    for share in (0.5, 0.9):
        inside_speeds = list(zip(sets, one_turn, lift_true, strict=True))[INSIDE]
        rows[f"pixels, {share:.0%}"] = np.mean(
            [coverage(pixels(x), pixels(y), share) for x, y, _ in inside_speeds]
        )
        rows[f"lift, {share:.0%}"] = np.mean(
            [coverage(lift(x), true, share) for x, _, true in inside_speeds]
        )
    return rows


torch.manual_seed(run.seed)
calibrations = {
    "true states": calibration([random_states(y) for y in one_turn]),
    "flow matching, 1 call": calibration([of("flow", "Euler 1", k) for k in range(6)]),
    "flow matching, 5 calls": calibration([of("flow", "Euler 5", k) for k in range(6)]),
    "flow matching, 20 calls": calibration([of("flow", "Euler 20", k) for k in range(6)]),
    "DDPM, 200 calls": calibration([of("velocity", "DDPM 200", k) for k in range(6)]),
    "network, normal": calibration([x for _, x in outputs]),
    "replay of both neighbours": calibration([compressed(replay_both(c)) for c in TESTED]),
}
Table(
    calibrations,
    rows="64 samples of",
    caption="How much of the truth lies in the central half and in the central nine "
    "tenths of the samples, per pixel outside of the profile and for the lift, mean "
    "over 25 to 85 m/s.",
    name="au-calibration-table",
    formats=dict.fromkeys(calibrations["true states"], "{:.0%}"),
)
''', tags=H)

code("au-fewer", '''
groups = {
    "all five": (TRAINING, "flow"),
    "15, 55, 95 m/s": (FEWER["far apart"], "far apart"),
    "35, 55, 75 m/s": (FEWER["close"], "close"),
}
torch.manual_seed(run.seed)
fewer = {}
for label, (known, variant) in groups.items():
    ours = over_seeds(variant, "Euler 20").mean(0)
    replay = [
        np.mean([energy_distance(compressed(replay_both(case, known)), y) for _ in range(5)])
        for case, y in zip(TESTED, one_turn, strict=True)
    ]
    fewer[f"{label}: flow matching"] = dict(zip(columns, ours, strict=True))
    fewer[f"{label}: replay"] = dict(zip(columns, replay, strict=True))
Table(
    fewer,
    rows="trained on",
    caption="Energy distance at the tested speeds (m/s) after training with five and "
    "with three speeds; flow matching with 20 calls, three networks, and replay of "
    "both neighbours.",
    name="au-fewer-table",
)
''', tags=H)
