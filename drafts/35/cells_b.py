code("au-live", '''
def start(case):
    """Returns noise and conditions for 64 samples."""
    x = torch.randn(COUNT, 3, 32, 32, device=run.device)
    return x, conditions(case).expand_as(x).to(run.device)


torch.manual_seed(run.seed)
x, c = start(TESTED[CASE])
network = stored["flow"][run.seed % 3]
live, seconds = {}, {}
for steps in (1, 5, 20):
    begin = time.perf_counter()
    live[steps] = denoise(network, "flow", x, c, lines(steps)).cpu()
    seconds[steps] = (time.perf_counter() - begin) / COUNT
call = seconds[20] / 20  # of one network call for one sample, in seconds
live["brief"] = denoise(brief, "flow", x, c, lines(20)).cpu()
chain = stored["velocity"][run.seed % 3]  # diffusion
live["DDPM"] = renoise(chain, "velocity", x, c, circles(200)).cpu()
''')

code("au-ring-figure", '''
def of(variant, way, case=CASE, seed=None):
    """Stored samples of one network at a tested speed."""
    return drawn[f"{variant} {run.seed % 3 if seed is None else seed} {way}"][case]


shown = {
    "flow matching, 1 call": compressed(live[1]),
    "flow matching, 5 calls": compressed(live[5]),
    "flow matching, 20 calls": compressed(live[20]),
    "DDPM, 200 calls": compressed(live["DDPM"]),
    "normal, with covariance": compressed(field_normal(TESTED[CASE])),
    "replay of both, rescaled": compressed(replay_scaled(TESTED[CASE])),
}
fig, axes = plt.subplots(2, 3, figsize=(9, 6.3), sharex=True, sharey=True)
for ax, (title, points) in zip(axes.flat, shown.items(), strict=True):
    ax.plot(*in_plane(torch.cat([y, y[:1]])), color="0.55", lw=2, label="solver")
    ax.plot(*in_plane(points), ".", ms=5, label="samples")
    ax.set(title=title, aspect="equal", xlabel="mode 1", ylabel="mode 2")
    ax.label_outer()
axes[0, 0].legend(loc="upper right")
plotting.keep("au-key", fig)
''', tags=["hide-input", "remove-output"])

code("au-maps-figure", '''
def restored(x):
    """Mean and standard deviation of samples, whole or compressed, in U² and U."""
    fields = x.flatten(1) if x.dim() == 4 else x[:, :-2] @ basis + centre
    left = 0 if x.dim() == 4 else x[:, -1].square().mean()
    spread = (fields.var(0, correction=0) + left).sqrt()
    shape, factor = (3, 32, 32), scale[:, None, None]
    level = fields.mean(0).reshape(shape) * factor + mean[:, None, None]
    return level, spread.reshape(shape) * factor * fluid


maps = {
    "solver": y,
    "1 call": shown["flow matching, 1 call"],
    "5 calls": shown["flow matching, 5 calls"],
    "20 calls": shown["flow matching, 20 calls"],
    "DDPM": shown["DDPM, 200 calls"],
}
maps = {name: restored(points) for name, points in maps.items()}
extent = (-0.5, 1.5, -1, 1)
fig, axes = plt.subplots(2, 5, figsize=(11, 4.9), sharex=True, sharey=True)
looks = {"mean": ("viridis", -0.3, 1.3), "deviation": ("magma", 0, 0.6)}
for row, (what, (cmap, low, high)) in enumerate(looks.items()):
    for ax, (name, fields) in zip(axes[row], maps.items(), strict=True):
        field = np.where(mask == 1, np.nan, fields[row][1])
        picture = ax.imshow(
            field, origin="lower", extent=extent, cmap=cmap, vmin=low, vmax=high
        )
        ax.set(title=f"{name}: {what}", xlabel="x / c", ylabel="y / c")
        ax.grid(False)
        ax.label_outer()
    fig.colorbar(picture, ax=axes[row], label=f"{what} of $u_x / U$", shrink=0.9)
plotting.keep("au-maps", fig)
''', tags=["hide-input", "remove-output"])

code("au-score", '''
def normal_network(case, seed):
    """Returns what the network with error bars answers: its mean, and samples."""
    noise, c = start(case)
    zeros = torch.zeros_like(noise)
    center, log_spread = stored["normal"][seed](zeros, zeros[:, 0, 0, 0], c).chunk(2, 1)
    return center.cpu(), (center + log_spread.exp() * noise).cpu()


def over_seeds(variant, way):
    """Energy distances, (networks, speeds), means over all sets of samples."""
    ways = [name for name in PLANS[variant] if name.split(",")[0] == way]
    return np.array(
        [
            [
                np.mean(
                    [energy_distance(of(variant, w, k, seed), one_turn[k]) for w in ways]
                )
                for k in range(6)
            ]
            for seed in VARIANTS[variant].get("seeds", SEEDS)
        ]
    )


torch.manual_seed(run.seed)
cheap = {
    name: np.array(
        [
            [energy_distance(compressed(rival(case)), turn) for _ in range(12)]
            for case, turn in zip(TESTED, one_turn, strict=True)
        ]
    ).T
    for name, rival in RIVALS.items()
}
answers = [[normal_network(case, seed) for case in TESTED] for seed in SEEDS]
for which, name in enumerate(["network, mean", "network with error bars"]):
    cheap[name] = np.array(
        [
            [
                energy_distance(compressed(x[which]), turn)
                for x, turn in zip(row, one_turn, strict=True)
            ]
            for row in answers
        ]
    )
LEARNED = {"flow": "lines", "velocity": "circles", "noise": "noise"}
learned = {
    f"{label}, {way}": over_seeds(variant, way)
    for variant, label in LEARNED.items()
    for way in PLANS[variant]
    if "," not in way
}
''', tags=H)

code("au-score-table", '''
INSIDE = slice(1, 5)  # tested speeds between training speeds
SHOWN = {
    "lines, Euler 1": "flow matching, 1 call",
    "lines, Euler 5": "flow matching, 5 calls",
    "lines, Euler 20": "flow matching, 20 calls",
    "lines, Euler 100": "flow matching, 100 calls",
    "circles, DDIM 20": "diffusion, DDIM, 20 calls",
    "circles, DDPM 200": "diffusion, DDPM, 200 calls",
    "noise, DDIM 20": "noise learned, DDIM, 20 calls",
    "noise, DDPM 200": "noise learned, DDPM, 200 calls",
}
quantiles = np.quantile(floors, 0.95, axis=1)
scores = {name: values.mean(0) for name, values in cheap.items()}
scores |= {name: learned[key].mean(0) for key, name in SHOWN.items()}
scores |= {"solver, 95 % quantile": quantiles}
Table(
    {name: dict(zip(columns, row, strict=True)) for name, row in scores.items()},
    rows="64 samples of",
    caption="Energy distance from the solver's states at each tested speed (m/s). 5 "
    "and 105 m/s lie outside the training speeds. Networks: mean over three (one for "
    "the noise; three sets each for DDPM). Last line: what 95 % of means of three sets "
    "of true states stay below.",
    name="au-score-table",
    formats=dict.fromkeys(columns, "{:.3f}"),
)
''', tags=H)

code("au-spread-figure", '''
def level(x):
    """Standard deviation in units of U² and U, mean over fields and pixels."""
    return restored(x)[1].mean().item()


def levels(variant, way):
    """Standard deviations, (networks, speeds)."""
    return np.array(
        [[level(of(variant, way, k, s)) for k in range(6)] for s in SEEDS]
    )


reynolds = np.array(speeds) / 10  # in millions
spreads = np.array([level(compressed(states)) for states in flows])
spread_levels = {
    "flow matching, 1 call": levels("flow", "Euler 1"),
    "flow matching, 5 calls": levels("flow", "Euler 5"),
    "flow matching, 20 calls": levels("flow", "Euler 20"),
    "DDPM, 200 calls": levels("velocity", "DDPM 200"),
}
fig, ax = plt.subplots(figsize=(7, 3.9))
ax.plot(reynolds, spreads, "o-", color="0.45", ms=4, label="solver")
for place, (name, values) in enumerate(spread_levels.items()):
    shifted = reynolds[TESTED] + 0.12 * (place - 1.5)
    line = ax.plot(shifted, values.mean(0), "o", ms=5, label=name)[0]
    ax.vlines(shifted, values.min(0), values.max(0), color=line.get_color())
ax.set(xlabel="Reynolds number [10⁶]", ylabel="standard deviation", ylim=(0, None))
ax.legend(fontsize=9)
plotting.keep("au-spread", fig)
''', tags=["hide-input", "remove-output"])

code("au-moments-table", '''
def moments(sets, case):
    """Error of the mean (rms) and standard deviation over the solver's, of one set."""
    x, turn = sets[case], one_turn[case]
    off = (restored(x)[0] - restored(turn)[0]) / scale[:, None, None]
    return off.square().mean().sqrt().item(), level(x) / level(turn)


def of_networks(variant, way):
    return [[of(variant, way, k, seed) for k in range(6)] for seed in SEEDS]


torch.manual_seed(run.seed)
groups = {
    "true states": [[random_states(y) for y in one_turn] for _ in range(3)],
    "normal, with covariance": [
        [field_normal(case) for case in TESTED] for _ in range(3)
    ],
    "replay of both, rescaled": [
        [replay_scaled(case) for case in TESTED] for _ in range(3)
    ],
    "mean, interpolated": [[mean_only(case) for case in TESTED] for _ in range(3)],
    "network, mean": [[mean for mean, _ in row] for row in answers],
    "network with error bars": [[samples for _, samples in row] for row in answers],
    "flow matching, 1 call": of_networks("flow", "Euler 1"),
    "flow matching, 5 calls": of_networks("flow", "Euler 5"),
    "flow matching, 20 calls": of_networks("flow", "Euler 20"),
    "diffusion, DDIM, 20 calls": of_networks("velocity", "DDIM 20"),
    "diffusion, DDPM, 200 calls": of_networks("velocity", "DDPM 200"),
}
first_two = {}
for name, members in groups.items():
    values = np.array(
        [[moments(sets, case) for case in range(6)] for sets in members]
    ).mean(0)
    first_two[name] = {
        "mean": values[INSIDE, 0].mean(),
        "spread": values[INSIDE, 1].mean(),
        "mean, 5": values[0, 0],
        "spread, 5": values[0, 1],
        "mean, 105": values[5, 0],
        "spread, 105": values[5, 1],
    }
Table(
    first_two,
    rows="64 samples of",
    caption="Error of the mean field (rms, in units of the training data's standard "
    "deviation) and standard deviation over the solver's: mean over 25 to 85 m/s, at "
    "5, and at 105 m/s. Networks: mean over three.",
    name="au-moments-table",
    formats={name: "{:.3f}" for name in first_two["true states"] if "mean" in name}
    | {"spread": "{:.2f}", "spread, 105": "{:.2f}", "spread, 5": "{:.1f}"},
)
''', tags=H)

code("au-calls", '''
CURVES = {
    "Euler, lines": ("lines", ["Euler 1", "Euler 5", "Euler 20", "Euler 100"]),
    "two-step, lines": ("lines", ["two-step lines 5", "two-step lines 20"]),
    "DDIM, circles": ("circles", ["DDIM 5", "DDIM 20"]),
    "two-step, circles": ("circles", ["two-step 5", "two-step 20"]),
    "DDPM, circles": ("circles", ["DDPM 20", "DDPM 200"]),
}
inside = {name: values[:, INSIDE].mean(1) for name, values in learned.items()}
inside_cheap = {name: values[:, INSIDE].mean() for name, values in cheap.items()}
null = np.quantile(floors[INSIDE].mean(0), 0.95)
ORDER = ["first order", "two-step"]
square = {
    f"learned on {training}, sampled on {path}": {
        f"{order}, {calls} calls": inside[f"{training}, {way} {calls}"].mean()
        for calls in (5, 20)
        for order, way in zip(ORDER, ways, strict=True)
    }
    for training in ("lines", "circles")
    for path, ways in {
        "lines": ["Euler", "two-step lines"],
        "circles": ["DDIM", "two-step"],
    }.items()
}
Table(
    square,
    rows="network",
    caption="Each training with each way to sample: energy distance, mean over the "
    "speeds from 25 to 85 m/s and three networks. 95 % of as many true sets stay "
    f"below {null:.4f}.",
    name="au-square-table",
    formats=dict.fromkeys(square["learned on lines, sampled on lines"], "{:.4f}"),
)
''', tags=H)

code("au-sets", '''
DDPM_SETS = {"first set": "DDPM 200"}
DDPM_SETS |= {way.split(", ")[1]: way for way in AGAIN}
Table(
    {
        f"{seed + 1}": {
            name: energy_distance(of("velocity", way, CASE, seed), one_turn[CASE])
            for name, way in DDPM_SETS.items()
        }
        for seed in SEEDS
    },
    rows="network",
    caption="Energy distance of DDPM with 200 calls at 65 m/s: three networks, three "
    "sets of 64 samples each, from the same first noise and other noise on the way.",
    name="au-sets-table",
    formats=dict.fromkeys(DDPM_SETS, "{:.3f}"),
)
''', tags=H)

code("au-calls-figure", '''
LOW = 2e-3
fig, ax = plt.subplots(figsize=(7.5, 4.2))
for name, (training, ways) in CURVES.items():
    calls = [int(way.split()[-1]) for way in ways]
    values = np.array([inside[f"{training}, {way}"] for way in ways]).clip(LOW)
    line = ax.plot(calls, values.mean(1), "o-", ms=5, label=name)[0]
    ax.vlines(calls, values.min(1), values.max(1), color=line.get_color())
for name, style in {
    "normal, with covariance": ":",
    "replay of both, rescaled": "--",
}.items():
    ax.axhline(max(inside_cheap[name], LOW), ls=style, color="0.35", label=name)
ax.axhspan(LOW / 2, null, color="0.85", label="true states, 95 %")
ax.set(xscale="log", yscale="log", xlabel="network calls", ylim=(LOW / 2, 0.4))
ax.set_ylabel("energy distance")
ax.legend(fontsize=8, loc="lower left", ncols=2, frameon=True, facecolor="white")
plotting.keep("au-calls", fig)
''', tags=["hide-input", "remove-output"])

code("au-uneven", '''
def uneven(steps, power):
    """Returns (a, s) of flow matching at times (1 − k/n)^p."""
    times = [(1 - k / steps) ** power for k in range(steps + 1)]
    return [(1 - t, t) for t in times]


def five_calls(case, states, power):
    """Energy distance at one speed after five uneven steps, mean of three networks."""
    values = []
    for seed, network in enumerate(stored["flow"]):
        torch.manual_seed(1000 * run.seed + 10 * case + seed)  # the same for each p
        x, c = start(case)
        x = denoise(network, "flow", x, c, uneven(5, power)).cpu()
        values.append(energy_distance(compressed(x), states))
    return np.mean(values)


MIDDLE = 5  # of all speeds: 55 m/s, a training speed
between = list(zip(TESTED, one_turn, strict=True))[INSIDE]
choice = {}
for power in (0.15, 0.3, 1):
    choice[f"{power:g}"] = {
        "55 m/s": five_calls(MIDDLE, compressed(flows[MIDDLE]), power),
        "25 to 85 m/s": np.mean([five_calls(*pair, power) for pair in between]),
    }
power = min(choice, key=lambda name: choice[name]["55 m/s"])
Table(
    choice,
    rows="exponent p",
    caption="Five calls of Euler's method at the times $(1 - k/5)^p$: energy distance "
    "from the states of a training speed, by which $p$ is chosen, and at the tested "
    "speeds, mean of three networks.",
    name="au-uneven-table",
    formats={"55 m/s": "{:.4f}", "25 to 85 m/s": "{:.4f}"},
    best={"55 m/s": "min"},
)
''')

code("au-memory", '''
training_states = torch.cat([compressed(flows[case]) for case in TRAINING])
sets_of = {
    "solver": one_turn,
    "flow matching, 20 calls": [of("flow", "Euler 20", k) for k in range(6)],
    "DDPM, 200 calls": [of("velocity", "DDPM 200", k) for k in range(6)],
    "replay of both neighbours": [compressed(replay_both(case)) for case in TESTED],
}
memory = {}
for name, sets in sets_of.items():
    pairs = list(zip(sets, one_turn, strict=True))[INSIDE]
    to_known = [distances(x, training_states).min(1).values for x, _ in pairs]
    to_true = [distances(x, y).min(1).values for x, y in pairs]
    memory[name] = {
        "to a training state": torch.cat(to_known).mean().item(),
        "to a true state": torch.cat(to_true).mean().item(),
        "not in the modes": np.mean(
            [x[:, -1].mean().hypot(x[0, -2] / len(centre) ** 0.5) for x, _ in pairs]
        ),
    }
x, c = start(MIDDLE)
asked = compressed(denoise(network, "flow", x, c, lines(20)).cpu())
at_known = distances(asked, compressed(flows[MIDDLE])).min(1).values
of_solver = distances(y, stored_states).min(1).values  # of one run
memory["network asked at 55 m/s"] = {"to a training state": at_known.mean().item()}
memory["solver at 65 m/s, to its 25 states"] = {
    "to a training state": of_solver.mean().item()
}
Table(
    memory,
    rows="states of",
    caption="Distance to the nearest training state of any speed and to the nearest "
    "true state of the same speed, and what no mode of the solver's states holds: "
    "means over 25 to 85 m/s, in units of the training data's standard deviation. Last "
    "two lines: at a training speed, to its 25 states, and what to expect there.",
    name="au-memory-table",
    formats=dict.fromkeys(memory["solver"], "{:.3f}"),
)
''', tags=H)

code("au-lift", '''
def features(x):
    return torch.cat([torch.ones(len(x), 1), x[:, :20]], dim=1)


lift_known = torch.tensor(data.attributes["Lift"][TRAINING][:, kept // 10 - 1]).float()
weights = torch.linalg.lstsq(features(training_states), lift_known.reshape(-1, 1))


def lift(x):
    """Lift coefficient, read from the 20 leading modes by linear regression."""
    x = compressed(x) if x.dim() == 4 else x
    return (features(x) @ weights.solution)[:, 0]


lift_true = [
    torch.tensor(values[:n]).float()
    for values, n in zip(cycle.attributes["Lift"], turns, strict=True)
]
lift_error = max(
    ((lift(y) - true).square().mean().sqrt() / true.std()).item()
    for y, true in list(zip(one_turn, lift_true, strict=True))[INSIDE]
)


def pixels(x):
    """Fields outside of the profile, (batch, numbers)."""
    if x.dim() == 4:
        return x[:, :, fluid].flatten(1)
    fields = x[:, :-2] @ basis + centre
    fields = fields + x[:, -1:] * torch.randn_like(fields)  # what the modes leave
    return fields.reshape(-1, 3, 32, 32)[:, :, fluid].flatten(1)


def ranks(samples, true):
    """Share of samples below each true value, (states, numbers)."""
    return torch.stack([(samples < value).float().mean(0) for value in true])


def calibration(sets):
    """Returns ranks of all tested speeds inside the range, of pixels and of lift."""
    triples = list(zip(sets, one_turn, lift_true, strict=True))[INSIDE]
    return {
        "pixels": torch.cat(
            [ranks(pixels(x), pixels(y)).flatten() for x, y, _ in triples]
        ),
        "lift": torch.cat([ranks(lift(x), true) for x, _, true in triples]),
    }


torch.manual_seed(run.seed)
judged = {
    "true states": [random_states(y) for y in one_turn],
    "flow matching, 1 call": [of("flow", "Euler 1", k) for k in range(6)],
    "flow matching, 5 calls": [of("flow", "Euler 5", k) for k in range(6)],
    "flow matching, 20 calls": [of("flow", "Euler 20", k) for k in range(6)],
    "DDPM, 200 calls": [of("velocity", "DDPM 200", k) for k in range(6)],
    "network with error bars": [x for _, x in answers[run.seed % 3]],
    "replay of both, rescaled": [replay_scaled(case) for case in TESTED],
}
rank_sets = {name: calibration(sets) for name, sets in judged.items()}


def coverage(ranks, share):
    """How much of the truth lies in the samples' central interval."""
    return ((ranks - 0.5).abs() <= share / 2).float().mean().item()


calibrations = {
    name: {
        f"{what}, {share:.0%}": coverage(sets[what], share)
        for what in sets
        for share in (0.5, 0.9)
    }
    for name, sets in rank_sets.items()
}
Table(
    calibrations,
    rows="64 samples of",
    caption="How much of the truth lies in the central half and in the central nine "
    "tenths of the samples: each pixel outside of the profile, and the lift, 25 to 85 "
    "m/s.",
    name="au-calibration-table",
    formats=dict.fromkeys(calibrations["true states"], "{:.0%}"),
)
''', tags=H)

code("au-rank-figure", '''
fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
edges = np.linspace(0, 1, 11)
for ax, what in zip(axes, ("pixels", "lift"), strict=True):
    ax.axhline(1, color="0.55", lw=2, label="perfect")
    for name in list(judged)[1:6]:
        heights, _ = np.histogram(rank_sets[name][what], edges, density=True)
        heights = heights.clip(0.03)
        ax.plot((edges[1:] + edges[:-1]) / 2, heights, "o-", ms=4, label=name)
    ax.set(title=what, xlabel="share of samples below the truth", yscale="log")
axes[0].set_ylabel("density")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
plotting.keep("au-ranks", fig)
''', tags=["hide-input", "remove-output"])

code("au-fewer", '''
torch.manual_seed(run.seed)
fewer = {}
for label, known, variant in (
    ("all five", TRAINING, "flow"),
    ("35, 55, 75 m/s", CLOSE, "close"),
):
    fewer[f"{label}: flow matching"] = over_seeds(variant, "Euler 20")
    for name, rival in {
        "replay": replay_both,
        "replay, rescaled": replay_scaled,
        "normal": field_normal,
    }.items():
        fewer[f"{label}: {name}"] = np.array(
            [
                [energy_distance(compressed(rival(case, known)), turn) for _ in range(12)]
                for case, turn in zip(TESTED, one_turn, strict=True)
            ]
        ).T
Table(
    {
        name: dict(zip(columns, values.mean(0), strict=True))
        for name, values in fewer.items()
    },
    rows="trained on",
    caption="Energy distance at the tested speeds (m/s) after training with all five "
    "speeds and with three: flow matching with 20 calls, mean over three networks, "
    "and rivals without a network.",
    name="au-fewer-table",
    formats=dict.fromkeys(columns, "{:.3f}"),
)
''', tags=H)

code("au-cost", '''
COSTS = {
    "flow matching, 1 call": ("lines, Euler 1", 1),
    "flow matching, 5 calls": ("lines, Euler 5", 5),
    "two-step on lines, 5 calls": ("lines, two-step lines 5", 5),
    "flow matching, 20 calls": ("lines, Euler 20", 20),
    "diffusion, two-step, 20 calls": ("circles, two-step 20", 20),
    "diffusion, DDPM, 200 calls": ("circles, DDPM 200", 200),
}
costs = {
    name: {"s a sample": calls * call, "energy distance": inside[key].mean()}
    for name, (key, calls) in COSTS.items()
}
once = {
    "DDPM, 200 calls, drawn here": "DDPM",
    f"flow matching trained here, {BRIEF:,} updates, 20 calls": "brief",
}
for name, key in once.items():
    costs[name] = {
        "s a sample": math.nan,
        "energy distance": energy_distance(compressed(live[key]), one_turn[CASE]),
    }
Table(
    costs,
    rows="sampling",
    caption="Time of one sample here, and energy distance, mean over 25 to 85 m/s and "
    "three networks; last two lines: one network, 65 m/s.",
    name="au-cost-table",
    formats={"s a sample": "{:.2g}", "energy distance": "{:.4f}"},
)
''', tags=H)
