AFTER = {
"pg-problem-after": r'''
```{glue:figure} pg-problem
:name: pg-problem-figure
:alt: Five panels of vorticity. The true flow has eddies of several sizes, after the decay only weak large ones are left. The best single flow shows weak eddies near the four sensors and nothing elsewhere. Two samples of the posterior look like the true flow, with eddies at different places.

The first of the 32 flows, with the four sensors (circles), what is left of it after the decay, the best single answer, and two samples of the exact posterior.
```

The reading leaves much open. Near the sensors the best single answer knows something; elsewhere it is nearly zero, a flow that the prior would never show. Samples of the posterior look like flows ({numref}`pg-problem-figure`).
''',
"pg-guide-after": r'''
**With the variance** guidance is exact, up to its steps. **Without it**, samples collapse: their spread at the sensors is a seventh of the right one, they fit the reading far better than its error allows, and the mean of the flow is off by 0.4 posterior standard deviations. With fresh noise in each step, as in DDPM, the spread is about 0.7 of the right one. This number is no accident: while $s$ is larger than $\sigma$ the sampler is a random walk in the valley of the reading, pulled by $w\, (y - A x) / \sigma^2$ with weight $w$, and the score acts twice in the reverse equation, so that the walk settles at the variance $\sigma^2 / (2 w)$, where $\sigma^2$ would be right. It follows that **half the weight** repairs the spread, and so it does. It does not repair the mean, which is as wrong as before. Who tunes the weight until the misfit is 1 gets samples that pass this test and are still samples of another distribution.

Two more things. The guidance without variance is stiff: with 200 steps instead of 1,000 it blew up. And the **ensemble Kalman** estimate, the classical rival, uses the same simulations better. Each member is simulated once, and with 1,024 of them it is nearly exact; with 64 its mean is off by a third of a standard deviation.
''',
"pg-plateau-text": r'''
More steps take the sampler's error away, and then the misfit stays where it is ({numref}`pg-control-table`): four times what the error of the reading explains. It is the network's error.
''',
"pg-control-after": r'''
1,200 updates more, which cost about as much as a control, change next to nothing, and so does a control without the signal. With the gradient the misfit falls below the right value of 1, and the spread at the sensors below the exact one: the samples are **too narrow**. It does not take a network for that; a step with nine weights does it as well. In the last fifth of the path alone, as published, the same signal leaves them too wide. So the place where the control begins is a knob between too wide and too narrow, as the weight was for guidance.

Why does training with the right loss not find the right distribution? Its minimum is the mean of $\epsilon - x_0$ given *what the control sees*: the guess, its gradient, the time. The exact velocity is the mean given $x_t$, $y$ and $t$. The guess and its misfit do not tell where $x_t$ itself is, so the same reading is used anew in each step, although the earlier steps have already brought $x_t$ to it. If that is the cause, then telling the control where $x_t$ stands to the reading should cure it: **two steps**, a second one along the gradient of the cost *at* $x_t$. It does. With 18 weights the spread is right to some per cent, and the misfit is near 1 ({numref}`pg-guidance`).
''',
"pg-project-after": r'''
The divergence in the loss lowers it a little. The guess is a mean of flows without divergence and has none itself, so the term does not fight against the loss; it asks for something that the loss asks for, too. Projections remove it, at the end to round-off. In each step it is not enough, as the last step leaves a rest of noise. By Pythagoras ({eq}`constraints-pythagoras`) no sample gets further from the truth. But what is gained is less than a hundredth of the squared distance, and the misfit stays: nearly all of the network's error is a flow without divergence, too. A constraint that holds says nothing about those that are not asked.

**Fitted to the reading** the samples satisfy both equations to round-off. Seen by the residual it is the best method of this page. At the sensors its samples have no spread at all: it takes the error of the reading for flow.
''',
"pg-speed-after": r'''
The posterior is symmetric, $p(x | y) = p(-x | y)$, and so is the prior. An **ensemble Kalman** estimate corrects by the covariance of flow and reading; as $x$ and $-x$ have the same reading, this covariance is zero, and what a finite ensemble takes for it is chance. It does not learn anything, whatever the number of members. **Replay** finds flows in all parts of the posterior, and with four readings 100,000 flows are enough. **Randomised maximum likelihood** starts everywhere, ends in the nearest part, and is as close as can be told with ten simulations for a sample; it is an approximation here, and {numref}`pg-speed-table` can't tell the difference. **Guidance** with the variance is right as well, though the variance is only linearised.

The **network alone** has learned hardly anything from its 3,000 updates: rings are harder than ellipses. On top of it the control with its 18 weights finds them. Here the simulator in the sampler pays: what training did not teach, the gradient knows. It is still further from the posterior than replay, which trains nothing.
''',
"pg-cost": r'''
## What it costs, and where it fails

- **Guidance** needs a prior model, hundreds of steps, a simulation with its gradient in each, and the variance of the guess. Here the prior is normal and this variance is known. For a learned prior it is not, and approximations of it are what methods differ in.
- **A control** needs a trained network and a simulation with gradient in each step, twice that with the second signal. Training it is quick, as the large network is frozen.
- **A projection** costs one solve and repairs what it repairs.
- **Ensembles, replay, randomised likelihood** need simulations and no training, and at this size nothing beats them. Replay loses with the number of readings, the ensemble with the distance from the normal case, and both need a prior that one can draw from, while a network needs examples only.

All of this is one small problem with a smooth normal prior, few readings, and exact knowledge of the simulator. Where the simulator is wrong the sampler follows it. How the methods rank for turbulent flows or millions of unknowns is not shown here.
''',
"pg-summary": r'''
## Summary

- Two questions, two answers: a small misfit does not mean the right distribution, and samples of the right distribution have a misfit of 1.
- The common approximation of the likelihood, without the variance of the guess, collapses the samples to a known degree. The exact term, or an ensemble, does not.
- A trained network reaches a plateau. The gradient of the simulator lowers it; that the spread is right, too, takes a signal that tells where the *noisy* flow stands.
- A projection makes one equation hold and leaves the rest of the error where it is.
- Where the posterior is far from normal the ensemble fails, a network alone may fail, and the simulator's gradient helps most.

## Claims
''',
"pg-exercises": r'''
## Exercises

```{exercise} Which misfit is right? (easy)
:label: pg-exercise-misfit

Show that exact samples of the posterior have a mean misfit of exactly 1, averaged over flows and readings. What is it for the best single flow $K y$, and why is it smaller?
```

````{solution} pg-exercise-misfit
:label: pg-solution-misfit
:class: dropdown

Draw a true flow $x_0$, its reading $y$, and a sample $x$ of $p(x | y)$. Then $(x, y)$ has the same joint distribution as $(x_0, y)$: the same $p(y)$, the same conditional. So $A x - y$ has the distribution of $A x_0 - y = - \sigma \eta$, and the mean of its square is $\sigma^2$ for each reading. $K y$ is the mean of the samples. By $\mathbb E |A x - y|^2 = |A K y - y|^2 + \mathbb E |A x - A K y|^2$ its misfit is smaller by the variance of the samples at the sensors. With precise readings that variance is nearly $\sigma^2$ itself, so hardly anything is left.
````

````{exercise} Steps of guidance (medium)
:label: pg-exercise-steps

Without the variance, guidance blew up with 200 steps. Estimate from {eq}`pg-denoiser` and the step how many steps of the angle are needed, for one reading of a mode with $\lambda = 1$. Check it.

```{dropdown} Hint
Near $\varphi$ the guided flow is $dx/d\varphi = \sin\varphi\, (x \cos\varphi - y) / \sigma^2$. When does an explicit step overshoot by more than its length?
```
````

````{solution-start} pg-exercise-steps
:label: pg-solution-steps
:class: dropdown
````
''',
"pg-exercises-2": r'''
An explicit step $h = \pi / (2n)$ multiplies a difference by $1 - h \sin\varphi \cos\varphi / \sigma^2$. The factor is below $-1$ where $h \sin\varphi \cos\varphi > 2 \sigma^2$, first at $\varphi = 45°$: $n > \pi / (8 \sigma^2)$, 157 steps for $\sigma = 0.05$. That is for a velocity with variance 1 at the sensor; a sensor that adds up several modes with larger $\lambda$ needs more, and a few steps too few can be forgiven, since only part of the path is unstable. With the variance $\sigma^2 + s^2 / (a^2 + s^2)$ stands in the place of $\sigma^2$, and the sampler is stable with a handful of steps.

````{solution-end}
````

````{exercise} Members of an ensemble (medium)
:label: pg-exercise-members

The mean of the ensemble Kalman estimate is wrong for few members. How does its error fall with their number, and what is wrong with the spread? Would the posterior's own samples, as many of them, know the mean better?

```{dropdown} Hint
`ensemble(reading, members)` returns at most 64 samples. Compare with what $n$ exact samples scatter, $1 / \sqrt n$.
```
````

````{solution-start} pg-exercise-members
:label: pg-solution-members
:class: dropdown
````
''',
"pg-exercises-3": r'''
Both errors come from the gain $K$, estimated from few flows: eight readings are correlated with all 512 numbers by chance. The error of the mean falls with the root of the number of members, and is some three times what as many exact samples would scatter. All samples of an ensemble share the same wrong gain, so that averaging over them does not help, and their spread is too small: each flow has helped to make the gain that corrects it. Practice lets correlations decay with distance (localisation), which here would need no more than the knowledge that far flows are uncorrelated.

````{solution-end}
````

## Next

{doc}`/notebooks/probabilistic/smdp` lets the noise of the physics itself be that of the model, and runs a simulation backwards.

## References

```{bibliography}
:filter: docname in docnames
```
''',
}
for i, s in AFTER.items():
    if i in ("pg-guide-after", "pg-plateau-text", "pg-control-after", "pg-project-after"):
        CELLS[:] = [c for c in CELLS if c[1] != i]
    md(i, s)
code("pg-solution-steps","""
few_steps = {}
for steps in (100, 200, 400):
    fit = judge(guided(ys, steps, variance=False))["misfit"]
    few_steps[f"{steps}"] = {"without the variance": fit}
    few_steps[f"{steps}"]["with it"] = judge(guided(ys, steps))["misfit"]
Table(
    few_steps,
    rows="steps",
    caption="Misfit of guidance without fresh noise.",
    name="pg-steps-table",
)
""", tags=H)

code("pg-solution-members", """
members_table = {}
for members in (64, 256, 1024):
    rows_of = judge(torch.cat([ensemble(reading, members) for reading in y]))
    members_table[f"{members:,}"] = {
        "error of mean": rows_of["error of mean"],
        "exact samples": members**-0.5,
        "spread, flow": rows_of["spread, flow"],
        "coverage": rows_of["coverage"],
    }
Table(
    members_table,
    rows="members",
    caption="Ensemble Kalman estimates: error of the mean, what as many exact samples "
    "would have, spread and coverage.",
    name="pg-members-table",
    formats={"coverage": "{:.0%}"},
)
""", tags=H)
