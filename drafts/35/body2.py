code("pg-longer", '''
def continued(penalty):
    torch.manual_seed(run.seed + 1)
    copy = Velocity(len(A)).to(run.device)
    copy.load_state_dict(model.state_dict())
    return train(copy, read, 2 * LATER, penalty=penalty)


longer, penalised = continued(0.0), continued(1.0)
results["network, trained on"] = judge(euler(longer, ys, 50), 50)
results["… with divergence in the loss"] = judge(euler(penalised, ys, 50), 50)
''', tags=H)

code("pg-control-table", '''
table(
    ["exact posterior"]
    + [f"network, {steps} steps" for steps in (5, 20, 50, 200)]
    + ["network, trained on", *(f"control: {name}" for name in CONTROLS)],
    "A network trained on pairs, and controls on top of it with 50 steps.",
    "pg-control-table",
)
''', tags=H)

md("pg-control-after", r'''
CONTROL-AFTER
''')

md("pg-project-text", r'''
## Projections

All true flows are free of divergence, exactly. The network's are not. Three ways to put it in: the squared divergence of the guess as a further term of the loss, for 1,200 updates more (to be compared with as many updates without it); a projection of the guess in each step of the sampler; a projection of the samples at the end. And one might go further and project onto the *reading* too: the nearest flow that has no divergence and fits $y$ exactly.
''')

code("pg-project", '''
def project(x):
    """Returns the nearest flows without divergence."""
    return vector(flow.project(faces(x)))


def fitted(x, y):
    """Returns the nearest flows without divergence whose readings are y."""
    x, inside = project(x), project(A)
    return x + torch.linalg.solve(A @ inside.T, (y - x @ A.T).T).T @ inside


def projected_model(x, t, y):
    guess = project(x - (t + NEAR) * model(x, t, y))
    return (x - guess) / (t + NEAR)


samples = euler(model, ys, 50)
best = controls["two steps"][0]
results |= {
    "projected in each step": judge(euler(projected_model, ys, 50), 50),
    "projected at the end": judge(project(samples), 50),
    "fitted to the reading": judge(fitted(samples, ys), 50, 1),
    "control, projected at the end": judge(project(euler(model, ys, 50, best)), 50, 100),
}
truths = true.repeat_interleave(SAMPLES, 0)
before, after = (
    (x - truths).square().sum(1) for x in (samples, project(samples))
)
closer = (after <= before * (1 + 1e-5)).float().mean().item()
gained = 1 - (after.sum() / before.sum()).item()
table(
    [
        "exact posterior",
        "network, 50 steps",
        "network, trained on",
        "… with divergence in the loss",
        "projected in each step",
        "projected at the end",
        "control, projected at the end",
        "fitted to the reading",
    ],
    "Constraints in training, in the sampler and after it, 50 steps.",
    "pg-project-table",
)
''', tags=H)

md("pg-project-after", r'''
PROJECT-AFTER
''')

md("pg-speed-text", r'''
## When the posterior is not normal

A hot wire reads how *fast* the air is, not where it goes. Let the four sensors be hot wires, $y_i = |u_i| + \sigma \eta_i$. Then each velocity lies on a ring, the reversed flow $-x$ explains a reading as well as $x$, and the posterior has at least two parts. Its mean is zero, no flow at all.

The exact answer is still within reach. Given the eight velocities $w$ at the sensors, the flow is normal as before. And $p(w | y)$ has only eight dimensions: draw each $w_i$ from its ring, and weigh with the prior $\mathcal N(w; 0, A C A^T)$. Here are the rivals:

- the **ensemble Kalman** estimate;
- **randomised maximum likelihood** {cite}`oliver1996conditioning`: draw a flow of the prior and an error, and move the flow to the nearest minimum of $(x - x')^T C^{-1} (x - x') + |y + \sigma\eta - h(x)|^2 / \sigma^2$, by ten damped Gauss–Newton steps, from the draw $x'$. In the linear case that is an exact sample;
- **replay**: of 100,000 flows of the prior, the 64 whose readings are closest;
- **guidance** with the exact prior, with and without the variance, linearised at the guess;
- **flow matching** on pairs, and the same control as before.
''')

code("pg-speed", '''
def hot_wires(w):
    """Returns what hot wires read of velocities, and its derivative, (batch, 4, 8)."""
    u, v = w[:, :SENSORS], w[:, SENSORS:]
    speed = (u**2 + v**2 + 1e-12).sqrt()
    return speed, torch.cat([(u / speed).diag_embed(), (v / speed).diag_embed()], dim=2)


def speeds(x):
    return hot_wires(read(x))[0]


def exact_speeds(y, count, tries=200_000):
    """Returns samples of the posterior of one reading, by weights on the rings."""
    angle = 2 * math.pi * torch.rand(tries, SENSORS, device=run.device)
    radius = (y + SIGMA * torch.randn(tries, SENSORS, device=run.device)).abs()
    w = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
    log_weight = radius.log().sum(1) - (torch.linalg.solve(seen, w.T).T * w).sum(1) / 2
    chosen = torch.multinomial((log_weight - log_weight.max()).exp(), count, True)
    x = prior(count)
    return x + torch.linalg.solve(seen, (w[chosen] - read(x)).T).T @ (A @ C)


def randomised(y, iterations=10):
    """Draws of prior and error, each moved to its nearest minimum."""
    x = start = prior(len(y))
    target = y + SIGMA * torch.randn_like(y)
    for _ in range(iterations):
        w = read(x)
        speed, J = hot_wires(w)
        error = J @ seen @ J.mT + SIGMA**2 * eye[:SENSORS, :SENSORS]
        off = target - speed + (J @ (w - read(start))[..., None])[..., 0]
        solved = torch.linalg.solve(error, off)[..., None]
        x = (x + start + (J.mT @ solved)[..., 0] @ (A @ C)) / 2
    return x
''', tags=H)

code("pg-speed-run", '''
torch.manual_seed(run.seed + 2)
FLOWS, DRAWS = 12, 256  # flows to recover, samples for each
hidden = prior(FLOWS)
spoken = measure(hidden, speeds)
each = spoken.repeat_interleave(DRAWS, 0)


def energy(x, y):
    """Energy distance of two sets of the same size, without bias."""
    n = len(x) * (len(x) - 1)
    within = torch.cdist(x, x).sum() / n + torch.cdist(y, y).sum() / n
    return (2 * torch.cdist(x, y).mean() - within).item()


def draw_exact():
    return [read(exact_speeds(value, DRAWS)) for value in spoken]


def mean_energy(sets, others):
    return np.mean([energy(*pair) for pair in zip(sets, others, strict=True)])


reference = draw_exact()
floor_95 = np.quantile([mean_energy(draw_exact(), draw_exact()) for _ in range(40)], 0.95)


def judge_speeds(x, calls=0, simulations=0):
    w = read(x).reshape(FLOWS, DRAWS, -1)
    off = (speeds(x) - each) / SIGMA
    return {
        "misfit": off.square().mean().item(),
        "energy distance": mean_energy(w, reference),
        "network calls": calls,
        "simulations": simulations,
    }


many = prior(100_000)
many_speeds = speeds(many)


def replay(value):
    return many[(many_speeds - value).square().sum(1).argsort()[:DRAWS]]


def ensemble_speeds(value, members=1024):
    x = prior(members)
    h = speeds(x)
    deviation, readings = x - x.mean(0), h - h.mean(0)
    spread = readings.T @ readings / (members - 1) + SIGMA**2 * eye[:SENSORS, :SENSORS]
    gain = torch.linalg.solve(spread, readings.T @ deviation / (members - 1)).T
    return (x + (value + SIGMA * torch.randn_like(h) - h) @ gain.T)[:DRAWS]


torch.manual_seed(run.seed + 3)
hot = {
    "exact posterior": judge_speeds(torch.cat([exact_speeds(v, DRAWS) for v in spoken])),
    "prior": judge_speeds(prior(len(each))),
    "ensemble of 1,024": judge_speeds(torch.cat([ensemble_speeds(v) for v in spoken]), 0, 4),
    "randomised likelihood": judge_speeds(randomised(each), 0, 10),
    "replay of 100,000": judge_speeds(torch.cat([replay(v) for v in spoken]), 0, 391),
}
for name, options in {
    "guidance with the variance": {"steps": 200},
    "guidance with it, fresh noise": {"steps": 200, "fresh": True},
    "guidance without, fresh noise": {"steps": 1000, "variance": False, "fresh": True},
}.items():
    steps = options["steps"]
    hot[name] = judge_speeds(guided(each, reading=hot_wires, **options), steps, steps)
''', tags=H)

code("pg-speed-network", '''
torch.manual_seed(run.seed)
blind = train(Velocity(SENSORS).to(run.device), speeds, UPDATES)
hot["network"] = judge_speeds(euler(blind, each, 50), 50)
torch.manual_seed(run.seed + 1)
guide = train(Control(blind, speeds, "two steps").to(run.device), speeds, LATER)
hot["network and control"] = judge_speeds(euler(blind, each, 50, guide), 50, 100)
''')

code("pg-speed-table", '''
Table(
    hot,
    rows="samples of",
    caption="Flows behind the readings of four hot wires: misfit (exact is 1) and "
    "energy distance of the velocities at the sensors from the exact posterior, mean "
    f"over 12 flows. 95 % of exact sets stay below {floor_95:.4f}.",
    name="pg-speed-table",
    formats={"network calls": "{:.0f}", "simulations": "{:.0f}", "misfit": "{:.3g}", "energy distance": "{:.4f}"},
)
''', tags=H)
