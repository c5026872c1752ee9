code("pg-problem-figure", '''
def vorticity(x):
    return flow.vorticity(faces(x[None]))[0].cpu().numpy()


first = exact(y[:1].expand(500, -1))
shown = {
    "true flow": true[0],
    "after the decay": simulate(true[:1])[0],
    "best single flow": K @ y[0],
    "posterior, a sample": first[0],
    "another one": first[1],
}
fig = plotting.images(
    [vorticity(x) for x in shown.values()],
    shown,
    label="vorticity",
    extent=(DX, 2 * math.pi - DX, DX, 2 * math.pi - DX),
    cmap="RdBu_r",
    symmetric=True,
)
places = (torch.stack([cells % N, cells // N], dim=1).cpu() + 0.5) * DX
for ax in fig.axes[:5]:
    ax.plot(*places.T, "o", ms=5, mfc="none", mec="black")
plotting.keep("pg-problem", fig)
''', tags=HO)

code("pg-key-figure", '''
def two(covariance):
    """Width, height and angle of the ellipse of one standard deviation."""
    values, vectors = np.linalg.eigh(covariance)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    return 2 * math.sqrt(values[1]), 2 * math.sqrt(values[0]), angle


one, pair = y[:1].expand(400, -1), [0, SENSORS]  # u and v of the first sensor
torch.manual_seed(run.seed)
panels = {
    "exact posterior": exact(one),
    "guided with the variance": guided(one, 400),
    "guided without": guided(one, 1000, variance=False),
    "network": euler(model, one, 50),
    "network and control": euler(model, one, 50, controls["two steps"][0]),
    "fitted to the reading": fitted(euler(model, one, 50), one),
}
middle = (A @ K @ y[0])[pair].cpu().numpy()
width, height, angle = two(at_sensors[pair][:, pair].cpu().numpy())
fig, axes = plt.subplots(2, 3, figsize=(9, 6.2), sharex=True, sharey=True)
for ax, (title, x) in zip(axes.flat, panels.items(), strict=True):
    ax.plot(*(x @ A.T)[:, pair].T.cpu(), ".", ms=3, alpha=0.6)
    for size in (1.18, 2.45):  # hold half and 95 %
        ax.add_patch(
            Ellipse(middle, size * width, size * height, angle=angle, fill=False, lw=1.5)
        )
    ax.plot(*y[0, pair].cpu(), "x", ms=8, mew=2, color="black")
    ax.set(title=title, xlabel="$u$", ylabel="$v$", aspect="equal")
    ax.label_outer()
reach = 4.5 * width / 2
axes[0, 0].set(xlim=middle[0] + np.array([-reach, reach]))
axes[0, 0].set(ylim=middle[1] + np.array([-reach, reach]))
plotting.keep("pg-key", fig)
''', tags=HO)
