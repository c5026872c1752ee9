M("ppo-intro", r'''
# Trial and error against the solver's gradient

A flow in one dimension shall be steered into a given state, with little force. We train controllers for it in two ways: by **reinforcement learning**, which plays the solver like a game and is told the score, and by gradients through the solver. In the source text both reach the target equally well, by construction, and differ in the force they use. We let nothing be repaired, and ask what either is worth beside methods that train nothing.

```{glue:figure} ppo-key
:name: ppo-steering
:alt: Two rows of four panels for one task. In the upper row velocity over position, from the beginning in blue to the end in red, with the target as a dashed black line. Without a force the last curve misses the target. The optimum, the policy trained through the solver and the policy of PPO end on it or very near. The lower row shows the force over time and position: none; smooth bands for the optimum; nearly the same bands for the policy trained through the solver; the same with visible mottling for PPO.

One task of the test set. Top: velocity from the start (blue) to the end (red), target dashed. Bottom: the force over time. From left to right: no force; the optimum; a policy trained through the solver; a policy trained by PPO with the same network.
```

**You will learn**

- how to make a solver an environment, and how to train on it with PPO from a library;
- how to measure a controller, and why a single number ranks some pair wrongly;
- how noisy a gradient from rewards is, beside one through the solver;
- that the strongest rivals here need a model and no training at all;
- what changes where actions have no derivative.

*Run time: under three minutes on one CPU core. Data: networks of 3 MB, shipped with the book.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; {doc}`/book/appendix/errata` lists where we depart from it.
''')
C("ppo-imports", R["imports"], "hide-input", "recipe")
C("ppo-settings", R["settings"], "recipe")
M("ppo-task", r'''
## The task

The velocity $u$ obeys Burgers' equation with a force, on $x \in [0, 1]$, periodic, in 32 cells. One step of the solver $\mathcal P$ (diffusion, then advection, {doc}`/notebooks/introduction/burgers_forward`), and then the force $a_t$ acts:

$$
u_{t+1} = \mathcal P(u_t) + \Delta t\, a_t , \qquad t = 0, \dots, 31, \qquad \Delta t = 0.03, \quad \nu = 0.003 .
$$ (ppo-step)

At the start two humps run into each other. The target $u^*$ is what a random force, constant in time, makes of them; so it can be reached. The controller may choose another force in each of the 32 cells at each of the 32 steps, and sees the velocity, the target and the time. It shall maximise the **return**

$$
R = - \sum_{t} |a_t|^2 - w\, |u^* - u_{32}|^2 , \qquad w = 32 / \Delta t^2 = 35{,}556 ,
$$ (ppo-return)

where $|\cdot|^2$ is the sum over the cells. The weight is the source's: a velocity that misses the target counts as 32 times the square of the force that would have been missing in the last step. {doc}`/book/reinforcement_learning/policy_gradients` explains the words.

As an environment for reinforcement learning this is `BurgersControl`, a *vector environment* of the library Gymnasium {cite}`towers2024gymnasium`: one call steps any number of tasks at once.
''')
C("ppo-environment", r'''
env = BurgersControl(512)
observations, _ = env.reset(seed=run.seed)
start = time.perf_counter()
for _ in range(STEPS):
    forces = np.zeros((512, CELLS))
    observations, rewards, ended, _, infos = env.step(forces)
rate = 512 * STEPS / (time.perf_counter() - start)
print("observations", observations.shape, "rewards", rewards.shape, "ended", ended.all())
print(f"{rate:,.0f} steps a second; mean reward of the last step {rewards.mean():,.0f}")
try:
    env.step(np.full((512, CELLS), np.nan))
except ValueError as error:
    print(error)
''')
M("ppo-play-text", r'''
For everything else we play with functions of torch, so that a gradient can pass. A policy is any function that turns observations into forces.
''')
C("ppo-play", R["play"], "recipe")
M("ppo-measures", r'''
## How to measure a controller

The source takes the sum of the *absolute* forces as its measure. Which controller would win by it? We try four that need no training: none at all; the **jump**, which waits and takes the whole way in the last step; the **straight line**, which forces the velocity to go evenly from start to target; and the force that made the target.
''')
C("ppo-simple", r'''
def remaining(o):
    """Returns velocity, target, step, and steps left."""
    t = round(STEPS * o[0, 2, 0].item())
    return o[:, 0], o[:, 1], t, STEPS - t


def nothing(o):
    return torch.zeros_like(o[:, 0])


def jump(o):
    u, target, _, left = remaining(o)
    return (target - advance(u, 0.0)) / DT if left == 1 else torch.zeros_like(u)


def straight_line(o):
    u, target, _, left = remaining(o)
    return (u + (target - u) / left - advance(u, 0.0)) / DT


def made_with(cases):
    return lambda o: cases.force


def repaired(states, forces, target):
    """Returns the squared force if the last step goes to the target exactly."""
    exact = forces[-1] + (target - states[-1]) / DT
    return forces[:-1].square().sum((0, 2)) + exact.square().sum(1)


@torch.no_grad()
def result(act, cases=test, **world):
    """Returns the mean measures of a policy over all tasks."""
    states, forces = play(act, cases, **world)
    effort, error, total = measure(states, forces, cases.target)
    rough = (forces - forces.roll(1, 2)).square().sum() / forces.square().sum()
    return {
        "sum of |a|": forces.abs().sum((0, 2)).mean().item(),
        "squared force": effort.mean().item(),
        "error at target": error.mean().item(),
        "repaired": repaired(states, forces, cases.target).mean().item(),
        "roughness": rough.item(),
        "return": total.mean().item(),
    }


simple = {
    "no force": result(nothing),
    "jump in the last step": result(jump),
    "straight line": result(straight_line),
    "the force that made the target": result(made_with(test)),
}
simple["no force"]["roughness"] = None
''')
M("ppo-model-text", r'''
Two more need a model of the flow and no training either. **Feedback on the gap** lets the model run on without a force to the end, and spreads what is then missing evenly over the steps that are left,

$$
a_t = \frac{u^* - \mathcal P^{\,n-t}(u_t)}{(n - t)\, \Delta t} .
$$ (ppo-gap)

And the **optimum** of a task can be computed. As the force acts in every cell, any sequence of states can be had, with the forces $a_t = (u_{t+1} - \mathcal P(u_t)) / \Delta t$. So take the *states* between as unknowns, both ends fixed, and minimise the sum of squared forces by L-BFGS with the solver's gradient, for all tasks at once. From two starts we keep the better end for each task; a bound from below it is not, as the problem is not convex.
''')
C("ppo-optimum", r'''
def gap_feedback(o):
    u, target, _, left = remaining(o)
    end = u
    for _ in range(left):
        end = advance(end, 0.0)
    return (target - end) / (left * DT)


def forces_between(states, dt=DT, nu=NU):
    """Returns the forces that take each state to the next."""
    return (states[1:] - advance(states[:-1], 0.0, dt=dt, nu=nu)) / dt


def improve(states, iterations):
    """Returns states with the same ends and less squared force."""
    first, last = states[:1], states[-1:]
    inner = states[1:-1].clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [inner],
        max_iter=iterations,
        history_size=20,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        effort = forces_between(torch.cat([first, inner, last])).square().sum()
        effort.backward()
        return effort

    optimizer.step(closure)
    return torch.cat([first, inner.detach(), last])


def effort_of(states):
    return forces_between(states).square().sum((0, 2))


start = time.perf_counter()
ends = [improve(play(a, test)[0], 300) for a in (gap_feedback, made_with(test))]
seconds_optimum = (time.perf_counter() - start) / N_CASES
better = effort_of(ends[0]) < effort_of(ends[1])
optimum = torch.where(better[:, None], ends[0], ends[1])
best_forces = forces_between(optimum)


def follow(forces):
    """Returns the policy that replays stored forces."""
    return lambda o: forces[remaining(o)[2]]


simple["feedback on the gap"] = result(gap_feedback)
simple["optimum by L-BFGS"] = result(follow(best_forces))
print(f"optimum: {1000 * seconds_optimum:.0f} ms a task")
''')
C("ppo-simple-table", r'''
Table(
    simple,
    rows="controller",
    caption="Six controllers without training, means over 100 test tasks. Repaired: "
    "squared force if the last step goes to the target exactly. Roughness: squared "
    "difference of the force between neighbouring cells over squared force (white "
    "noise has 2).",
    name="ppo-simple",
    best={"sum of |a|": "min", "return": "max"},
)
''', "hide-input")
M("ppo-simple-read", r'''
By the sum of absolute forces doing nothing is best, and the jump better than the optimum ({numref}`ppo-simple`): one huge force is as cheap by this measure as a hundred small ones. It can rank nothing. *Squared* force asks for gentle control, but alone it praises doing nothing, too, and the error alone praises the jump. The return combines both, with a weight that somebody has to choose. So we show all of them, and draw force against error. The force that made the target is not the best one: the optimum needs three quarters of it.

## The networks

The source's actor is a small U-Net on the three channels velocity, target and time, its critic a chain of convolutions and pooling. We build both (without the source's padding to 63 cells) and hand them to the policy class of Stable-Baselines3 {cite}`raffin2021stable`, which adds a linear layer behind each.
''')
C("ppo-networks", R["networks"], "recipe")
C("ppo-mean", R["mean"], "recipe", "hide-input")
M("ppo-agent-text", r'''
A second network is what the library takes by default: two layers of 64 units, on all numbers of the observation, ten times as fast as the U-Net. PPO has many settings. Most of those below come from a grid that follows. Rewards are divided by the standard deviation of the return, as it is estimated during the training (`VecNormalize`); a return of hundreds of thousands would drown everything else in the loss.
''')
C("ppo-ppo", R["ppo"], "recipe")
M("ppo-live-text", r'''
Four million steps with the small network, in less than a minute. At the speed that the source reports for its networks and its stack, 11.2 million steps in 18 hours, they would have taken more than six hours.
''')
C("ppo-live", r'''
agent = make_agent(run.seed)
live_ppo = Log(LIVE_ROLLOUTS, lambda policy: judge(mean_of(policy)))
agent.learn(LIVE_ROLLOUTS * STEPS * agent.n_envs, callback=live_ppo)
print({key: round(value, 3) for key, value in live_ppo.rows[-1].items()})
''')
M("ppo-gradient-text", r'''
## Through the solver

The same network can be trained on the same return without trial and error: play all 32 steps with torch, and go back through them.
''')
C("ppo-gradients", R["gradients"], "recipe")
C("ppo-live-direct", r'''
live_direct, live_log = train_direct(run.seed, LIVE_UPDATES)
print({key: round(value, 3) for key, value in live_log[-1].items()})
''')
M("ppo-plan-text", r'''
The source calls its second controller direct, too, but its code does something else, after {cite}`holl2020learning`: **predict and execute**. A network sees start and target and puts a state in the middle; a second one does the same between each of these three, and so on, five networks until there are 33 states. Forces are inferred as for the optimum above. The target is reached exactly and by construction, as each state is *made* true by whatever force that takes.
''')
C("ppo-plan", R["plan"], "recipe")
C("ppo-straight", R["straight"], "recipe", "hide-input")
C("ppo-variants", R["variants"], "recipe", "hide-input")
M("ppo-tuning-text", r'''
## PPO, tuned

How a training by PPO ends depends on its settings. In each line one thing differs from the first (in the last lines two), with one and a half million steps and one seed. We chose by the return on the *validation* tasks, which the test does not contain.
''')
C("ppo-load", r'''
BUILT_WITH = ("method", "published", "on_jet")
GRID = {
    "grid": "512 tasks, batch 2,048, 3 epochs, rate 0.002, clip 0.2, noise 2, w 8,000",
    "grid_rate_5e-4": "rate 0.0005",
    "grid_rate_1e-3": "rate 0.001",
    "grid_rate_4e-3": "rate 0.004",
    "grid_batch_512": "batch 512",
    "grid_batch_8192": "batch 8,192",
    "grid_epochs_10": "10 epochs",
    "grid_clip_01": "clip 0.1",
    "grid_clip_04": "clip 0.4",
    "grid_entropy_1e-3": "entropy 0.001",
    "grid_entropy_1e-2": "entropy 0.01",
    "grid_noise_05": "noise 0.5 at the start",
    "grid_noise_1": "noise 1",
    "grid_noise_4": "noise 4",
    "grid_weight_1111": "weight of the error 1,111",
    "grid_weight_35556": "weight of the error 35,556",
    "grid_scale_1e4": "rewards divided by 10,000",
    "grid_scale_1": "rewards as they are",
    "grid_gamma_099": "discount 0.99",
    "grid_tasks_128": "128 tasks",
    "grid_tasks_2048": "2,048 tasks",
    "grid_512_10": "batch 512, 10 epochs",
    "grid_512_clip": "batch 512, clip 0.4",
    "grid_512_128": "batch 512, 128 tasks",
    "grid_1024_10_rate": "batch 1,024, 10 epochs, rate 0.004",
    "grid_512_10_clip": "batch 512, 10 epochs, clip 0.4",
    "grid_source": "as the source: 100 tasks, batch 128, 10 epochs, rate 0.0001, noise 1, "
    "w 35,556, discount 0.99",
}
networks = nn.ModuleDict(
    {
        name: nn.ModuleList(
            build(**{k: v for k, v in options.items() if k in BUILT_WITH})
            for _ in options.get("seeds", SEEDS)
        )
        for name, options in VARIANTS.items()
        if options.get("keep", True)  # of the others only the log is stored
    }
)
log = checkpoints.load(datasets.fetch("burgers_ppo.safetensors"), networks)["settings"]


def curve(name, seed):
    return log["variants"][f"{name} {seed}"]["curve"]


def cpu_seconds(name):
    return float(np.mean([s for k, s in log["seconds"].items() if k[: k.rfind(" ")] == name]))


def last(name, seed=0):
    """Returns the measures of a training at its end, on validation tasks."""
    return curve(name, seed)[-1]


def grid_table(labels, caption, name):
    rows = {
        label: {
            "squared force": last(variant)["force"],
            "error at target": last(variant)["error"],
            "return": last(variant)["return"],
            "time [s]": last(variant)["seconds"],
        }
        for variant, label in labels.items()
    }
    formats = {"return": "{:,.0f}", "time [s]": "{:.0f}"}
    return Table(
        rows, rows="PPO", caption=caption, name=name, formats=formats, best={"return": "max"}
    )


grid_table(
    GRID,
    "Settings of PPO: means over 100 validation tasks after 1.5 million steps of one "
    "training, without noise. Time: of the processor.",
    "ppo-grid",
)
''', "hide-input")
M("ppo-tuning-read", r'''
The noise at the start decides most ({numref}`ppo-grid`): with a standard deviation of 0.5 instead of 2 the policy is ten times worse, in units of the return, after the same time. Then come the rate and the number of updates, by smaller batches, more epochs or fewer tasks at once. Rewards as they are teach nothing in this time. (A likely reason: the critic's errors are of the order of $10^{10}$, and the limit on the common gradient of critic and actor leaves next to nothing for the actor.) A fixed divisor does as well as the running one. Entropy in the objective, the discount and the weight of the error matter little at this length.

What is best after twenty seconds need not be best after minutes.
''')
C("ppo-long-grid", r'''
LONGER = {
    "long": "first line",
    "long_twice": "twice as long",
    "long_weight": "w 35,556",
    "long_slow": "10 epochs, rate 0.001",
    "long_8192": "batch 8,192, 10 epochs",
    "long_kl": "batch 512, 10 epochs, limited change of the policy",
    "long_512_128": "batch 512, 128 tasks, 5 epochs",
}
grid_table(
    LONGER,
    "Longer trainings: 12.8 million steps, as many as in the source, and in one line "
    "twice as many. Limited change: an update ends when the policy differs from the old "
    "one by a divergence of 0.03.",
    "ppo-long-grid",
)
''', "hide-input")
M("ppo-long-grid-read", r'''
The quick setting, with small batches of few tasks, has fallen far behind ({numref}`ppo-long-grid`): its validation return gets worse after two million steps and recovers only as the rate falls. A limit on the change of the policy in an update avoids that. Half the rate with more epochs is a little better than the first line, at three times the time; twice as many steps do the same in less. With more steps the policy is precise enough for the published weight of the error to pay. We take that, and twice as many steps.
''')
M("ppo-long-text", r'''
## Trained longer

The networks of the next tables were trained by the cells above, on one processor core each, and are stored with their logs. PPO with the small network has 25.6 million steps, twice as many as in the source; with the source's networks 6.4 million, half as many, which take half an hour. The gradient has 4,000 updates with 100 tasks each, 12.8 million steps, in a little over a minute; with the source's actor a quarter of that. Its settings, and those of predict and execute, were tried on the validation tasks, too (the stored file lists the trials).
''')
C("ppo-evaluate", r'''
def planned(planner):
    """Returns the policy that follows a planner's states."""

    def act(o):
        u, target, t, _ = remaining(o)
        if t == 0:
            act.forces = forces_between(planner(u, target))
        return act.forces[t]

    return act


def act_of(name, network):
    return planned(network) if VARIANTS[name]["method"] == "plan" else mean_of(network)


def over_seeds(name, act=None, **world):
    """Returns the measures of all networks of a variant, one dictionary each."""
    return [result(act(n) if act else act_of(name, n), **world) for n in networks[name]]


def row_of(results):
    """Returns the means over seeds, and the least and the largest return."""
    means = {key: np.mean([r[key] for r in results]) for key in results[0]}
    returns = sorted(r["return"] for r in results)
    span = f"{returns[0]:,.0f} to {returns[-1]:,.0f}".replace("-", "−")
    return {
        "squared force": means["squared force"],
        "error at target": means["error at target"],
        "repaired": means["repaired"],
        "roughness": means["roughness"],
        "return": means["return"],
        "returns, all seeds": span if len(returns) > 1 else "–",
    }


LEARNED = {
    "ppo": "PPO, small network",
    "ppo_published": "PPO, source's networks",
    "direct": "gradient, small network",
    "direct_published": "gradient, source's actor",
    "plan": "predict and execute",
}
results = {name: over_seeds(name) for name in LEARNED}
with_noise = {
    name: over_seeds(name, sample_of) for name in ("ppo", "ppo_published")
}
MODEL = ("feedback on the gap", "optimum by L-BFGS")
main = {label: row_of(results[name]) for name, label in LEARNED.items()}
main["PPO, small network, with its noise"] = row_of(with_noise["ppo"])
main |= {label: row_of([simple[label]]) for label in MODEL}
''', "hide-input")
C("ppo-results", r'''
Table(
    main,
    rows="controller",
    caption="Trained controllers and the two rivals with a model, on 100 test tasks. "
    "Means over the seeds: three for PPO, five for the gradient. Columns as before.",
    name="ppo-results",
    formats={"return": "{:,.0f}"},
)
''', "hide-input")
C("ppo-plane", r'''
COLOR = {
    "ppo": plotting.COLORS["reinforcement learning"],
    "ppo_published": plotting.COLORS["reinforcement learning"],
    "direct": plotting.COLORS["differentiable physics"],
    "direct_published": plotting.COLORS["differentiable physics"],
    "plan": plotting.COLORS["generative"],
}
MARKER = {"ppo": "o", "direct": "o", "plan": "s"}
fig, ax = plt.subplots(figsize=(7.5, 4.4))
for name, label in LEARNED.items():
    points = [(r["error at target"], r["squared force"]) for r in results[name]]
    marker = MARKER.get(name, "^")
    ax.scatter(*zip(*points, strict=True), color=COLOR[name], marker=marker, label=label)
for label, marker in zip(simple, "XDvP*h", strict=True):
    row = simple[label]
    at = (row["error at target"], row["squared force"])
    ax.scatter(*at, color="black", marker=marker, label=label)
errors = np.geomspace(1e-3, 0.5, 100)
for total in (-300, -1_000, -3_000, -10_000):
    rest = -total - WEIGHT * CELLS * errors**2
    shown = rest > 0
    ax.plot(errors[shown], rest[shown], color="#8c8c8c", linewidth=0.8, linestyle="--")
ax.set_xscale("symlog", linthresh=5e-3)
ax.set_yscale("symlog", linthresh=200)
ax.set(xlim=(-3e-4, 0.6), ylim=(-20, 4e4))
ax.set(xlabel="error at target (root mean square)", ylabel="squared force")
ax.legend(fontsize=8, loc="upper right", ncols=2)
plt.show()
''', "hide-input", fig="Force against error at the target, test tasks, one symbol for each network. Better is down and to the left. Dashed: lines of equal return, for tasks that all have the mean error; linear near zero on both axes.", alt="ALT PLANE", name="ppo-plane")
C("ppo-curves", r'''
OPTIMUM, GAP = (simple[label]["return"] for label in MODEL[::-1])
fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
for ax, key in zip(axes, ("seconds", "steps"), strict=True):
    for name, style in (
        ("ppo", "-"), ("ppo_published", "--"), ("direct", "-"), ("direct_published", "--"), ("plan", "-"),
    ):
        for seed in range(len(networks[name])):
            rows = curve(name, seed)[1:]
            x = [row[key] for row in rows]
            label = None if seed else LEARNED[name]
            y = [-row["return"] for row in rows]
            ax.loglog(x, y, style, color=COLOR[name], linewidth=1, label=label)
    for rows, name in ((live_ppo.rows, "ppo"), (live_log, "direct")):
        x, y = [r[key] for r in rows[1:]], [-r["return"] for r in rows[1:]]
        ax.loglog(x, y, color=COLOR[name], linewidth=3, alpha=0.5)
    for total, label in ((GAP, "feedback on the gap"), (OPTIMUM, "optimum")):
        ax.axhline(-total, color="black", linestyle=":", linewidth=1)
        ax.annotate(label, (ax.get_xlim()[0] * 1.2, -total * 1.05), fontsize=8)
axes[0].set(xlabel="processor time [s]", ylabel="minus the return, validation")
axes[1].set(xlabel="steps simulated")
axes[0].legend(fontsize=8)
plt.show()
''', "hide-input", fig="Learning curves over processor time and over simulated steps, one line a seed; thick: the trainings of this page.", alt="ALT CURVES", name="ppo-curves")
C("ppo-key-figure", r'''
TASK = 0
SHOWN = {
    "no force": nothing,
    "optimum": follow(best_forces),
    "through the solver": mean_of(networks["direct"][0]),
    "PPO": mean_of(networks["ppo"][0]),
}
fig, axes = plt.subplots(2, 4, figsize=(12, 5.6), sharex="row", sharey="row")
x = (np.arange(CELLS) + 0.5) / CELLS
colors = plt.cm.coolwarm(np.linspace(0, 1, STEPS + 1))
for (title, act), top, bottom in zip(SHOWN.items(), *axes, strict=True):
    with torch.no_grad():
        states, forces = play(act, test)
    for state, color in zip(states[:, TASK], colors, strict=True):
        top.plot(x, state, color=color, linewidth=0.9)
    top.plot(x, test.target[TASK], color="black", linestyle="--")
    top.set(title=title, xlabel="position x")
    image = bottom.imshow(
        forces[:, TASK].T,
        cmap="PuOr_r",
        vmin=-LARGEST,
        vmax=LARGEST,
        extent=(0, STEPS * DT, 0, 1),
        aspect="auto",
    )
    bottom.set_xlabel("time t")
axes[0, 0].set_ylabel("velocity u")
axes[1, 0].set_ylabel("position x")
fig.colorbar(image, ax=axes[1], label="force a")
plotting.keep("ppo-key", fig)
''', "hide-input", "remove-output")
M("ppo-results-read", r'''
*PPO works.* From the score alone it learns to reach the target to 0.015, where no force leaves 0.41, and to do so with less force than the feedback on the gap ({numref}`ppo-results`, {numref}`ppo-plane`). That it does not reach the target as exactly as the gradient is no law; both get closer with time ({numref}`ppo-curves`). But it is behind: its forces are rougher, as the source saw, and its return is lower.

*The gradient is faster*, several times over processor time; over simulated steps the two are close. The source claims a large lead in both. Its settings of PPO learn no less from each step, but in thousands of tiny batches, which takes nine times as long ({numref}`ppo-grid`, last line).

*The noise costs.* The source takes its agent's forces with their noise. Without, the same agent loses a quarter less.

*Predict and execute* is the best of the trained controllers. It reaches the target exactly, since its forces are whatever makes its states true, and needs the model for it.

*None of them is worth its training here.* Feedback on the gap, which is one line of code and untrained, has a better return than all policies that see the state only, and the optimum is far better than everything. All of what is better knows the model.
''')
M("ppo-worth-text", r'''
## What an episode tells

Why does PPO need so many episodes, and what does it matter? Both methods estimate the gradient of the same quantity, the mean return of the policy with its noise. So their estimates can be compared at the same weights. An estimate from $N$ episodes has the squared length $|g|^2 + \sigma^2 / N$ in the mean: signal and noise. We measure at how many episodes, $N = \sigma^2 / |g|^2$, the noise is as long as the signal. For a single linear reward and for the actions themselves {doc}`/book/reinforcement_learning/policy_gradients` finds as many as there are numbers in the action, here a thousand, and none for the gradient through the solver. Three baselines are tried: none, the mean of the rewards to the end in the same step over all episodes, and the critic.
''')
C("ppo-worth", r'''
def actor_gradient(policy, mean_return):
    weights = [*policy.mlp_extractor.policy_net.parameters(), *policy.action_net.parameters()]
    return torch.cat([g.ravel() for g in torch.autograd.grad(mean_return, weights)])


def noisy(policy, noise):
    deviation, steps = policy.log_std.detach().exp(), iter(noise)
    return lambda o: mean_of(policy)(o) + deviation * next(steps)


def through_solver(agent, cases, noise):
    states, forces = play(noisy(agent.policy, noise), cases)
    total = measure(states, forces, cases.target, SOFT)[2]
    return actor_gradient(agent.policy, total.mean())


def by_score(agent, cases, noise, baseline):
    """Returns the policy gradient from rewards to the end, less a baseline."""
    with torch.no_grad():
        states, forces = play(noisy(agent.policy, noise), cases)
        rewards = -forces.square().sum(2)
        rewards[-1] -= SOFT * (cases.target - states[-1]).square().sum(1)
        advantages = rewards.flip(0).cumsum(0).flip(0)
        seen = torch.cat([observe(u, cases.target, t) for t, u in enumerate(states[:-1])])
        if baseline == "mean":
            advantages -= advantages.mean(1, keepdim=True)
        if baseline == "critic":
            scale = float(np.sqrt(agent.env.ret_rms.var))
            advantages -= scale * agent.policy.predict_values(seen).view(STEPS, -1)
    log_probability = agent.policy.get_distribution(seen).log_prob(forces.flatten(0, 1))
    return actor_gradient(
        agent.policy, (advantages * log_probability.view(STEPS, -1)).sum(0).mean()
    )


def episodes_of_noise(agent):
    """Returns for each estimate after how many episodes its noise equals the signal."""
    generator = torch.Generator().manual_seed(run.seed)

    def draw(n):
        return draw_cases(n, generator), torch.randn(STEPS, n, CELLS, generator=generator)

    exact = [through_solver(agent, *draw(2048)) for _ in range(4)]
    pairs = [exact[i] @ exact[j] for i in range(4) for j in range(i)]
    signal = torch.stack(pairs).mean().item()

    def noise_over_signal(estimates, n):
        length = torch.stack([e.square().sum() for e in estimates]).mean().item()
        return n * (length - signal) / signal

    def scores(baseline):
        return [by_score(agent, *draw(2048), baseline) for _ in range(4)]

    return {
        "through the solver": noise_over_signal(exact, 2048),
        "rewards to the end": noise_over_signal(scores("none"), 2048),
        "less their mean": noise_over_signal(scores("mean"), 2048),
        "less the critic's value": noise_over_signal(scores("critic"), 2048),
    }


young = make_agent(run.seed)
before = episodes_of_noise(young)
young.learn(40 * STEPS * young.n_envs)
worth = {
    "before the training": before,
    "after 40 rollouts": episodes_of_noise(young),
    "at the end of the training above": episodes_of_noise(agent),
}
Table(
    worth,
    rows="policy",
    caption="Number of episodes at which the noise of an estimated gradient is as long "
    "as the gradient, for the policy with its noise.",
    name="ppo-worth",
    formats=dict.fromkeys(before, "{:,.0f}"),
)
''', "hide-input")
M("ppo-worth-read", r'''
Before the training the difference is enormous ({numref}`ppo-worth`): eight episodes through the solver tell as much as ten or twenty thousand without. Later it shrinks to a factor of ten to thirty. The gradient through the solver gets noisier, as it has to tell tasks apart that want different changes; and the critic learns to judge: at the beginning it is no help, in the end it halves the episodes that a simple mean would need. PPO goes on with a fraction of these numbers, 512 episodes in a rollout, so that each of its steps is mostly noise, and the signal adds up over thousands of steps.
''')
M("ppo-warm-text", r'''
## One after the other

Can each start where the other ended? PPO after a training by gradient begins with less noise (0.3 instead of 2), lest it forget at once. The comparison is at equal processor time.
''')
C("ppo-warm", r'''
WARM = {
    "direct": "gradient, 4,000 updates",
    "direct_long": "gradient, 6,000 updates",
    "ppo_after_direct": "gradient, 4,000 updates, then PPO",
    "direct_after_ppo": "PPO, then gradient, 2,000 updates",
}
def ends_of(name):
    """Returns the means at the end of all trainings of a variant, and the range."""
    ends = [last(name, seed) for seed in VARIANTS[name].get("seeds", SEEDS)]
    returns = sorted(end["return"] for end in ends)
    return {
        "squared force": np.mean([end["force"] for end in ends]),
        "error at target": np.mean([end["error"] for end in ends]),
        "return": np.mean(returns),
        "returns, all seeds": f"{returns[0]:,.0f} to {returns[-1]:,.0f}".replace("-", "−"),
        "time [s]": cpu_seconds(name),
    }


warm = {label: ends_of(name) for name, label in WARM.items()}
Table(
    warm,
    rows="training",
    caption="Warm starts, small network, validation tasks: means over three seeds, "
    "five in the first line. Time: of all the training, both parts.",
    name="ppo-warm",
    formats={"return": "{:,.0f}", "time [s]": "{:.0f}"},
)
''', "hide-input")
M("ppo-warm-read", r'''
WARM READ
''')
M("ppo-world-text", r'''
## Another world

A controller is built for a model and used in a world that differs. We change the viscosity, the time step, and add gusts: random changes of the velocity in each cell and step. Controllers do not know. The optimum is a list of forces and replays them. Its natural form with feedback is **model-predictive control**: optimise again in each step from the state reached, with the previous plan as the start.
''')
C("ppo-mpc", r'''
class ModelPredictive:
    """Optimises the rest of the way again in each step."""

    def __init__(self, iterations):
        self.iterations = iterations

    @torch.no_grad()
    def __call__(self, o):
        u, _, t, left = remaining(o)
        if t == 0:
            plan = play(gap_feedback, test)[0]
        else:
            plan = torch.cat([u[None], self.plan[2:]])
        if left > 1:
            with torch.enable_grad():
                plan = improve(plan, 100 if t == 0 else self.iterations)
        self.plan = plan
        return forces_between(plan[:2])[0]


GUST = 0.02  # standard deviation of the velocity that a step adds
generator = torch.Generator().manual_seed(3)
WORLDS = {
    "as in the training": {},
    "ν = 0.01": {"nu": 0.01},
    "Δt = 0.025": {"dt": 0.025},
    "gusts": {"gusts": GUST * torch.randn(STEPS, N_CASES, CELLS, generator=generator)},
}
POLICIES = {
    "optimum, replayed": lambda: [follow(best_forces)],
    "optimum, again in each step": lambda: [ModelPredictive(15)],
    "feedback on the gap": lambda: [gap_feedback],
    "gradient, small network": lambda: map(mean_of, networks["direct"]),
    "PPO, small network": lambda: map(mean_of, networks["ppo"]),
}
start = time.perf_counter()
worlds = {
    label: {
        world: row_of([result(act, **options) for act in acts()])
        for world, options in WORLDS.items()
    }
    for label, acts in POLICIES.items()
}
Table(
    {
        label: {
            world: f"{row['squared force']:.0f} / {row['error at target']:.3f}"
            for world, row in rows.items()
        }
        for label, rows in worlds.items()
    },
    rows="controller",
    caption="Squared force / error at the target in worlds that the controller does "
    "not know; test tasks, means over seeds.",
    name="ppo-worlds",
)
''', "hide-input")
M("ppo-world-read", r'''
Replayed forces miss by far in each of the other worlds ({numref}`ppo-worlds`). All that look at the state get closer. The policies keep their force and let the target slip: their error is five to seven times that of the feedback on the gap, which asks the (wrong) model how far there is still to go, and so corrects itself to the end. Best is to optimise again in each step. It is as exact as the feedback, with a fifth to two fifths less force.
''')
M("ppo-jet-text", r'''
## Actions without a derivative

All this was home ground of the gradient: forces are real numbers, and the return is smooth. A threshold in the reward does not change that much, since a smooth error in its place leads to the same end. So let the *actions* be discrete. **One jet** travels along the domain. In each step it moves by one cell to the left or to the right or stays, and blows to the left or to the right with a fixed strength, or not at all: nine choices, 32 times. Only the error at the target counts. Where the jet is in ten steps depends on all decisions until then, and a decision has no derivative. (A relaxed decision has one, as we shall see.)

PPO needs no change: its network gives nine probabilities. What could one do without it?

- **Greedy:** try the nine actions with a model, let it run on without a force to the end, take the best.
- **Beam search:** the same, but keep the 64 best sequences in each step.
- **Cross-entropy method** (CEM) {cite}`rubinstein1999cross`: draw 400 sequences from probabilities for each step and action, move these towards the best tenth, twenty times. With feedback: again in each step, from the state reached.
- **Relax and round:** let position and strength be real numbers, descend along the solver's gradient from four random starts, and round; what rounding takes from the strength in one step is carried over to the next {cite}`sager2012integer`.
- **A policy by straight-through gradients** {cite}`jang2017categorical`: draw an action from the network's probabilities, and pretend on the way back that it had been the probabilities themselves (of a softened draw). The network and the processor time are those of PPO, its settings were tried like PPO's: rate, temperature, batch, limit of the gradient.
''')
C("ppo-jet", r'''
MOVES, BLOWS = torch.arange(9) // 3 - 1, torch.arange(9) % 3 - 1
FEW = 24  # tasks
few = type(test)(*(field[:FEW] for field in test))
gusts = 0.03 * torch.randn(STEPS, FEW, CELLS, generator=generator)
MIDDLE = torch.full((FEW,), CELLS // 2)


def jet_step(u, place, action):
    """Returns velocity and place of the jet after an action, (..., 32) and (...)."""
    place = (place + MOVES[action]) % CELLS
    return advance(u, 4 * BLOWS[action][..., None] * jet(place)), place


def free_error(u, steps, target):
    for _ in range(steps):
        u = advance(u, 0.0)
    return (u - target).square().mean(-1).sqrt()


def drive(choose, gusts=None):
    """Returns the errors of a controller that chooses from velocity, place and step."""
    u, place = few.start, MIDDLE
    for t in range(STEPS):
        u, place = jet_step(u, place, choose(u, place, t))
        u = u if gusts is None else u + gusts[t]
    return free_error(u, 0, few.target)


def greedy(u, place, t):
    every = torch.arange(9).expand(len(u), 9)
    after, _ = jet_step(u[:, None], place[:, None], every)
    return free_error(after, STEPS - 1 - t, few.target[:, None]).argmin(1)


def policy_choice(policy):
    def choose(u, place, t):
        seen = torch.cat([observe(u, few.target, t), jet(place)[:, None]], 1)
        return policy.get_distribution(seen).distribution.logits.argmax(1)

    return choose
''', "hide-input")
C("ppo-jet-search", r'''
def beam_search(width):
    """Returns the errors of the best of all sequences kept."""
    u, place = few.start[:, None], MIDDLE[:, None]
    for t in range(STEPS):
        every = torch.arange(9).expand(*place.shape, 9)
        u, place = jet_step(u[:, :, None], place[..., None], every)
        u, place = u.flatten(1, 2), place.flatten(1)
        error = free_error(u, STEPS - 1 - t, few.target[:, None])
        kept = error.argsort(1)[:, :width]
        u = u.gather(1, kept[..., None].expand(-1, -1, CELLS))
        place = place.gather(1, kept)
    return error.min(1).values


class CrossEntropy:
    """The best sequence of all drawn; with feedback again in each step."""

    def __init__(self, feedback):
        self.feedback = feedback
        self.generator = torch.Generator().manual_seed(run.seed)

    def search(self, u, place, drawn, iterations):
        steps, tasks = self.probability.shape[1], len(u)
        shape = (tasks, steps, drawn)
        for i in range(iterations):
            flat = self.probability.reshape(-1, 9)
            sample = torch.multinomial(flat, drawn, True, generator=self.generator)
            actions = sample.view(shape).transpose(1, 2)
            v, p = u[:, None].expand(-1, drawn, -1), place[:, None].expand(-1, drawn)
            for k in range(steps):
                v, p = jet_step(v, p, actions[..., k])
            error = free_error(v, 0, few.target[:, None])
            order = error.argsort(1)[:, : drawn // 10]
            elite = actions.gather(1, order[..., None].expand(-1, -1, steps))
            if i == 0:
                self.plan, lowest = elite[:, 0].clone(), error.min(1).values
            lower = error.min(1).values < lowest
            self.plan[lower] = elite[lower, 0]
            lowest = torch.minimum(lowest, error.min(1).values)
            share = one_hot(elite, 9).float().mean(1)
            self.probability = 0.3 * self.probability + 0.7 * share

    def __call__(self, u, place, t):
        if t == 0:
            self.probability = torch.full((len(u), STEPS, 9), 1 / 9)
            self.search(u, place, 400, 20)
        elif self.feedback:
            self.probability = 0.7 * self.probability + 0.3 / 9
            self.search(u, place, 200, 3)
        action, self.plan = self.plan[:, 0], self.plan[:, 1:]
        self.probability = self.probability[:, 1:]
        return action


def relaxed_and_rounded(starts=4, updates=200):
    """Returns sequences of actions, for each task the best of some descents."""
    numbers = torch.Generator().manual_seed(run.seed)
    drawn = torch.randn(2, starts * FEW, STEPS, generator=numbers)
    move, blow = (z.clone().requires_grad_() for z in drawn)
    start, target = (f.repeat(starts, 1) for f in (few.start, few.target))
    optimizer = torch.optim.Adam([move, blow], 0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, updates)
    for _ in range(updates):
        place, u = CELLS // 2 + move.tanh().cumsum(1), start
        for t in range(STEPS):
            u = advance(u, 4 * blow[:, t : t + 1].tanh() * jet(place[:, t]))
        optimizer.zero_grad()
        (u - target).square().sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        whole = place.round()
        moves = torch.diff(whole, dim=1, prepend=torch.full((len(u), 1), CELLS / 2.0))
        blows, owed = torch.zeros_like(moves), torch.zeros(len(u))
        for t in range(STEPS):
            owed = owed + blow[:, t].tanh()
            blows[:, t] = owed.round().clamp(-1, 1)
            owed = owed - blows[:, t]
        actions = (3 * (moves.clamp(-1, 1) + 1) + blows + 1).long()
        u, place = start, MIDDLE.repeat(starts)
        for t in range(STEPS):
            u, place = jet_step(u, place, actions[:, t])
        best = free_error(u, 0, target).view(starts, FEW).argmin(0)
    return actions.view(starts, FEW, STEPS)[best, torch.arange(FEW)]
''', "hide-input")
C("ppo-jet-table", r'''
def timed(function):
    start = time.perf_counter()
    value = function()
    return value, (time.perf_counter() - start) / FEW * 1000


def both(make):
    """Returns mean errors without and with gusts, and milliseconds a task."""
    error, milliseconds = timed(lambda: drive(make()))
    return {
        "error": error.mean().item(),
        "error with gusts": drive(make(), gusts).mean().item(),
        "time [ms]": milliseconds,
    }


with torch.no_grad():
    jets = {
        "no jet": both(lambda: lambda u, place, t: torch.full_like(place, 4)),
        "greedy, with the model": both(lambda: greedy),
    }
    error, milliseconds = timed(lambda: beam_search(64))
    jets["beam search, width 64"] = {"error": error.mean().item(), "time [ms]": milliseconds}
    jets["cross-entropy method"] = both(lambda: CrossEntropy(False))
    jets["cross-entropy method, again in each step"] = both(lambda: CrossEntropy(True))
sequence, milliseconds = timed(relaxed_and_rounded)
with torch.no_grad():
    jets["relax and round"] = both(lambda: lambda u, place, t: sequence[:, t])
    jets["relax and round"]["time [ms]"] = milliseconds
    learned_jets = {
        name: [both(lambda n=n: policy_choice(n)) for n in networks[name]]
        for name in ("straight", "jet")
    }
for name, label in (("straight", "policy, straight-through gradient"), ("jet", "policy, PPO")):
    rows = learned_jets[name]
    jets[label] = {key: np.mean([r[key] for r in rows]) for key in rows[0]}
Table(
    jets,
    rows="controller",
    caption=f"The travelling jet: mean error at the target over {FEW} test tasks, "
    "without and with gusts, and time for a task (of all together, divided by their "
    "number). Policies: means of three trainings.",
    name="ppo-jets",
    formats={"time [ms]": "{:.2g}"},
)
''', "hide-input")
C("ppo-jet-figure", r'''
fig, axes = plt.subplots(1, 2, figsize=(11, 4))
policy = networks["jet"][0]
chosen, u, place, path = policy_choice(policy), few.start, MIDDLE, []
with torch.no_grad():
    for t in range(STEPS):
        action = chosen(u, place, t)
        u, place = jet_step(u, place, action)
        path.append((place[TASK].item(), BLOWS[action[TASK]].item()))
places, blown = np.array(path).T
colors = np.array(["#0072b2", "#b0b0b0", "#d55e00"])[blown + 1]
axes[0].scatter(np.arange(STEPS) * DT, (places + 0.5) / CELLS, c=colors)
axes[0].set(xlabel="time t", ylabel="position of the jet", ylim=(0, 1))
for _, color, label in ((-1, "#0072b2", "to the left"), (0, "#b0b0b0", "off"), (1, "#d55e00", "to the right")):
    axes[0].scatter([], [], c=color, label=label)
axes[0].legend(fontsize=9)
for state, label, style in ((few.start, "start", ":"), (few.target, "target", "--"), (u, "reached", "-")):
    axes[1].plot(x, state[TASK], style, color="black" if style != "-" else COLOR["ppo"], label=label)
with torch.no_grad():
    left_alone = few.start
    for _ in range(STEPS):
        left_alone = advance(left_alone, 0.0)
axes[1].plot(x, left_alone[TASK], color="#8c8c8c", label="without the jet")
axes[1].set(xlabel="position x", ylabel="velocity u")
axes[1].legend(fontsize=9)
plt.show()
''', "hide-input", fig="One task with the travelling jet, steered by PPO. Left: where the jet is and how it blows. Right: velocity.", alt="ALT JET", name="ppo-jet-path")
M("ppo-jet-read", r'''
Here trial and error comes into its own ({numref}`ppo-jets`). The policy of PPO errs half as much as the greedy controller, less than a beam search that looks at 64 sequences, and a third of the same network trained by straight-through gradients; and it answers in a fraction of a millisecond. The training of the latter is erratic: single seeds end anywhere between these numbers.

And yet, it is not true that a gradient can do nothing. *Relaxed and rounded*, the task yields to the solver's gradient, with a smaller error than PPO's; so it does to the cross-entropy method, which needs no gradient at all. Both search for each task anew, with a simulator at hand, some hundred times as long. With gusts their fixed plans are no better than the policy, which looks at the state; the search has to be repeated in each step to stay ahead.
''')
M("ppo-even-text", r'''
## When does a training pay?

A trained policy answers at once; a rival without training works on each task. So a training pays after some number of tasks, *if* the rival with the same return takes longer for each. The optimum is no such rival, it is better than all policies. A cheaper one is the feedback on the gap, improved by a few iterations of L-BFGS.
''')
C("ppo-even", r'''
def milliseconds_of(function):
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start) / N_CASES


def answer_of(name):
    with torch.no_grad():
        return milliseconds_of(lambda: play(act_of(name, networks[name][0]), test))


even = {
    "feedback on the gap": {
        "training [s]": 0,
        "task [ms]": milliseconds_of(lambda: play(gap_feedback, test)),
        "return": simple["feedback on the gap"]["return"],
    }
}
gap_states = play(gap_feedback, test)[0]
for iterations in (5, 20, 300):
    spent = milliseconds_of(lambda n=iterations: improve(gap_states, n))
    even[f"then {iterations} iterations of L-BFGS"] = {
        "training [s]": 0,
        "task [ms]": even["feedback on the gap"]["task [ms]"] + spent,
        "return": -effort_of(improve(gap_states, iterations)).mean().item(),
    }
for name, label in LEARNED.items():
    even[label] = {
        "training [s]": cpu_seconds(name),
        "task [ms]": answer_of(name),
        "return": np.mean([r["return"] for r in results[name]]),
    }
Table(
    even,
    rows="controller",
    caption="Processor time of the training and for each task (of 100 in one batch), "
    "and mean return on the test tasks.",
    name="ppo-even",
    formats={"training [s]": "{:,.0f}", "task [ms]": "{:.2g}", "return": "{:,.0f}"},
)
''', "hide-input")
M("ppo-even-read", r'''
Against feedback with five iterations of L-BFGS, less than a millisecond a task, no training ever pays: the answer of a policy may take less time, but it is worse ({numref}`ppo-even`). So a policy is for those who have no model when they act, or no time: the small networks answer in a tenth of the time of the feedback. For the jet it is otherwise. Among controllers without search the policy is the best, and what is better takes hundreds of milliseconds a task.
''')
M("ppo-summary", r'''
## Summary

SUMMARY

## Claims
''')
C("ppo-claims", r'''
CLAIMS
''', "hide-input")
M("ppo-exercises", r'''
## Exercises

```{exercise} A discount in the wrong place (easy)
:label: ppo-exercise-discount

The source writes the change of the expected return as $r_t + \gamma\,(V(s_{t+1}) - V(s_t))$. Let the critic be exact, $\gamma = 0.99$, and let 300 still be expected to be lost, $V(s_t) = -300$. What advantage does an action get that is neither better nor worse than usual? What does this do to a training with $\lambda = 0$, and what with $\lambda = 1$ and many steps?
```

````{solution} ppo-exercise-discount
:label: ppo-solution-discount
:class: dropdown

For a usual action the right difference $r_t + \gamma V(s_{t+1}) - V(s_t)$ is zero in the mean. The printed one is larger by $V(s_t) - \gamma V(s_t) = (1 - \gamma)\, V(s_t) = -3$: the action seems bad.

With $\lambda = 0$ this depends on the state alone. It is a baseline that is a little off; it adds noise and leaves the mean of the policy gradient as it is. With $\lambda > 0$ the estimate also contains $(\gamma\lambda)^i (1 - \gamma)\, V(s_{t+i})$ of later states, and which states come later depends on the action. It is as if each later state paid its value times $1 - \gamma$ once more, so that the gradient is that of another return.
````

```{exercise} Whose weight? (easy)
:label: ppo-exercise-weight

The weight $w$ of the error is somebody's choice. Compute the mean return on the test tasks for $w = 10$, $100$, $1{,}000$ and $35{,}556$: for no force, feedback on the gap, the optimum, the policy trained through the solver and that of PPO. For which weights is the "optimum" not the best?
```

````{solution-start} ppo-exercise-weight
:label: ppo-solution-weight
:class: dropdown
````
''')
C("ppo-solution-weight", r'''
CONTROLLERS = {
    "no force": nothing,
    "feedback on the gap": gap_feedback,
    "optimum by L-BFGS": follow(best_forces),
    "gradient, small network": mean_of(networks["direct"][0]),
    "PPO, small network": mean_of(networks["ppo"][0]),
}
rows = {}
with torch.no_grad():
    for label, act in CONTROLLERS.items():
        played = play(act, test)
        rows[label] = {
            f"w = {w:,.0f}": measure(*played, test.target, w)[2].mean().item()
            for w in (10, 100, 1_000, WEIGHT)
        }
Table(
    rows,
    rows="controller",
    caption="Mean return for four weights of the error, test tasks.",
    name="ppo-weights",
    formats=dict.fromkeys(rows["no force"], "{:,.0f}"),
    best=dict.fromkeys(rows["no force"], "max"),
)
''')
M("ppo-solution-weight-read", r'''
WEIGHT READ

````{solution-end}
````

````{exercise} A policy on top of a controller (medium)
:label: ppo-exercise-residual

Let the environment add the force of the feedback on the gap to the action of the agent, so that the agent has to learn the difference only {cite}`johannink2019residual`. Train PPO on it for 60 rollouts of 512 tasks, with a noise of 0.3 at the start. Is the result better than the feedback alone? And what does this agent know that PPO by itself does not?

```{dropdown} Hint
Derive a class from `BurgersControl` and override its method `force`, which returns the force in each cell and what it costs. `self.u`, `self.target`, `self.t` are velocity, target and step; `make_agent` builds its own environment, so set `agent.env.venv.env` to yours, or build PPO by hand.
```
````

````{solution-start} ppo-exercise-residual
:label: ppo-solution-residual
:class: dropdown
````
''')
C("ppo-solution-residual", r'''
class OnTopOfFeedback(BurgersControl):
    def force(self, actions):
        feedback = gap_feedback(observe(self.u, self.target, self.t))
        force = feedback + torch.from_numpy(self.checked(actions))
        return force, force.square().sum(1)


residual_agent = make_agent(run.seed, noise=0.3, weight=WEIGHT)
residual_agent.env.venv.env = OnTopOfFeedback(512)
residual_agent.learn(60 * STEPS * 512)


def corrected(o):
    return gap_feedback(o) + mean_of(residual_agent.policy)(o)


residual_result = result(corrected)
print({key: round(value, 4) for key, value in residual_result.items()})
''')
M("ppo-solution-residual-read", r'''
RESIDUAL READ

````{solution-end}
````

````{exercise} Imitate the optimum (medium)
:label: ppo-exercise-imitate

The optimum of a task costs milliseconds. So compute it for 512 new tasks and train the small network on pairs of observation and optimal force, supervised. Compare with the policy that was trained through the solver. Where does the error come from?

```{dropdown} Hint
`improve(play(gap_feedback, cases)[0], 300)` gives the states, `forces_between` the forces. Take 4,000 updates with batches of 2,000 pairs, and the same network as before: `make_agent(seed).policy`. Measure also how well it reproduces the forces of the *test* tasks on the states of the optimum.
```
````

````{solution-start} ppo-exercise-imitate
:label: ppo-solution-imitate
:class: dropdown
````
''')
C("ppo-solution-imitate", r'''
lessons = draw_cases(512, torch.Generator().manual_seed(4000 + run.seed))
path = improve(play(gap_feedback, lessons)[0], 300)


def pairs(states, target):
    seen = [observe(u, target, t) for t, u in enumerate(states[:-1])]
    return torch.cat(seen), forces_between(states).flatten(0, 1)


seen, wanted = pairs(path, lessons.target)
pupil = make_agent(run.seed).policy
optimizer = torch.optim.Adam(pupil.parameters(), 3e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, 4_000)
for _ in range(4_000):
    chosen = torch.randint(len(seen), (2_000,))
    loss = (mean_of(pupil)(seen[chosen]) - wanted[chosen]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
with torch.no_grad():
    unseen, right = pairs(optimum, test.target)
    share = (mean_of(pupil)(unseen) - right).square().mean() / right.square().mean()
imitation = result(mean_of(pupil))
print(f"squared error of the forces, relative: {share:.3f}")
print({key: round(value, 4) for key, value in imitation.items()})
''')
M("ppo-next", r'''
IMITATE READ

````{solution-end}
````

## Next

{doc}`/book/reinforcement_learning/discussion` draws conclusions. {doc}`/notebooks/differentiable_physics/fluid_control` controls a flow in two dimensions by gradients through the solver.

## References

```{bibliography}
:filter: docname in docnames
```
''')
