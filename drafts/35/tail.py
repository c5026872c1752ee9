code("pg-claims", '''
guide = {name.removeprefix("guidance "): row for name, row in results.items()}
base, two = results["network, 50 steps"], results["control: two steps"]
last_fifth, blind_row = results["control: network, last fifth"], results["control: no signal"]
with Claims("probabilistic/physics_guidance") as claims:
    claims.check(
        "Without the variance and without fresh noise all samples collapse onto one "
        "answer; their spread at the sensors over the exact one",
        guide["without"]["spread, sensors"],
        at_most=0.3,
        source="worst case: one solution",
    )
    claims.check(
        "With the variance in the likelihood guidance samples the posterior; spread at "
        "the sensors over the exact one",
        guide["with the variance"]["spread, sensors"],
        between=(0.93, 1.04),
    )
    claims.check(
        "With fresh noise and without the variance the spread at the sensors is near "
        "1/√2 of the exact one",
        guide["without, fresh noise"]["spread, sensors"],
        between=(0.64, 0.76),
    )
    claims.check(
        "Half the weight repairs that spread, over the exact one",
        guide["without, fresh noise, weight ½"]["spread, sensors"],
        between=(0.93, 1.07),
    )
    claims.check(
        "Half the weight does not repair the mean; its error in posterior standard "
        "deviations",
        guide["without, fresh noise, weight ½"]["error of mean"],
        at_least=0.12,
    )
    claims.check(
        "More steps do not make the samples of a trained network fit better; misfit of "
        "200 steps over that of 50",
        results["network, 200 steps"]["misfit"] / base["misfit"],
        between=(0.75, 1.1),
        source="the error plateaus",
    )
    claims.check(
        "A control that sees the simulator's gradient lowers the excess of the misfit "
        "over 1; of the network alone over that with a control in the last fifth",
        (base["misfit"] - 1) / (last_fifth["misfit"] - 1),
        at_least=2,
        source="1.74 to 1.48, where 1.17 is best",
    )
    claims.check(
        "The signal does it: a control of the same form without it leaves the misfit; "
        "over that of the network alone",
        blind_row["misfit"] / base["misfit"],
        between=(0.85, 1.15),
    )
    claims.refute(
        "Along the whole path the published signal makes samples too narrow; spread at "
        "the sensors over the exact one",
        results["control: network"]["spread, sensors"],
        at_most=0.85,
        source="no harm to the posterior",
    )
    claims.check(
        "With the gradient at the noisy flow as a second signal the spread is right, "
        "over the exact one",
        two["spread, sensors"],
        between=(0.88, 1.1),
    )
    claims.check(
        "Training for 1,200 updates more leaves the misfit; over that before",
        results["network, trained on"]["misfit"] / base["misfit"],
        at_least=0.8,
        source="not by more data alone",
    )
    claims.check(
        "A projection onto flows without divergence removes divergence, and hardly any "
        "error; share of the squared distance from the true flow that it takes away",
        gained,
        at_most=0.005,
    )
    claims.check(
        "Samples fitted to the reading have no spread where the sensors are; over the "
        "exact one",
        results["fitted to the reading"]["spread, sensors"],
        at_most=1e-3,
    )
    claims.check(
        "With hot wires an ensemble Kalman estimate learns nothing; energy distance "
        "over that of the prior",
        hot["ensemble of 1,024"]["energy distance"] / hot["prior"]["energy distance"],
        between=(0.7, 1.5),
    )
    claims.check(
        "A network alone does not learn the rings of hot wires; its misfit over that "
        "of the prior",
        hot["network"]["misfit"] / hot["prior"]["misfit"],
        at_least=0.4,
    )
    claims.check(
        "A control along the whole path finds them; misfit of the network alone over "
        "that with the control",
        hot["network"]["misfit"] / hot["network and control"]["misfit"],
        at_least=15,
    )
    claims.check(
        "With hot wires replay of 100,000 flows is as good as exact samples; energy "
        "distance over that of the prior",
        hot["replay of 100,000"]["energy distance"] / hot["prior"]["energy distance"],
        between=(-0.06, 0.06),
    )
    claims.check(
        "With hot wires randomised maximum likelihood is so, too; energy distance over "
        "that of the prior",
        hot["randomised likelihood"]["energy distance"] / hot["prior"]["energy distance"],
        between=(-0.06, 0.06),
    )
    claims.guard(
        "The simulator is the matrix A; largest difference of the readings",
        (simulated_readings(true) - read(true)).abs().max().item(),
        at_most=1e-5,
    )
    claims.guard(
        "Exact samples fit as well as the error demands; misfit",
        results["exact posterior"]["misfit"],
        between=(0.9, 1.1),
    )
    claims.guard(
        "A projection never increases the distance from a flow without divergence; "
        "share of samples for which it does not",
        closer,
        exactly=1,
    )
''', tags=H)
