CELLS = []
def md(id, src): CELLS.append(("markdown", id, {}, src.strip("\n")))
def code(id, src, **meta): CELLS.append(("code", id, meta, src.strip("\n")))
H = ["hide-input"]; HO = ["hide-input", "remove-output"]

md("pg-title", r'''
# Physics in the sampler

Four sensors saw the last of a flow that friction had smoothed. Which flows may it have been? A generative model can draw answers, and a simulator can tell how well each fits. This chapter brings both together, in a problem that is small enough to know the exact answer, and asks of each method two questions. Do its samples fit the measurement? And do they have the right distribution? Most methods that are called physics-guided answer the first. We find which answer the second, by how much the usual guidance is off, and what a trained control can and can't repair.

```{glue:figure} pg-key
:name: pg-guidance
:alt: Four panels of dots in the plane of two sensor readings, with ellipses of the exact posterior. Exact samples and guidance with the variance fill the ellipse. Guidance without the variance is a much smaller spot, shifted to one side. Samples of a network fill an area several times too large.

One flow, seen through the velocity at a sensor before the decay: 400 samples of four methods, and the ellipses that hold half and 95 % of the exact posterior.
```

**You will learn**

- how to guide a sampler by a simulator, and what the usual approximation of the likelihood costs;
- how a trained network reaches a plateau that more steps do not lower, and what a control signal of the simulator's gradient changes;
- what a projection onto an exact constraint can do, during sampling and after it;
- how all of it compares with ensembles, optimisation and replay, where the posterior is normal and where it is not.

*Run time: about two and a half minutes on one CPU core. Data: drawn in the notebook.*

*The source* is *Physics-based Deep Learning* {cite}`thuerey2021pbdl`, which this book follows; {doc}`/book/appendix/errata` lists where we depart from it. It has no experiment here; the theory is on the page {doc}`/book/probabilistic/constraints`.
''')
code("template-1", "TEMPLATE", tags=H)
