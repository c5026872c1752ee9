P = {}
P["au-title"] = r'''
# Airfoil flows as a distribution

A solver for steady flow looks for a state that does not exist: behind a stalled airfoil the flow never comes to rest, and the iteration runs in circles. Ask for *the* flow, and there are many answers. How far they scatter depends on the speed. Diffusion and flow matching, which so far drew points in a plane, now draw flow fields. The truth can be computed in any amount here, so we can say how well each way of sampling knows the distribution, how many network calls that takes, and whether a method without any network does as well.

```{glue:figure} au-key
:name: au-ring
:alt: Six panels with a closed loop in a plane of two modes. With one call of flow matching all dots crowd in the middle of the loop, with five they form a smaller loop, with twenty and with 200 calls of DDPM they lie along it. A normal distribution fills the whole inside. Replayed and rescaled states of other speeds lie along the loop.

The solver's states at 65 m/s run along a loop (grey), seen in its two strongest modes. Dots: 64 samples each. No method was shown this speed.
```

**You will learn**

- how a denoising network draws whole flow fields, with the same network for both kinds of training;
- how to measure a distribution of fields: spread, energy distance, calibration, distance to the training data;
- what is owed to the training and what to the way of sampling, at equal numbers of calls;
- what methods without a network achieve, and where all of them fail.

*Run time: about three minutes on one CPU core. Data: {ref}`airfoil_snapshots <data-airfoil-snapshots>` and 13 trained networks with their samples, 16 MB together.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; {doc}`/book/appendix/errata` lists where we depart from it.
'''
P["au-data-text"] = r'''
## A solver that does not settle

The profile is a RAF 30 at 20°, far beyond stall. A steady solver iterates 3,500 times at each of eleven speeds $U$ from 5 to 105 m/s, and 25 states are kept, 40 iterations apart, on $32 \times 32$ points. Five speeds are for training, 125 states in all; the six between and around them are for tests. The fields are pressure over $U^2$, without its mean, and both velocities over $U$, each minus the mean and over the standard deviation of the training data. What is known, the *condition* $c$, are three more fields: both components of the free stream over 100 m/s, outside of the profile, and its mask. What is hidden is where in its iteration the solver is. Wanted is the distribution $p(x \,|\, c)$ of the state $x$ {cite}`liu2024uncertainty`.

These are states of an *iteration*, not of a flow at different times, and their spread is not that of turbulence; {ref}`the data page <data-airfoil-snapshots>` tells what makes it grow with the speed. What counts here is that it is a distribution of fields that can be had in any amount.
'''
P["au-cycle-text"] = r'''
How many states are there really? At the tested speeds we have them finer, one every eight iterations ({ref}`airfoil_cycle <data-airfoil-snapshots>`). {numref}`au-turn-table` looks for the moment at which the flow comes back.
'''
P["au-turn-text"] = r'''

```{glue:figure} au-cycle
:name: au-cycle-figure
:alt: Left, the lift coefficient over the iterations, a periodic curve; dots fall on nearly the same places in each of two turns. Right, a closed loop in the plane of two modes, with dots that lie in pairs at twelve places.

The iteration at 65 m/s. Left: lift coefficient and the 25 stored states. Right: the same states in the plane of the two strongest modes.
```

From 25 m/s on the iteration is a **cycle**: it comes back to one per cent and better. From 35 m/s on a turn takes about twelve times the distance of two states, so the 25 states are twelve places on a loop, each seen twice ({numref}`au-cycle-figure`). At 5 m/s the iteration creeps towards a steady state and has hardly any spread. So the truth from 25 m/s on is one turn of the loop, each point of it equally likely, and the finely sampled turn shows it almost without noise. A model knows some places on the loops of five other speeds, and has to tell what the loop looks like at this one.

## How far from the truth?

The source compares one number, the standard deviation, mean over fields and pixels. It can't see whether the pattern is right, or whether states are mixed to fields that never occur. We add the **energy distance** {cite}`szekely2013energy`. With samples $x, x'$ and true states $y, y'$, all independent,

$$
D = 2\, \mathbb E \lVert x - y \rVert - \mathbb E \lVert x - x' \rVert - \mathbb E \lVert y - y' \rVert ,
$$ (au-energy)

where $\lVert \cdot \rVert$ is the root mean square over the three fields and all pixels. It is zero only if both distributions agree. From 64 samples $D$ is estimated without bias and may come out slightly negative; sets of 64 true states tell which values mean nothing.
'''
P["au-rivals-text"] = r'''
## Without a network

What can one do with 125 states and no network? Seven answers, where "interpolated" means linear in $\log U$ (linear in $U$ was a little worse in the test that follows):

- the **mean**, interpolated between the two neighbouring speeds, pixel by pixel;
- a **normal distribution for each pixel**, with interpolated mean and standard deviation, all pixels independent;
- a **normal distribution of the field**, with the covariance of the nearest run, each pixel rescaled to the interpolated standard deviation: principal components with normal coefficients;
- **replay** of the 25 states of the nearest run;
- **replay of both neighbours**, the closer one more often, by the weights of this interpolation. Outside of the training speeds it is the nearest run;
- **replay, rescaled**: each replayed state, minus the mean of its run and over its standard deviation, gets the interpolated mean and standard deviation, pixel by pixel;
- a **kernel density**: replayed states of both, each blurred by a normal with the run's covariance. Its width is a fifth of the spread.

To compare them without a look at the tests we leave out one training speed after the other.
'''
P["au-validation-text"] = r'''
Where the flow is a loop, replay wins, though its states belong to other speeds: made dimensionless, the loop changes slowly with the speed. Rescaled replay is best where it changes fastest. None can invent what lies outside of the data: at 15 m/s, below all the others, every answer is poor.

## One network, two trainings

Now the models. Both take a network that gets noisy fields $x_t$, a time and the condition, and both learn from pairs of a state $x_0$ and noise $\epsilon$:

- **flow matching** joins them by lines, $x_t = (1 - t)\, x_0 + t\, \epsilon$ with $t$ from 0 to 1, and learns their velocity $\epsilon - x_0$ {cite}`lipman2022flow`;
- **diffusion** takes $x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$ with $t = 1, 2, \dots, 200$ and a cosine schedule, $\bar\alpha_t \propto \cos^2 \big( \tfrac\pi2 \tfrac{t/200 + 0.008}{1.008} \big)$ {cite}`ho2020denoising,nichol2021improved`. The source lets the network answer with $\epsilon$. We also train it to answer with $\sqrt{\bar\alpha_t}\, \epsilon - \sqrt{1 - \bar\alpha_t}\, x_0$ {cite}`salimans2022progressive`, the velocity along the circle on which $x_t$ moves.

The network is the source's U-Net: three levels with two blocks each, self-attention on the two coarser ones, and four sines and cosines of the time. The same time, from 0 to 200, enters in both trainings; the source gives flow matching times from 0 to 1, on which three of the four hardly move. At the source's width of 16 it has the 1,185,218 parameters that the source prints; here it is half as wide.
'''
P["au-train-text"] = r'''
All training is one loop: 25 states, noise, times spread evenly, a squared error. A last variant gets no noise at all and answers with a mean and a standard deviation for each pixel, the mean by squared error, the deviation by its likelihood. It is the network with error bars that one would train first.
'''
P["au-variants-text"] = r'''
The cells so far train all networks of this chapter. A few updates run here. The stored networks had 4,000, half an hour each on one core, from three seeds.
'''
P["au-sampling-text"] = r'''
## One sampler

In {doc}`/notebooks/probabilistic/flow_matching` lines and circles turned out to be the same flow, seen in two clocks. So one function serves both. Write $x = a\, x_0 + s\, \epsilon$ for a noisy field. Rescaled to the path on which the network was trained, its answer gives a guess of both parts, of the state, $\hat x_0 \approx \mathbb E[x_0 | x]$, and of the noise, $\hat\epsilon \approx \mathbb E[\epsilon | x]$. A step to less noise mixes them anew,

$$
x' = a'\, \hat x_0 + s'\, \hat\epsilon .
$$ (au-step)

With $a = 1 - t$ and $s = t$ this *is* Euler's method for flow matching, with $a = \sqrt{\bar\alpha_t}$ and $s = \sqrt{1 - \bar\alpha_t}$ it is DDIM {cite}`song2021denoising`. DDPM replaces a part of $\hat\epsilon$ by fresh noise with the standard deviation $\sigma = \tfrac{s'}{s} \sqrt{1 - (a/a')^2}$ of the posterior, the root of $\frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t} \beta_t$. And a second-order method draws a line through the last two guesses $\hat x_0$, over $\log (a/s)$, and follows it over the step, with no further call {cite}`lu2022dpm`. As any network can be used on any path, training and sampling can be told apart.
'''
P["au-live-text"] = r'''
{numref}`au-ring` shows 64 samples for each way, at 65 m/s. One call puts all of them into the middle of the loop. That is no failure of training: as noise and states are paired independently, the velocity at $t = 1$ is $\epsilon - \mathbb E[x_0 | c]$, and a single Euler step from there ends in the mean $\mathbb E[x_0 | c]$, for *any* network that has learned well from such pairs. What scatters around it is the network's error. Five calls make the loop too small; after twenty and 200 calls the samples lie along it.

```{glue:figure} au-maps
:name: au-maps-figure
:alt: Two rows of five panels. The mean velocity looks the same for the solver, flow matching with 1, 5 and 20 calls and DDPM. The standard deviation has a bright band above and behind the profile for the solver; with one call the panel is nearly black, with five it is dimmer, with twenty and with DDPM it looks like the solver's.

Mean and standard deviation of the velocity $u_x$ at 65 m/s, from left to right: solver, flow matching with 1, 5 and 20 calls, DDPM with 200. Blank: the profile.
```

In {numref}`au-maps-figure` the means all look alike. What tells the methods apart is the spread.

## All speeds

The source draws 500 samples for each case and network. On one core DDPM alone would take an hour for that, so samples of all networks and all ways are stored, 64 for each speed, as coefficients of the 60 leading modes of the solver's states, and the size of what these modes leave out. The distance of two fields is taken from both.
'''
P["au-score-after"] = r'''
Read {numref}`au-score-table` from the top. A **single answer**, interpolated or learned, is the worst by far, from 25 m/s on. **Independent pixels** with the right mean and the right deviation are far from the truth, with interpolated numbers as well as from the network with error bars: such fields do not occur. The **covariance** of a neighbour's run halves that. **Flow matching** with one call is no better than independent pixels; with twenty, from 45 to 85 m/s, it is close to what true states have, and so is **diffusion**, in 20 calls of DDIM or 200 of DDPM. **Replay of both neighbours**, rescaled or not, is as good or better wherever there are two neighbours, without any training. At 25 m/s, where the loop changes most from speed to speed, none comes close, the networks least far, and at 5 m/s all fail. A hundred calls of flow matching halve what twenty leave from 45 to 85 m/s, and change nothing at 25.

The source's network **answers with the noise** $\epsilon$. Ours is worse if it does so: with 20 calls of DDIM it fails, and with 200 of DDPM it comes closer. At the noisy end $\hat x_0 = (x - s\, \hat\epsilon) / a$ divides the network's error by a small $a$ (we keep $\hat x_0$ in the range of the training data). The velocity has no such division. The source's network is larger and was trained twelve times longer, which may hide this.

```{glue:figure} au-spread
:name: au-spread-figure
:alt: Standard deviation over the Reynolds number. The solver's line rises steeply from zero and levels off. Flow matching with one call stays low at all speeds, with five calls somewhat below the line, with twenty calls and DDPM on the line, but at the lowest Reynolds number all samples lie far above it.

Standard deviation of pressure and velocities in units of $U^2$ and $U$, mean over fields and pixels. Dots: mean and range of three networks.
```

{numref}`au-spread-figure` is the source's measure. It rises steeply and levels off, and samples of 20 or 200 calls follow. At the lowest speed they don't: the states hardly move there. The training speeds could warn: a straight line through the spreads at 15 and 35 m/s is negative at 5.'''
P["au-moments-after"] = r'''
{numref}`au-moments-table` takes mean and spread apart. The mean is easy for all: what 64 samples have beyond an interpolation is mostly their sampling noise, which true states have as well. The spread of one call is half of the right one, and that is an accident of the network's errors, not knowledge: at 5 m/s it is as large. At 5 m/s **the networks overstate the spread**, by a factor of 27 and more. Their mean is off there, too. At 105 m/s, the other end, where the loop hardly changes any more, the spread is right to about a tenth. Extrapolation works where the data have levelled off.

## Training or sampling?
'''
P["au-square-after"] = r'''
{numref}`au-square-table` is the two-by-two that tells training from sampling. Scaled by $1/a$ the step {eq}`au-step` depends on $s/a$ alone, so a path is nothing but a choice of noise levels at which the network is asked. With **20 calls** little depends on it: both trainings, both paths and both orders end at the same distance, within what three networks scatter. With **five** even steps the levels of lines are better than those of circles, and the second order helps little, as its first and its last step are of first order. The gap between 20 steps of flow matching and 200 of DDPM is not one between flow matching and diffusion: a diffusion network that answers with the velocity needs no more calls, if it follows its flow.

```{glue:figure} au-calls
:name: au-calls-figure
:alt: Energy distance over the number of network calls, both on logarithmic scales. All curves fall from one to twenty calls and meet there, near the line of rescaled replay; DDPM lies higher, more so with 20 calls than with 200, with a wide range.

Energy distance over calls, mean over 25 to 85 m/s; dots and lines: mean and range of three networks. Grey: what 95 % of sets of true states stay below. Dashed and dotted: without a network.
```

Over all four speeds a hundred calls of Euler's method gain little over twenty ({numref}`au-calls-figure`), as 25 m/s makes up most of what is left. For DDPM {numref}`au-sets-table` shows how much sets of 64 samples differ. In one of the nine the samples crowd on one side of the loop, and it alone is more than half of DDPM's mean at this speed. Distances of single sets cannot rank methods that are this close to the truth.

## Five calls, better spent

Where on the path are steps needed? We take five, at the times $(1 - k/5)^p$. The exponent is chosen at a training speed, by the distance from its 25 states.
'''
P["au-uneven-after"] = r'''
Small steps belong to the **noisy end**. With the exponent that 55 m/s chooses, five calls come to about what twenty even ones have at the tested speeds ({numref}`au-uneven-table`). Near the data one large step is enough: the guess of the field hardly changes there any more. That is a property of these data, which have one hidden number, the place on the loop; other data may want other times, and a training speed tells which.

## Learned or learned by heart?
'''
P["au-memory-after"] = r'''
With 125 states and 313,450 parameters a network could have learned its examples by heart. It has not ({numref}`au-memory-table`): asked at a training speed, its samples do not sit on the 25 states that it saw there, they fill the loop between them as true states would. At the tested speeds they are as far from training states as true states are. They are not quite *on* the true loop either. Part of what is off is noise in directions in which true states hardly vary. (Replayed states would have a distance of zero, but for the compression.)'''
P["au-calibration-after"] = r'''

```{glue:figure} au-ranks
:name: au-ranks-figure
:alt: Two panels with curves of density over the share of samples below the truth. For pixels, flow matching with one and five calls is high at both ends, with twenty calls and DDPM nearly flat. For the lift, the network with error bars and one call have nearly all the truth at the two ends.

How often the truth has which rank among 64 samples, for pixels and for the lift. Perfect samples give a flat line; high ends mean that the samples scatter too little.
```

Are the samples **calibrated**? {numref}`au-calibration-table` asks how often the truth lies within their range, {numref}`au-ranks-figure` where. With 20 calls the ranges are too narrow: a quarter of the lifts fall outside of nine tenths of the samples. With DDPM and replay they are nearly right. The lift shows what independent pixels are worth: the network with error bars covers the pixels, and its lift hardly scatters at all, as errors of independent pixels average out in a force. Who asks for a force, a drag, any sum over the field, needs samples of fields, not error bars of pixels. (The lift is read off the fields by a regression on their 20 leading modes.)'''
P["au-fewer-text"] = r'''
## With three speeds instead of five

How much of this is interpolation? The same network was trained again with 35, 55 and 75 m/s alone. Tests at 45 and 65 m/s then still lie between training speeds, those at 25 and 85 m/s no longer do.'''
P["au-fewer-after"] = r'''
Between the speeds three are as good as five ({numref}`au-fewer-table`), for the network and for replay. Beyond them, at 25 m/s, the network does about as well as rescaled replay, and better than replay alone: both go on with the trend. Neither is right; its distance is more than ten times what sets of true states stay below. At 5 m/s, far outside, a straight line in $\log U$ leads astray, the network stays closer, and with five speeds the nearest run is better than both.

## What it costs, and where it fails
'''
P["au-cost-after"] = r'''
**Cost.** All ways of sampling cost their calls ({numref}`au-cost-table`); twenty calls for a field are a tenth of DDPM's two hundred, and five well spent a fortieth, at about the same quality. Training took half an hour for each network, and the solver three minutes for each of the five runs. A run at a new speed, three minutes more, gives its whole loop, free of error. Replay gives nearly the same at once.

**When does a network pay, then?** Not between the runs. With one parameter the neighbours know nearly all there is. Beyond them it was no better than a rescaled neighbour. Many parameters or shapes, where hardly any query has close neighbours, were not tested here.

**Where all fail.** Below 15 m/s the flow changes its kind, from a loop to a point, and five speeds do not show it. The test that left out 15 m/s did warn: there all rivals were poor ({numref}`au-validation-table`). The networks also have the marks of little data and short training: noise in wrong directions, and ranges that are too narrow. How the source's wider network does, trained twelve times longer, was not tried; `PBDL_SCALE=full` trains it.'''
P["au-exercises"] = r'''
## Exercises

```{exercise} Four frequencies (easy)
:label: au-exercise-times

The time enters as sines and cosines of $t\, 10^{-4k/3}$, $k = 0, 1, 2, 3$. By how many radians does each of them turn, for $t$ from 0 to 1, and for $t$ from 0 to 200? Which of them tell the network the time?
```

````{solution} au-exercise-times
:label: au-solution-times
:class: dropdown

The factors are 1, 0.046, 0.0022 and 0.0001. From 0 to 1 the first turns by one radian, the others by a twentieth and less: their sines are proportional to the time and small, their cosines are one to a thousandth. The network knows the time from one pair, and from two weak copies of $t$ itself. From 0 to 200 they turn by 200, 9.3, 0.43 and 0.02: a fast one, two that tell well where one is, and a weak one. With the source's scale flow matching gets another input than diffusion, which says nothing about the methods.
````

````{exercise} The best single answer (medium)
:label: au-exercise-circle

The only answer of a method is the mean of the loop. Take the loop for a circle of radius $r$ in the space of fields, each point equally likely. What is $D$? Compare with the row "mean, interpolated" of {numref}`au-score-table` at 65 m/s.

```{dropdown} Hint
All samples agree, so the second term of {eq}`au-energy` is zero. The mean length of a chord between two random points of a circle is $4 r / \pi$.
```
````

````{solution-start} au-exercise-circle
:label: au-solution-circle
:class: dropdown
````
'''
P["au-exercises-2"] = r'''
$D = 2 r - 4 r / \pi \approx 0.73\, r$. The distance of the loop's states from their mean varies by a third, and the circle's value is a tenth too large. The interpolated mean has about as much: its mean is nearly right, and still it is the worst answer of all. (The chord: with an angle $\varphi$ between the points it has the length $2 r \sin(\varphi / 2)$, and the mean of $\sin$ over a half turn is $2 / \pi$.)

````{solution-end}
````

````{exercise} How many samples for a map? (medium)
:label: au-exercise-count

A standard deviation estimated from $n$ independent samples has the relative error $\sqrt{(\kappa - 1) / (4 n)}$, where $\kappa = \mathbb E[z^4]$ of the standardised value $z$; a normal distribution has $\kappa = 3$. What is $\kappa$ of $z = \sqrt 2 \sin \varphi$ with random $\varphi$? How many states does a map of 5 % need, and what do the 25 states of the data set give?

```{dropdown} Hint
The mean of $\sin^4$ is $3/8$. For the last question think of what the 25 states are.
```
````

````{solution-start} au-exercise-count
:label: au-solution-count
:class: dropdown
````
'''
P["au-exercises-3"] = r'''
$\kappa = 4 \cdot \tfrac38 = 1.5$, so the error for a sine is $\sqrt{0.125 / n}$, half of that for a normal distribution: 5 % would take 50 samples, against 200. What is measured is as large as for the normal one. The pixels do not swing like sines: they stay near one value for most of the turn, and move fast between ({numref}`au-cycle-figure`, where the lift falls in a quarter of the turn), which gives large values of $z^4$. The 25 stored states are no independent samples. They are twelve places at even distances, which know a periodic function far better than random ones; their map is much better than that of 25 random states would be.

````{solution-end}
````

````{exercise} Fewer than five (hard)
:label: au-exercise-steps

How far does one get with two or three calls? Try several exponents $p$ in the times $(1 - k/n)^p$. Which value would $p$ have to take for a second call to be useless? Why can one call not gain from $p$?

```{dropdown} Hint
`uneven(steps, power)` gives the pairs $(a, s)$ that `denoise` takes. Look at the times for two calls, and at {eq}`au-step` for $s' = s$.
```
````

````{solution-start} au-exercise-steps
:label: au-solution-steps
:class: dropdown
````
'''
P["au-exercises-4"] = r'''
Two calls reach 0.03, and three come close to what true states have. For $p \to 0$ all times but the last tend to 1: the first step has no length, and the second call is asked at the noise where the first one was. For $p \to \infty$ the first step goes all the way. In both limits two calls are one. A single call has the times 1 and 0 for every $p$.

````{solution-end}
````

## Next

{doc}`/book/probabilistic/constraints` asks how a simulator can take part, in training and in sampling.

## References

```{bibliography}
:filter: docname in docnames
```
'''
P["au-summary"] = r'''
## Summary

- A steady solver that does not settle gives a distribution: here a loop, of which a dozen places or two are known at each of five speeds.
- Spread alone does not judge samples of fields. Energy distance, calibration and the lift show that independent pixels with the right spread are no flows.
- Flow matching with one call must fail, for any network. With 20 calls it is near the noise of the measure, and a diffusion network that follows its flow is as good: few calls are not owed to lines. They are owed to learning a velocity rather than the noise, to following the flow, and to where the calls are spent: five, most of them at the noisy end, come close to twenty even ones.
- Replay of the two neighbouring runs does as well, without training, between the speeds and beyond. Where the flow changes its kind all fail, and the networks state a spread some thirty times too large.

## Claims
'''
