code("au-claims", '''
fm, ddpm = inside["lines, Euler 20"], inside["circles, DDPM 200"]
whole = max(
    abs(
        energy_distance(compressed(live[steps]), y)
        - energy_distance_of_fields(live[steps], truth[CASE][: turns[CASE]])
    )
    for steps in live
)
with Claims("probabilistic/airfoil_uncertainty") as claims:
    claims.check(
        "Parameters of the network at the source's width",
        parameters[16],
        exactly=1_185_218,
        source="1,185,218",
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
def uneven(steps, power):
    times = [(1 - k / steps) ** power for k in range(steps + 1)]
    return [(1 - t, t) for t in times]


torch.manual_seed(run.seed)
x, c = start(TESTED[CASE])
schedule_table = {}
for power in (0.5, 1, 1.5, 2, 3):
    once = denoise(network, "flow", x, c, uneven(5, power)).cpu()
    twice = two_step(network, "flow", x, c, uneven(5, power)).cpu()
    schedule_table[f"{power:g}"] = {
        "Euler": energy_distance(compressed(once), y),
        "two-step": energy_distance(compressed(twice), y),
    }
Table(
    schedule_table,
    rows="exponent",
    caption="Energy distance of 64 samples at 65 m/s, five calls at times "
    "$(1 - k/5)^p$, for several exponents $p$.",
    name="au-schedule-table",
    formats={"Euler": "{:.3f}", "two-step": "{:.3f}"},
)
''', tags=H)

EXTRA = """au-exercises au-solution-circle au-exercises-2 au-solution-count au-exercises-3 au-solution-steps au-exercises-4""".split()
