code("au-live", '''
CASE = 3  # of the tested speeds: 65 m/s
network = stored["flow"][run.seed % 3]
start = torch.randn(COUNT, 3, 32, 32, device=run.device)
c = conditions(TESTED[CASE]).expand_as(start).to(run.device)
live, seconds = {}, {}
for steps in (1, 5, 20):
    begin = time.perf_counter()
    live[steps] = denoise(network, "flow", start, c, lines(steps)).cpu()
    seconds[steps] = (time.perf_counter() - begin) / COUNT
''')

code("au-ring-figure", '''
def of(variant, way, case=CASE, seed=None):
    """Stored samples of one network at a tested speed."""
    return drawn[f"{variant} {run.seed % 3 if seed is None else seed} {way}"][case]


torch.manual_seed(run.seed)
y = one_turn[CASE]
shown = {
    "flow matching, 1 call": compressed(live[1]),
    "flow matching, 5 calls": compressed(live[5]),
    "flow matching, 20 calls": compressed(live[20]),
    "DDPM, 200 calls": of("velocity", "DDPM 200"),
    "normal, with covariance": compressed(field_normal(TESTED[CASE])),
    "replay of both neighbours": compressed(replay_both(TESTED[CASE])),
}
plane = torch.linalg.svd((y - y.mean(0))[:, :-1], full_matrices=False).Vh[:2]


def in_plane(x):
    return ((x - y.mean(0))[:, :-1] @ plane.T / math.sqrt(len(centre))).T.numpy()


fig, axes = plt.subplots(2, 3, figsize=(9, 6), sharex=True, sharey=True)
for ax, (title, x) in zip(axes.flat, shown.items(), strict=True):
    ax.plot(*in_plane(torch.cat([y, y[:1]])), color="0.55", lw=2, label="solver")
    ax.plot(*in_plane(x), ".", ms=5, label="samples")
    ax.set(title=title, aspect="equal", xlabel="mode 1", ylabel="mode 2")
axes[0, 0].legend()
for ax in axes.flat:
    ax.label_outer()
plotting.keep("au-key", fig)
''', tags=["hide-input", "remove-output"])

code("au-maps-figure", '''
def restored(x):
    """Mean and standard deviation of compressed samples, in units of U² and U."""
    fields = x[:, :-1] @ basis + centre
    spread = (fields.var(0, correction=0) + x[:, -1].square().mean()).sqrt()
    shape = 3, 32, 32
    level = fields.mean(0).reshape(shape) * scale[:, None, None] + mean[:, None, None]
    return level, spread.reshape(shape) * scale[:, None, None]


maps = {
    "solver": y,
    "FM, 1 call": shown["flow matching, 1 call"],
    "FM, 5 calls": shown["flow matching, 5 calls"],
    "FM, 20 calls": shown["flow matching, 20 calls"],
    "DDPM, 200": shown["DDPM, 200 calls"],
}
maps = {name: restored(x) for name, x in maps.items()}
extent = (-0.5, 1.5, -1, 1)
fig, axes = plt.subplots(2, 5, figsize=(11, 4.9), sharex=True, sharey=True)
for row, (what, kind) in enumerate({"mean": "viridis", "std": "magma"}.items()):
    limits = [(0, 1.3), (0, 0.6)][row]
    for ax, (name, fields) in zip(axes[row], maps.items(), strict=True):
        field = np.where(mask == 1, np.nan, fields[row][1])
        picture = ax.imshow(
            field, origin="lower", extent=extent, cmap=kind, vmin=limits[0], vmax=limits[1]
        )
        ax.set(title=f"{name}: {what}", xlabel="$x$")
        ax.label_outer()
    axes[row, 0].set_ylabel("$y$")
    fig.colorbar(picture, ax=axes[row], label=f"{what} of $u_x / U$", shrink=0.9)
plotting.keep("au-maps", fig)
''', tags=["hide-input", "remove-output"])

code("au-score", '''
def normal_network(case):
    """The network that returns a mean and a spread for each pixel."""
    zeros = torch.zeros(COUNT, 3, 32, 32, device=run.device)
    c = conditions(case).expand_as(zeros).to(run.device)
    guess, log_spread = stored["normal"][run.seed % 3](zeros, zeros[:, 0, 0, 0], c).chunk(2, 1)
    return guess.cpu(), guess.cpu() + log_spread.exp().cpu() * torch.randn(zeros.shape)


def over_seeds(variant, way):
    """Energy distances, (networks, speeds)."""
    return np.array(
        [
            [energy_distance(of(variant, way, k, seed), one_turn[k]) for k in range(6)]
            for seed in VARIANTS[variant].get("seeds", SEEDS)
        ]
    )


torch.manual_seed(run.seed)
cheap = {
    name: [
        np.mean([energy_distance(compressed(rival(case)), one_turn[k]) for _ in range(5)])
        for k, case in enumerate(TESTED)
    ]
    for name, rival in RIVALS.items()
}
outputs = [[compressed(x) for x in normal_network(case)] for case in TESTED]
for place, name in enumerate(["network, mean", "network, normal"]):
    cheap[name] = [energy_distance(x[place], y) for x, y in zip(outputs, one_turn, strict=True)]
learned = {
    f"{label}, {way}": over_seeds(variant, way)
    for variant, label in {"flow": "lines", "velocity": "circles", "noise": "noise"}.items()
    for way in PLANS[variant]
}
''', tags=H)

code("au-score-table", '''
SHOWN = {
    "lines, Euler 1": "flow matching, 1 call",
    "lines, Euler 5": "flow matching, 5 calls",
    "lines, Euler 20": "flow matching, 20 calls",
    "circles, DDIM 20": "diffusion, DDIM, 20 calls",
    "circles, DDPM 200": "diffusion, DDPM, 200 calls",
    "noise, DDPM 200": "diffusion that learns the noise, DDPM, 200 calls",
}
columns = [f"{speeds[case]:g}" for case in TESTED]
quantiles = np.quantile(floors, 0.95, axis=1)
Table(
    {name: dict(zip(columns, row, strict=True)) for name, row in cheap.items()}
    | {
        name: dict(zip(columns, learned[key].mean(0), strict=True))
        for key, name in SHOWN.items()
    }
    | {"solver, 95 % quantile": dict(zip(columns, quantiles, strict=True))},
    rows="64 samples of",
    caption="Energy distance from the solver's states at each tested speed (m/s). 5 "
    "and 105 m/s lie outside the training speeds. Learned samplers: mean over three "
    "networks (one for the noise). Last line: what 95 % of sets of true states stay "
    "below.",
    name="au-score-table",
)
''', tags=H)
