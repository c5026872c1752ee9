import json,re
code=open('/work/main/drafts/32/smdp_code.py').read()
parts=re.split(r'^# --- cell: (.*)\n',code,flags=re.M)[1:]
C={k.strip():v.strip('\n') for k,v in zip(parts[::2],parts[1::2])}
cells=[]
def md(i,s): cells.append(('markdown',i,{},s.strip('\n')))
def co(i,s,tags=(),**mystnb):
    meta={}
    if mystnb: meta['mystnb']=mystnb
    if tags: meta['tags']=list(tags)
    cells.append(('code',i,meta,s.strip('\n')))
FOLD=('hide-input',)
md('smdp-title',r'''
# SMDP: the physics backwards, the score learned

A simulation that loses information cannot be run backwards: many pasts lead to the same present. But the *distribution* of its pasts can be computed, by a backward simulation with noise, in which the physics is known and only one term has to be learned: the score. We take the smallest example, two starts and one dimension, in which everything can be compared with an exact answer.

```{glue:figure} smdp-key
:name: smdp-paths
:alt: Three panels of paths over time. Left, paths from plus one and minus one fall towards zero and become a noisy band. Middle, run backwards with noise, from six end states near zero, paths of both colours leave the band in both directions, whatever the end state, and arrive at plus or minus one. Right, run backwards without noise, the same six end states part smoothly, the three upper ones go to plus one and the three lower ones to minus one.

Left: the simulation, from $+1$ and $-1$. Middle: backwards with noise and the learned score, from six end states; from each of them some paths arrive at $+1$ and some at $-1$. Right: backwards without noise, one answer for each end state.
```

**You will learn**

- how a stochastic differential equation is reversed in time, and which part of the reverse is physics and which is learned;
- why a loss on single steps learns the score, and when it learns twice the score or none of it;
- what backward runs with and without noise say: a posterior, or one answer;
- how to tell errors of learning from errors of the time step;
- what windows of several steps bring, and which methods without any physics do as well here.

*Run time: about two minutes on one CPU core. Data: networks of 0.2 MB, shipped with the book.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; {doc}`/book/appendix/errata` lists where we depart from it. The method, *score matching via differentiable physics*, is by Holzschuh, Vegetti and Thuerey {cite}`holzschuh2023solving`.
''')
co('smdp-bootstrap','''
# On Colab this installs the book's helpers; elsewhere they are already there.
try:
    import pbdl_helpers  # noqa: F401
except ModuleNotFoundError:
    %pip install -q https://github.com/OWNER/pbdl-book/releases/download/v0.2.0/pbdl_helpers-0.2.0-py3-none-any.whl
''',FOLD)
co('smdp-setup',C['setup (recipe)'],('hide-input','recipe'))
co('smdp-constants',C['constants (recipe)'],('recipe',))
md('smdp-forget',r'''
## A simulation that forgets

Let a state $x \in \mathbb R$ fall towards zero, faster the farther away it is, and be pushed about by noise:

$$
\mathrm dx = \mathcal P(x)\, \mathrm dt + g\, \mathrm dw,
\qquad \mathcal P(x) = -7\, \operatorname{sign}(x)\, x^2,
\qquad 0 \le t \le 10 .
$$ (smdp-forward)

Here $w$ is a Wiener process: over a time $h$ it changes by a normal random number of variance $h$. The physics $\mathcal P$ stands for a simulator, $g = 0.03$ is the strength of the noise. All paths begin at $+1$ or at $-1$, with equal probability; there are no units. Without noise the state would be $\pm 1 / (1 + 7t)$. So it comes close to zero without ever getting there, the noise takes over, and some paths change sides. At the end we see $x_T$. *Where did it begin?*

We simulate with small steps where the motion is fast, $t_k = T\, (k/K)^2$, all paths at once.
''')
co('smdp-simulate',C['simulate (recipe)'],('recipe',))
md('smdp-exact',r'''
## What is right

The density $p(x, t)$ of the paths obeys the Fokker–Planck equation,

$$
\frac{\partial p}{\partial t} = -\frac{\partial}{\partial x} \left( \mathcal P\, p \right) + \frac{g^2}{2}\, \frac{\partial^2 p}{\partial x^2} .
$$ (smdp-fokker-planck)

In one dimension we can solve it on a grid: finite volumes, which conserve probability, with central fluxes and the trapezoidal rule in time. It starts at $t = 0.05$ from the narrow normal density of the linearised equation, with mean $1/a$ and variance $g^2 (a^5 - 1) / (35\, a^4)$, $a = 1 + 7t$. From the density $p_+$ of the paths from $+1$ (that of the others is its mirror image) Bayes' theorem gives the answer to our question,

$$
P(x_0 = +1 \mid x_T) = \frac{p_+(x_T)}{p_+(x_T) + p_+(-x_T)},
$$ (smdp-posterior)

and the score $\partial_x \log p$ of all paths, which a network will have to learn.
''')
co('smdp-fp',C['fokker-planck'],FOLD)
co('smdp-check','''
CHECK = 40_000
fine = simulate(CHECK, seed=7, substeps=16)[0::2, -1].double().sort().values.numpy()
end_plus = from_plus[-1] * DX
cumulative = np.interp(fine, GRID, np.cumsum(end_plus) - end_plus / 2)
ranks = (np.arange(len(fine)) + 0.5) / len(fine)
kolmogorov = np.abs(cumulative - ranks).max() * np.sqrt(len(fine))  # 5 %: 1.36
mass_error = np.abs(from_plus.sum(axis=1) * DX - 1).max()
at = np.argmin(np.abs(STORED - 0.1))
mean_there = np.sum(from_plus[at] * GRID) * DX
variance_there = np.sum(from_plus[at] * (GRID - mean_there) ** 2) * DX
moments_error = np.abs(
    np.divide((mean_there, variance_there), moments(STORED[at])) - 1
).max()
crossed = end_plus[GRID < 0].sum() + end_plus[GRID == 0].sum() / 2
print(f"probability is kept to {mass_error:.0e}")
print(f"mean and variance at t = 0.1: within {moments_error:.1%} of the formula")
print(f"distance from simulated end states: {kolmogorov:.2f} (5 % of samples: 1.36)")
print(f"paths from +1 that end below zero: {crossed:.1%}")
print("P(+1) at the six end states:", exact_shares.round(3))
''',FOLD)
md('smdp-back',r'''
Almost half of the paths have changed sides. An end state of $0.065$, two standard deviations up, has come from $-1$ with a probability of 41 %: the information is nearly lost. (The check at $t = 0.1$ is there for a reason. With steps ten times as large the score at small times is wrong by a factor of five, and neither the conservation of probability nor the end states notice.)

## Backwards

Let time run back, $t' = T - t$. Which equation has the same densities? We put $\partial_{t'} p = -\partial_t p$ into {eq}`smdp-fokker-planck` and add and subtract $\tfrac12 g^2 \partial_{xx} p$:

$$
\frac{\partial p}{\partial t'}
= \frac{\partial}{\partial x} \left( \mathcal P\, p \right) - \frac{g^2}{2} \frac{\partial^2 p}{\partial x^2}
= -\frac{\partial}{\partial x} \left[ \left( -\mathcal P + g^2\, \frac{\partial \log p}{\partial x} \right) p \right] + \frac{g^2}{2} \frac{\partial^2 p}{\partial x^2},
$$

since $\partial_x p = p\, \partial_x \log p$. This is a Fokker–Planck equation again, that of

$$
\mathrm dx = \left[ \mathcal P(x) - g^2\, \frac{\partial \log p}{\partial x}(x, t) \right] \mathrm dt + g\, \mathrm dw, \qquad \mathrm dt < 0 .
$$ (smdp-reverse)

The physics runs backwards, and the score pulls the paths to where paths are. Anderson {cite}`anderson1982reverse` shows more: not only the densities at each time are those of the forward paths, the *paths* are. So the paths of {eq}`smdp-reverse` from one end state are samples of all pasts of this end state: of the posterior. Without adding and subtracting we would have got

$$
\frac{\mathrm dx}{\mathrm dt} = \mathcal P(x) - \tfrac12\, g^2\, \frac{\partial \log p}{\partial x}(x, t),
$$ (smdp-ode)

the *probability-flow* equation {cite}`song2021scorebased`: no noise, half of the score, the same densities, but other paths. Both are $\mathcal P - C s$ with $s = \tfrac12 g^2 \partial_x \log p$, with $C = 2$ for the one and $C = 1$ for the other. The source prints {eq}`smdp-reverse` with the score's sign reversed; its program has the right one.
''')
co('smdp-backwards',C['backwards'])
md('smdp-learn',r'''
## Learning the score

A network $f_\theta(x, t)$ shall become $g^2\, \partial_x \log p$. One step back along a known path tells how: from {eq}`smdp-reverse`, on average,

$$
\mathbb E\left[ x_{t - h} \mid x_t \right] = x_t - h \left( \mathcal P(x_t) - g^2\, \partial_x \log p(x_t, t) \right) + O(h^2),
$$

and a squared error learns the conditional mean. So we predict each state from the next one, by a step of the *simulator* with the network's correction, and compare with the path:

$$
L(\theta) = \mathbb E\; \frac{1}{g^2 h}\, \Big| x_{t - h} - x_t + h \left( \mathcal P(x_t) - f_\theta(x_t, t) \right) \Big|^2 .
$$ (smdp-loss)

The paths need not be differentiable for this, nor the simulator. They must be if the loss is put on a *window*: $S$ states, where each prediction starts from the one before, as a flow without noise does.

**A factor of two.** The source uses the drift of the flow {eq}`smdp-ode`, $\mathcal P - \tfrac12 f$, and trains each window in both directions, backward and forward in time. Why both? The mean of a step *forward* is $x_t + h \mathcal P$, without any score. So with $\tfrac12 f$ in the drift, backward steps alone teach $\tfrac12 f = g^2 \partial_x \log p$, twice too much; forward steps alone teach $f = 0$. Both with equal weights minimise $(\tfrac12 f - g^2 \partial_x \log p)^2 + (\tfrac12 f)^2$, whose minimum is $f = g^2 \partial_x \log p$. It is right, by half of a signal and twice its noise. With the full $f$ in the drift, backward steps alone do.

The inputs of our network are distances from the two noise-free paths in units of their spread, so that narrow and wide densities look alike, and it is odd in $x$ as the problem is. We also train the source's network, with $x$ and $\log t$ as inputs. All networks have five seeds; they come with the book, and `make networks NAME=smdp` makes them again.
''')
co('smdp-network',C['network (recipe)'],('recipe',))
co('smdp-train',C['loss, train (recipe)'],('recipe',))
co('smdp-variants','''
SEEDS = [0, 1, 2, 3, 4]
BOTH = {"both": True, "share": 0.5}
VARIANTS = {
    "backward": {"updates": 1500},
    "backward, four times longer": {"updates": 6000},
    "both directions, half": {"updates": 1500, **BOTH},
    "backward, half": {"updates": 1500, "share": 0.5},
    "backward, then windows of 5": {"updates": 1500, "window": 5},
    "backward, then windows of 17": {"updates": 1500, "window": 17},
    "both, then windows of 17": {"updates": 1500, "window": 17, **BOTH},
    "backward, 250 paths": {"updates": 1500, "paths": 250},
    "source's network, both": {"updates": 1500, "plain": True, **BOTH},
}
''',('recipe',))

exec(open('/work/main/drafts/32/smdp_rest.py').read())

if __name__=='__main__':
    import sys; sys.path.insert(0,'/work/main')
    import nbformat
    from pathlib import Path
    out=Path(sys.argv[1])
    n=nbformat.read('/work/main/notebooks/_template.ipynb',4)
    n.metadata.pop('pbdl',None)
    n.cells=[]
    for kind,i,meta,src in cells:
        new=nbformat.v4.new_code_cell if kind=='code' else nbformat.v4.new_markdown_cell
        c=new(src,metadata=meta); c.id=i; n.cells.append(c)
    out.write_text(nbformat.writes(n)+"\n")
