code("au-claims", '''
def whole_distance(fields, states):
    """Energy distance of fields from states, from all their numbers."""
    x, y = fields.flatten(1), states.flatten(1)
    n = len(x) * (len(x) - 1)
    within = torch.cdist(x, x).sum() / n + torch.cdist(y, y).mean()
    return (2 * torch.cdist(x, y).mean() - within).item() / math.sqrt(len(centre))


lossless = max(
    abs(
        energy_distance(compressed(fields), y)
        - whole_distance(fields, truth[CASE][: turns[CASE]])
    )
    for key, fields in live.items()
    if key != "brief"  # with its short training far from any flow
)
fm, ddim = inside["lines, Euler 20"].mean(), inside["circles, DDIM 20"].mean()
spread_of_way = {name: values["spread"] for name, values in first_two.items()}
with Claims("probabilistic/airfoil_uncertainty") as claims:
    claims.check(
        "Parameters of the network at the source's width",
        parameters[16],
        exactly=1_185_218,
        source="1,185,218",
    )
    claims.check(
        "One call of flow matching has the mean; its error, 25 to 85 m/s, in standard "
        "deviations of the training data",
        first_two["flow matching, 1 call"]["mean"],
        at_most=0.2,
        source="mostly right",
    )
    claims.check(
        "One call of flow matching fails on the spread; standard deviation over the "
        "solver's, 25 to 85 m/s, mean of three networks",
        spread_of_way["flow matching, 1 call"],
        at_most=0.7,
        source="0.2",
    )
    claims.check(
        "With twenty calls the spread of flow matching is near that of DDPM with 200; "
        "ratio, 25 to 85 m/s, mean of three networks",
        spread_of_way["flow matching, 20 calls"]
        / spread_of_way["diffusion, DDPM, 200 calls"],
        between=(0.75, 1.15),
        source="0.99 to 1.17",
    )
    claims.check(
        "At the lowest speed flow matching with twenty calls overstates the spread; "
        "standard deviation over the solver's, mean of three networks",
        first_two["flow matching, 20 calls"]["spread, 5"],
        at_least=8,
        source="8",
    )
    claims.check(
        "At the highest speed, outside of the training's, the spread of flow matching "
        "with twenty calls is nearly right; standard deviation over the solver's",
        first_two["flow matching, 20 calls"]["spread, 105"],
        between=(0.7, 1.15),
        source="0.93",
    )
    claims.refute(
        "Few calls are not owed to flow matching: a diffusion network, sampled by DDIM "
        "in twenty calls too, has as small an energy distance; over that of flow "
        "matching, 25 to 85 m/s, mean of three networks",
        ddim / fm,
        at_most=1.6,
        source="a tenth of the calls",
    )
    claims.check(
        "From 45 to 85 m/s a hundred calls improve flow matching; energy distance over "
        "that with twenty, mean of three networks",
        learned["lines, Euler 100"][:, 2:5].mean()
        / learned["lines, Euler 20"][:, 2:5].mean(),
        at_most=0.9,
    )
    claims.check(
        "Five calls at times chosen at a training speed: energy distance of flow "
        "matching over that with five even steps, 25 to 85 m/s, three networks",
        choice[power]["25 to 85 m/s"] / choice["1"]["25 to 85 m/s"],
        at_most=0.7,
    )
    claims.check(
        "Replay of both neighbours, rescaled, without training, is as good as flow "
        "matching with twenty calls; energy distance over that of flow matching, 25 "
        "to 85 m/s",
        inside_cheap["replay of both, rescaled"] / fm,
        at_most=1.6,
    )
    claims.check(
        "A normal distribution with a neighbour's covariance is worse; energy distance "
        "over that of flow matching with twenty calls, 25 to 85 m/s",
        inside_cheap["normal, with covariance"] / fm,
        at_least=1.4,
    )
    claims.check(
        "Trained with 35, 55 and 75 m/s, flow matching extrapolates to 25 m/s about as "
        "rescaled replay does; ratio of the energy distances, mean of three networks",
        fewer["35, 55, 75 m/s: flow matching"][:, 1].mean()
        / fewer["35, 55, 75 m/s: replay, rescaled"][:, 1].mean(),
        between=(0.6, 1.8),
    )
    claims.check(
        "Samples are not copies: at a training speed their distance to its nearest "
        "state, over that of true states to the stored ones of a run, one network",
        at_known.mean().item() / of_solver.mean().item(),
        between=(0.6, 2.5),
    )
    claims.check(
        "A network that learns the noise needs its many calls; energy distance of DDIM "
        "with twenty calls over that of a velocity network, 25 to 85 m/s",
        inside["noise, DDIM 20"].mean() / ddim,
        at_least=4,
    )
    claims.check(
        "The network with error bars for pixels knows nothing of the lift; share of "
        "the truth in the central nine tenths of its samples' lift",
        calibrations["network with error bars"]["lift, 90%"],
        at_most=0.4,
    )
    claims.check(
        "Samples of flow matching with twenty calls know the lift; share of the truth "
        "in the central nine tenths of its samples' lift",
        calibrations["flow matching, 20 calls"]["lift, 90%"],
        at_least=0.6,
    )
    claims.check(
        "From 25 m/s on the iteration comes back; largest mean square difference after "
        "a turn over that of independent states",
        max(mismatch[1:]),
        at_most=0.02,
    )
    claims.guard(
        "At 5 m/s the iteration does not come back; mean square difference of states "
        "one supposed turn apart over that of independent states",
        mismatch[0],
        at_least=0.5,
    )
    claims.guard(
        "Sixty modes and the size of the rest give the energy distance of whole "
        "fields; largest difference over the samples drawn here",
        lossless,
        at_most=0.005,
    )
    claims.guard(
        "The lift that the regression reads from true states; largest rms error over "
        "its standard deviation, 25 to 85 m/s",
        lift_error,
        at_most=0.15,
    )
''', tags=H)

code("au-solution-circle", '''
loop = one_turn[CASE][:, :-1]
radius = (loop - loop.mean(0)).square().sum(1).div(len(centre)).sqrt()
answer = loop.mean(0).expand(COUNT, -1)
exact_D = energy_distance(
    torch.cat([answer, torch.zeros(COUNT, 1)], dim=1), one_turn[CASE]
)
Table(
    {
        "65 m/s": {
            "radius": radius.mean().item(),
            "its variation": (radius.std() / radius.mean()).item(),
            "circle": (2 - 4 / math.pi) * radius.mean().item(),
            "loop": exact_D,
        }
    },
    rows="mean as the only answer",
    caption="Distance of the states from their mean, energy distance of a circle of "
    "this radius, and of the loop.",
    name="au-circle-table",
    formats={"its variation": "{:.0%}"},
)
''', tags=H)

code("au-solution-count", '''
torch.manual_seed(run.seed)
counts = {}
for count in (16, 64, 500):
    rows = torch.randint(len(one_turn[CASE]), (200, count))
    found = torch.stack([restored(one_turn[CASE][row])[1][1, fluid] for row in rows])
    true = restored(one_turn[CASE])[1][1, fluid]
    strong = true > 0.5 * true.max()
    error = ((found / true - 1).square().mean(0).sqrt())[strong].mean().item()
    counts[f"{count}"] = {
        "measured": error,
        "sine": math.sqrt(0.5 / 4 / count),
        "normal": math.sqrt(2 / 4 / count),
    }
stored_map = restored(stored_states)[1][1, fluid]
counts["the 25 stored"] = {"measured": (stored_map / true - 1)[strong].abs().mean()}
Table(
    counts,
    rows="samples",
    caption="Relative error of the standard deviation of $u_x$ from true states at 65 "
    "m/s, mean over pixels where it is large, and by the estimate for a sine and for a "
    "normal distribution.",
    name="au-count-table",
    formats=dict.fromkeys(("measured", "sine", "normal"), "{:.1%}"),
)
''', tags=H)

code("au-solution-steps", '''
torch.manual_seed(run.seed)
x, c = start(TESTED[CASE])
few = {}
for steps in (1, 2, 3, 5):
    few[f"{steps}"] = {
        f"p = {p:g}": energy_distance(
            compressed(denoise(network, "flow", x, c, uneven(steps, p)).cpu()), y
        )
        for p in (0.15, 0.3, 0.5, 1)
    }
Table(
    few,
    rows="calls",
    caption="Energy distance of 64 samples at 65 m/s, for a few calls of Euler's "
    "method at the times $(1 - k/n)^p$.",
    name="au-few-table",
    formats=dict.fromkeys(few["1"], "{:.3f}"),
)
''', tags=H)

EXTRA = """au-exercises au-solution-circle au-exercises-2 au-solution-count au-exercises-3 au-solution-steps au-exercises-4""".split()
