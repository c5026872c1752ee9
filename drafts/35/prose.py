P = {}
P["au-title"] = r'''
# Airfoil flows as a distribution

A solver for steady flow looks for a state that does not exist: behind a stalled airfoil the flow never comes to rest, and the iteration runs in circles. Ask for *the* flow, and there are many answers. How they scatter depends on the speed. Diffusion and flow matching, which so far drew points in a plane, now draw flow fields. Here the truth can be computed in any amount, so we can say how well each way of sampling knows the distribution, how many network calls it takes, and whether a method without any network does as well.

```{glue:figure} au-key
:name: au-ring
:alt: Six panels with a closed loop in a plane of two modes. With one call of flow matching all dots crowd in the middle of the loop, with five they form a smaller loop, with twenty and with 200 calls of DDPM they lie along it. A normal distribution fills the whole inside. Replayed states of other speeds lie along the loop.

The solver's states at 65 m/s run along a loop (grey), seen in its two strongest modes. Dots: 64 samples each. No method was shown this speed.
```

**You will learn**

- how a denoising network draws whole flow fields, with the same network for both kinds of training;
- how to measure a distribution of fields: spread, energy distance, calibration, distance to the training data;
- what is owed to the training and what to the way of sampling, at equal numbers of calls;
- what the strongest methods without a network achieve.

*Run time: about two minutes on one CPU core. Data: {ref}`airfoil_snapshots <data-airfoil-snapshots>`, and trained networks.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; {doc}`/book/appendix/errata` lists where we depart from it.
'''
P["au-data-text"] = r'''
## A solver that does not settle

The profile is a RAF 30 at 20°, far beyond stall. A steady solver iterates 3,500 times at each of eleven speeds $U$ from 5 to 105 m/s, and keeps 25 states, 40 iterations apart, on $32 \times 32$ points. Five speeds are for training, 125 states in all; the six between and around them are for tests. Fields are pressure over $U^2$, without its mean, and both velocities over $U$, each minus the mean and over the standard deviation of the training data. With speed, angle and shape all *conditions* are known: the free stream $\mathbf U / 100$ outside of the profile, and its mask, three more fields $c$. What is hidden is where in its iteration the solver is. The distribution $p(x \,|\, c)$ of the state $x$ is what we want to learn, as the source does {cite}`liu2024uncertainty`.

The numbers are states of an *iteration*. They are not flow at different times, and their spread is not that of turbulence; {ref}`the data page <data-airfoil-snapshots>` tells what makes it grow with the speed. What counts here is that it is a distribution of fields that can be had in any amount.
'''
P["au-cycle-text"] = r'''
How many states are there really? At the tested speeds we have them finer, one every eight iterations ({ref}`airfoil_cycle <data-airfoil-snapshots>`). {numref}`au-turn-table` looks for the time after which the flow comes back.
'''
P["au-turn-text"] = r'''
```{glue:figure} au-cycle
:name: au-cycle-figure
:alt: Left: the lift coefficient over iterations, a periodic curve with two equal turns; dots every 40 iterations fall on nearly the same places in both. Right: a closed loop in the plane of two modes, with dots that lie in pairs at twelve places.

The iteration at 65 m/s. Left: lift coefficient, and the 25 stored states. Right: the same states in the plane of the two strongest modes.
```

From 25 m/s on the iteration is a **cycle**: it comes back to one per cent and better. The 25 states are twelve places on a loop, each seen twice ({numref}`au-cycle-figure`). At 5 m/s it creeps towards a steady state. So the truth from 25 m/s on is one turn of the loop with every point equally likely, and the finely sampled turn gives it without noise. All that a model knows of it are twelve places on the loops of five other speeds.

## How far from the truth?

The source compares one number, the standard deviation, mean over fields and pixels. It can't see whether the pattern is right, or whether fields on a loop are mixed to fields that never occur. We add the **energy distance**: with samples $x, x'$ and true states $y, y'$, all independent,

$$
D = 2\, \mathbb E \lVert x - y \rVert - \mathbb E \lVert x - x' \rVert - \mathbb E \lVert y - y' \rVert ,
$$ (au-energy)

with the root mean square over pixels as norm {cite}`szekely2013energy`. It is zero only if both distributions agree. A single sure answer $x = m$ has $2\, \mathbb E \lVert m - y \rVert - \mathbb E \lVert y - y' \rVert$. From 64 samples $D$ is estimated without bias and may come out slightly negative; 64 true states tell what is still noise.
'''
P["au-rivals-text"] = r'''
## Without a network

What could one do with 125 states and no network? Five answers, in the order of what they know:

- the **mean**, interpolated between the two neighbouring speeds pixel by pixel: the best single answer;
- a **normal distribution for each pixel**, with interpolated mean and standard deviation, all pixels independent;
- a **normal distribution of the field**, with the covariance of the nearest run, each pixel rescaled to the interpolated standard deviation (that is principal components with normal coefficients);
- **replay** of the 25 states of the nearest run;
- **replay of both neighbours**, where the closer one is taken more often, as linear interpolation would weigh them. Outside of the training speeds it is the nearest run.

To choose among them without looking at the tests we leave out one training speed after the other.
'''
P["au-validation-text"] = r'''
Where the flow is a loop, replay wins, though its states belong to other speeds: made dimensionless, the loop hardly changes with the speed. It can't invent a spread that lies between those of its neighbours: at 15 m/s, below all the others, every answer is poor.

## One network, two trainings

Now the models. Both take a network that gets noisy fields $x_t$, a time and the conditions, and both learn from pairs of a state $x_0$ and noise $\epsilon$:

- **flow matching** joins them by lines, $x_t = (1 - t)\, x_0 + t\, \epsilon$, and learns their velocity $\epsilon - x_0$ {cite}`lipman2022flow`;
- **diffusion** takes $x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$ with 200 steps and a cosine schedule, $\bar\alpha_t \propto \cos^2 \big( \tfrac\pi2 \tfrac{t/T + 0.008}{1.008} \big)$ {cite}`ho2020denoising,nichol2021improved`. The source lets the network answer with $\epsilon$. We also train it to answer with $\sqrt{\bar\alpha_t}\, \epsilon - \sqrt{1 - \bar\alpha_t}\, x_0$ {cite}`salimans2022progressive`, the velocity along the circle on which $x_t$ moves.

The network is the source's U-Net: three levels with two blocks each, self-attention on the two coarser ones, and four sines and cosines of the time. The same time, from 0 to 200, enters in both trainings; the source gives flow matching times from 0 to 1, on which three of the four frequencies hardly move. At the source's width of 16 it has the 1,185,218 parameters that the source prints; here it is half as wide.
'''
P["au-train-text"] = r'''
All training is one loop: 25 states, noise, times spread evenly, a squared error. A last variant gets no noise at all and answers with a mean and a standard deviation for each pixel, by their likelihood. It is the deterministic network with error bars that one would train first.
'''
P["au-variants-text"] = r'''
The cells so far train all networks of this chapter. Some seconds of it run here; the stored ones had 4,000 updates, twenty minutes each on one core.
'''
P["au-sampling-text"] = r'''
## One sampler

In {doc}`/notebooks/probabilistic/flow_matching` lines and circles turned out to be the same flow, seen in two clocks. So one function serves both. Write $x = a\, x_0 + s\, \epsilon$ for a noisy field. Rescaled to the path on which the network was trained, its answer gives a guess of both parts: of the state, $\hat x_0 = \mathbb E[x_0 | x]$, and of the noise, $\hat\epsilon = \mathbb E[\epsilon | x]$. A step to less noise mixes them anew,

$$
x' = a'\, \hat x_0 + s'\, \hat\epsilon .
$$ (au-step)

With $a = 1 - t$ and $s = t$ this *is* Euler's method for flow matching, with $a = \sqrt{\bar\alpha_t}$ it is DDIM {cite}`song2021denoising`. DDPM replaces a part of $\hat\epsilon$ by fresh noise, with the standard deviation $\sigma = \tfrac{s'}{s} \sqrt{1 - (a/a')^2}$ of the posterior. And a second-order method extrapolates $\hat x_0$ from the last step, with no further call {cite}`lu2022dpm`. As any network can be used on any path, training and sampling can be told apart.
'''
P["au-live-text"] = r'''
The key picture ({numref}`au-ring`) shows 64 samples for each way, at 65 m/s. One call puts all of them into the middle of the loop. That is no failure of training: with noise and states paired independently the velocity at $t = 1$ is $\epsilon - \mathbb E[x_0]$, and a single Euler step from there ends in the mean for *any* network that has learned well. What is left around it is the network's error.
'''

P["au-score-text"] = r"""
```{glue:figure} au-maps
:name: au-maps-figure
:alt: Two rows of five panels. The mean velocity looks the same for solver, flow matching with 1, 5 and 20 calls and DDPM, a little grainy with one call. The standard deviation has a bright band above and behind the profile for the solver; with one call the panel is nearly black, with five it is dimmer, with twenty and with DDPM it looks like the solver's.

Mean and standard deviation of the velocity $u_x$ at 65 m/s. Blank: the profile.
```

In {numref}`au-maps-figure` the means all look alike. They are what every regression finds, the deterministic network too. What tells the methods apart is the spread.

## All speeds

The source draws 500 samples for each case and network. Here DDPM alone would take minutes, so samples of all networks and all ways are stored, 64 for each speed, as coefficients of the 60 leading modes of the solver's states, and the root mean square of what these modes leave out. The distance of two fields is taken from both.
"""
P["au-score-after"] = r"""
SCORE-AFTER
"""
