"""Makes logo, favicon, social card, banner and pictures of text pages from simulations: `python -m tools.artwork`.

It takes a minute or two.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from phi.torch.flow import Box, CenteredGrid, Solve, Sphere, StaggeredGrid, advect, diffuse, extrapolation, fluid
from phi.torch.flow import math as phi_math
from PIL import Image, ImageDraw, ImageFont

from pbdl_helpers import burgers, datasets, plotting
from pbdl_helpers.fluids import Flow
from tools import ROOT

STATIC = ROOT / "book" / "_static"
GRID = {"x": 192, "y": 160, "bounds": Box(x=120, y=100)}
DT, STEPS, TIMES = 0.5, 120, (24, 44, 64, 84, 120)
MAP = plt.get_cmap("magma")


def simulate() -> list[np.ndarray]:
    """Returns the smoke density at ``TIMES``, shape (y, x), first row on top."""
    source = CenteredGrid(Sphere(x=52, y=14, radius=9), extrapolation.BOUNDARY, **GRID) * 0.06
    velocity = StaggeredGrid(0, extrapolation.ZERO, **GRID)
    smoke = CenteredGrid(0, extrapolation.BOUNDARY, **GRID)

    @phi_math.jit_compile
    def step(velocity, smoke):
        smoke = advect.mac_cormack(smoke, velocity, DT) + source
        velocity = advect.semi_lagrangian(velocity, velocity, DT) + DT * (smoke * (0, 1)).at(velocity)
        velocity = diffuse.explicit(velocity, 0.005, DT)
        velocity, _ = fluid.make_incompressible(velocity, (), Solve("CG", 1e-3, 1e-3, rank_deficiency=0))
        return velocity, smoke

    frames = []
    for index in range(1, STEPS + 1):
        velocity, smoke = step(velocity, smoke)
        if index in TIMES:
            frames.append(smoke.values.numpy("y,x")[::-1])
    return frames


def picture(smoke, size) -> Image.Image:
    """Colours a field, crops it to the aspect ratio of ``size`` and scales it."""
    image = Image.fromarray((MAP(np.clip(smoke / 1.1, 0, 1))[..., :3] * 255).astype(np.uint8))
    width, height = size
    scale = max(width / image.width, height / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, image.height - height
    return image.crop((left, top, left + width, top + height))


def badge(smoke, size) -> Image.Image:
    """A round crop of the plume on a transparent ground."""
    rows, columns = smoke.shape
    centre = int(columns * 52 / 120)
    square = smoke[rows - 102 : rows - 4, centre - 49 : centre + 49]
    image = picture(square, (4 * size, 4 * size))
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, *image.size), fill=255)
    image.putalpha(mask)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def vortices(cells=192, time=4.0, dt=0.02, nu=2e-4) -> np.ndarray:
    """Returns the vorticity of decaying vortices in a periodic box [0, 1]², shape (y, x)."""
    torch.manual_seed(3)
    flow = Flow((cells, cells), 1 / cells, x="periodic", y="periodic")
    axis = torch.arange(cells + 1) / cells
    stream = torch.zeros(cells + 1, cells + 1)  # at the corners: its differences are free of divergence
    for wave_x in range(-4, 5):
        for wave_y in range(-4, 5):
            phase = 2 * torch.pi * (wave_x * axis + wave_y * axis[:, None] + torch.rand(1))
            stream += torch.cos(phase) / (1 + wave_x**2 + wave_y**2)
    u, v = (stream[1:] - stream[:-1]) * cells, (stream[:, :-1] - stream[:, 1:]) * cells
    velocity = tuple(0.5 * field[None] / u.abs().max() for field in (u, v))
    for _ in range(round(time / dt)):
        velocity = flow.step(velocity, dt=dt, nu=nu)
    u, v = (field[0].numpy() for field in velocity)
    return (np.diff(v[:-1], axis=1, append=0) - np.diff(u[:, :-1], axis=0, append=0))[:-1, :-1] * cells


def equations(smoke) -> plt.Figure:
    """Three panels, a solution of each of the book's main equations."""
    plotting.style()
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.7))
    x = np.linspace(-1, 1, 801)
    for t, color in zip((0, 0.25, 0.5, 1), plt.cm.viridis(np.linspace(0, 0.85, 4)), strict=True):
        axes[0].plot(x, burgers.cole_hopf(x, t, 0.01 / np.pi), color=color, label=f"t = {t:g}")
    axes[0].set(title="Burgers: a shock", xlabel="x", ylabel="velocity u")
    axes[0].legend(fontsize=9)
    spin = vortices()
    bound = np.abs(spin).max()
    axes[1].imshow(spin, cmap="RdBu_r", vmin=-bound, vmax=bound, extent=(0, 1, 0, 1))
    axes[1].set(title="Navier–Stokes: vortices", xlabel="x", ylabel="y")
    axes[2].imshow(smoke[::-1], cmap="magma", extent=(0, 120, 0, 100))
    axes[2].set(title="with buoyancy: a plume", xlabel="x", ylabel="y")
    for ax in axes[1:]:
        ax.grid(False)
    return fig


def wake() -> plt.Figure:
    """What the data set `wake` holds: vorticity of four simulations, and the frequency of shedding of all."""
    data = datasets.load("wake")
    reynolds = np.array([constants["Reynolds"] for constants in data.constants])
    order = np.argsort(reynolds)
    fig, axes = plt.subplots(1, 5, figsize=(11, 4), width_ratios=[1, 1, 1, 1, 2.8])
    for ax, index in zip(axes, order[[0, 3, 6, 9]], strict=False):
        u, v = data.sims[index][-1, 0, :64, :], data.sims[index][-1, 1, :, :32]
        spin = (np.diff(v[1:-1], axis=-1) - np.diff(u[:, 1:-1], axis=-2)) / data.attributes["Dx"]
        image = ax.imshow(spin, vmin=-0.4, vmax=0.4, cmap="RdBu_r", extent=(3, 97, 3, 197), origin="lower")
        ax.set(title=f"Re = {reynolds[index]:.0f}", xlabel="x")
        ax.grid(False)
        ax.label_outer()
    axes[0].set_ylabel("y")
    fig.colorbar(image, ax=axes[3], label="vorticity")
    gap = 1 / 0.8  # mean velocity beside the cylinder, which fills a fifth of the channel
    strouhal = [20 / (period(data.sims[i][:, 0, 28, 16]) * gap) for i in order]
    curve = np.geomspace(60, 1500, 100)
    axes[4].semilogx(reynolds[order] * gap, strouhal, "o", color=plotting.COLORS["solver"], label="stored data")
    formula = 0.2731 - 1.1129 / np.sqrt(curve) + 0.4821 / curve
    axes[4].semilogx(curve, formula, "--", color=plotting.COLORS["reference"], label="cylinder without walls")
    axes[4].set(xlabel="Reynolds number of the gap velocity", ylabel="Strouhal number", ylim=(0.1, 0.3))
    axes[4].legend()
    return fig


def ellipses() -> plt.Figure:
    """What the data set `ellipse` holds: pressure along three ellipses over time, and how all of them shed."""
    data = datasets.load("ellipse")
    splits = np.array(data.attributes["Split"])
    thickness, period_, reynolds = (
        np.array([constants[name] for constants in data.constants]) for name in ("Thickness", "period", "Reynolds")
    )
    fig, axes = plt.subplots(1, 5, figsize=(13, 3.4), width_ratios=[1, 1, 1, 1.3, 1.3])
    training = np.nonzero(splits == "Train")[0]
    order = training[np.argsort(thickness[training])]
    for ax, index in zip(axes, order[[0, len(order) // 2, -1]], strict=False):
        x, y = data.attributes["Nodes"][index].T
        upper = np.argsort(np.where(y >= 0, np.arctan2(y, x), np.inf))[: (y >= 0).sum()]
        angle = np.degrees(np.arctan2(y, x))[upper]
        states = data.sims[index][: int(data.constants[index]["states"]), 0][:, upper]
        ax.plot(angle, states.T, color=plotting.COLORS["solver"], lw=0.5, alpha=0.35)
        ax.plot(angle, states.mean(axis=0), color=plotting.COLORS["reference"])
        ax.set(title=f"thickness {thickness[index]:.2f}", xlabel="angle / °", xticks=[0, 90, 180])
        ax.set_ylim(-1, 0.7)
        ax.label_outer()
    axes[0].set_ylabel("pressure")
    whole = [sim[: int(c["states"]), 0] for sim, c in zip(data.sims, data.constants, strict=True)]
    spread = np.array([states.std(axis=0).mean() for states in whole])
    groups = {"training": splits == "Train", "inside": splits == "InDist"}
    groups["outside"] = ~(groups["training"] | groups["inside"])
    for marker, (name, chosen) in zip("o^s", groups.items(), strict=True):
        axes[3].plot(thickness[chosen], (thickness / period_)[chosen], marker, label=name, ms=5)
        axes[4].scatter(
            thickness[chosen], spread[chosen], 25, reynolds[chosen], marker=marker, vmin=400, vmax=1100, cmap="viridis"
        )
    axes[3].set(xlabel="thickness", ylabel="Strouhal number", ylim=(0.15, 0.27))
    axes[3].legend(fontsize=9)
    axes[4].set(xlabel="thickness", ylabel="deviation of pressure")
    fig.colorbar(axes[4].collections[0], ax=axes[4], label="Reynolds number")
    return fig


def transonic() -> plt.Figure:
    """What the data set `cylinder_transonic` holds: density at three Mach numbers, and how all of them shed."""
    data = datasets.load("cylinder_transonic")
    names = ("Mach", "period", "drag", "lift_amplitude")
    mach, period_, drag, lift = (np.array([constants[name] for constants in data.constants]) for name in names)
    fig = plt.figure(figsize=(13, 5.6), layout="constrained")
    upper, lower = fig.subfigures(2, 1)
    axes = upper.subplots(1, 3, sharey=True)
    x0, x1, y0, y1 = data.attributes["Window"]
    for ax, wanted in zip(axes, (0.5, 0.7, 0.9), strict=True):
        u, v, density, pressure = data.sims[np.argmin(np.abs(mach - wanted))][-1].astype(float)
        ny, nx = density.shape
        x, y = x0 + (x1 - x0) * (np.arange(nx) + 0.5) / nx, y0 + (y1 - y0) * (np.arange(ny) + 0.5) / ny
        image = ax.imshow(density, vmin=0.3, vmax=1.5, cmap="viridis", extent=(x0, x1, y0, y1), origin="lower")
        sonic = np.sqrt((u**2 + v**2) * density / (1.4 * pressure))
        ax.contour(x, y, sonic, [1], colors="w", linewidths=1.2)
        ax.add_patch(plt.Circle((0, 0), 0.5, color="0.6"))
        ax.set(title=f"Mach {wanted:.2f}", xlabel="x")
        ax.grid(False)
    axes[0].set_ylabel("y")
    upper.colorbar(image, ax=axes, label="density")
    axes = lower.subplots(1, 3)
    groups = {"training": data.attributes["Training"], "inside": data.attributes["Inside"]}
    groups["outside"] = data.attributes["Outside"]
    for ax, values, label in zip(
        axes,
        (1 / (period_ * mach), lift, drag),
        ("Strouhal number", "amplitude of lift", "mean drag"),
        strict=True,
    ):
        for marker, (name, chosen) in zip("o^s", groups.items(), strict=True):
            ax.plot(mach[chosen], values[chosen], marker, label=name)
        ax.set(xlabel="Mach number", ylabel=label, ylim=(0, 1.1 * values.max()))
    axes[0].legend(fontsize=9)
    return fig


def snapshots() -> plt.Figure:
    """What the data set `airfoil_snapshots` holds: mean and deviation of the speed, and the deviation over Re."""
    data = datasets.load("airfoil_snapshots")
    speeds = np.array([constants["speed"] for constants in data.constants])
    scale = np.stack([speeds**2, speeds, speeds], axis=1)[:, None, :, None, None]
    fields = np.stack(data.sims)[:, :, :3] / scale
    left, right, bottom, top = data.attributes["Window"]
    fig = plt.figure(figsize=(12, 4.6))
    grid = fig.add_gridspec(2, 4, width_ratios=[1, 1, 1, 1.9])
    for column, index in enumerate((0, 3, 10)):
        for row, (values, limits) in enumerate(((fields.mean(axis=1), (-0.3, 1.3)), (fields.std(axis=1), (0, 0.6)))):
            ax = fig.add_subplot(grid[row, column])
            shown = np.where(data.sims[0][0, 3] == 1, np.nan, values[index, 1])
            image = ax.imshow(shown, vmin=limits[0], vmax=limits[1], extent=(left, right, bottom, top))
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
            if row == 0:
                ax.set_title(f"{speeds[index]:.0f} m/s")
            if column == 0:
                ax.set_ylabel(("mean", "deviation")[row])
            if column == 2:
                fig.colorbar(image, ax=ax, label="$u_x / U$")
    ax = fig.add_subplot(grid[0, 3])
    reynolds, inside = speeds / 10, np.isin(np.arange(len(speeds)), data.attributes["Training"])
    spread = fields.std(axis=1).mean(axis=(1, 2, 3))
    ax.plot(reynolds, spread, color=plotting.COLORS["data"])
    for name, chosen in (("training", inside), ("test", ~inside)):
        ax.plot(reynolds[chosen], spread[chosen], "o", label=name)
    ax.set(ylabel="deviation of fields", ylim=(0, None))
    ax.legend(fontsize=9)
    ax = fig.add_subplot(grid[1, 3], sharex=ax)
    compared = np.array(data.attributes["Compared"]) / 10
    for x, name, label in (
        (reynolds, "Lift", "0.14 m²/s, stored"),
        (compared, "LiftCompared", "$3 \\nu$, as in airfoils"),
    ):
        ax.plot(x, data.attributes[name][:, 250:].std(axis=1), "o-", label=label)
    ax.set(xlabel="Reynolds number / $10^6$", ylabel="deviation of lift", ylim=(0, None))
    ax.legend(fontsize=9)
    return fig


def outside_answers(seed: int) -> dict:
    """Returns what a network says in three cases, as functions: alone, with the trend given, with the invariance."""
    plain, rest = fit(wavy, seed), fit(lambda x: wavy(x) - x, seed)
    return {
        "network": plain,
        "trend given": lambda x: x + rest(x),
        "invariance used": lambda x: x.floor() + plain(x - x.floor()),
    }


def outside_errors(answers: dict) -> dict:
    """Returns name → mean absolute error in [0, 1], where the samples lie, and in [27, 39]."""
    places = torch.linspace(0, 1, 201)[:, None], torch.linspace(27, 39, 1201)[:, None]
    return {name: [(answer(x) - wavy(x)).abs().mean().item() for x in places] for name, answer in answers.items()}


def outside_samples() -> plt.Figure:
    """What five networks say outside the range of their samples, with and without an invariance."""
    x = torch.linspace(-1, 4, 501)[:, None]
    color = plotting.COLORS["supervised"]
    fig, ax = plt.subplots(figsize=(7, 3.8))
    for seed in range(5):
        answers = outside_answers(seed)
        print(seed, outside_errors(answers))
        ax.plot(x, answers["network"](x), color=color, lw=1, label=None if seed else "five networks")
    ax.plot(x, answers["invariance used"](x), color=plotting.COLORS["differentiable physics"], label="invariance used")
    ax.plot(x, wavy(x), "--", color=plotting.COLORS["reference"], label="function")
    ax.axvspan(0, 1, color="#8c8c8c", alpha=0.2, lw=0, label="samples")
    ax.set(xlabel="x", ylabel="f(x)", ylim=(-3, 5))
    ax.legend(fontsize=9)
    return fig


def reach() -> plt.Figure:
    """Which of 17 inputs reach one output, through layers of four architectures in one dimension."""
    cells = 17
    grid = np.arange(cells)
    near = [{j: [j + d * k for k in (-1, 0, 1)] for j in grid} for d in (1, 2, 4)]
    every = {j: list(grid) for j in grid}
    local = [(grid, near[0])] * 3
    dilated = [(grid, table) for table in near]
    coarse, coarser = grid[::2], grid[::4]
    down = {j: [j - 1, j, j + 1] for j in coarse}, {j: [j - 2, j, j + 2] for j in coarser}
    middle = {j: [j - 4, j, j + 4] for j in coarser}
    up = (
        {j: sorted({j // 4 * 4, -(-j // 4) * 4, j}) for j in coarse},
        {j: sorted({j // 2 * 2, -(-j // 2) * 2, j}) for j in grid},
    )
    # each layer: positions of its outputs, and for each the positions of its inputs in the layer below
    hierarchy = [(coarse, down[0]), (coarser, down[1]), (coarser, middle), (coarse, up[0]), (grid, up[1])]
    panels = {
        "convolutions": local,
        "dilated by 1, 2, 4": dilated,
        "hierarchy": hierarchy,
        "spectral, attention": [(grid, every)],
    }
    fig, axes = plt.subplots(1, 4, figsize=(11, 2.9))
    for ax, (title, layers) in zip(axes, panels.items(), strict=True):
        step, levels = 1 / len(layers), [grid, *(places for places, _ in layers)]
        reached = {8}
        for height in range(len(layers), 0, -1):
            places, table = layers[height - 1]
            below = set()
            for j in reached:
                for k in table[j]:
                    if k in levels[height - 1]:
                        below.add(k)
                        ax.plot([j, k], [height * step, (height - 1) * step], color="#d55e00", lw=1, zorder=1)
            rest = sorted(set(places) - reached)
            ax.plot(rest, [height * step] * len(rest), "o", ms=4, color="#bbbbbb")
            ax.plot(sorted(reached), [height * step] * len(reached), "o", ms=5, color="#d55e00")
            reached = below
        rest = sorted(set(grid) - reached)
        ax.plot(rest, [0] * len(rest), "o", ms=4, color="#bbbbbb")
        ax.plot(sorted(reached), [0] * len(reached), "o", ms=5, color="#d55e00")
        ax.set_title(f"{title}:\n{len(reached)} of {cells} inputs", fontsize=11)
        ax.set_axis_off()
    axes[0].text(-1.2, 0, "inputs", rotation=90, va="center", ha="right", fontsize=9)
    axes[0].text(-1.2, 1, "outputs", rotation=90, va="center", ha="right", fontsize=9)
    return fig


def valleys() -> plt.Figure:
    """Gradient descent in valleys of growing steepness, and the path of an inverse."""
    grid = np.linspace(-1.2, 3.4, 200)
    fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
    for ax, s in zip(axes, (1, 2, 5), strict=True):
        x = np.array([3.0, 3.0])
        path = [x]
        for _ in range(20):
            x = x - 0.8 / s**2 * np.array([x[0], s**2 * x[1]])  # stable below 2 / s²
            path.append(x)
        loss = 0.5 * (grid**2 + s**2 * grid[:, None] ** 2)
        ax.contour(grid, grid, loss, loss.max() * np.linspace(0.02, 1, 9) ** 2, colors="#bbbbbb", linewidths=0.8)
        ax.plot([3, 0], [3, 0], "--", color="#009e73", lw=1.8)
        ax.plot(*np.array(path).T, "o-", color="#6b6b6b", ms=3.5, lw=1.2)
        ax.plot(0, 0, "x", color="black", ms=8)
        ax.set(title=f"s = {s}", xlabel="$x_1$", aspect="equal")
    axes[0].set_ylabel("$x_2$")
    return fig


def wavy(x):
    return x + torch.sin(2 * torch.pi * x) / 4


def fit(target, seed, steps=3000, rate=3e-3):
    """Returns a network of 2 × 64 ReLUs fitted to 256 samples of a function on [0, 1], without gradients."""
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(1, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)]
    network, x = torch.nn.Sequential(*layers), torch.rand(256, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for k in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min(1, 2 * (1 - k / steps))
        loss = (network(x) - target(x)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.requires_grad_(False)


def period(signal) -> float:
    """Returns the mean time between upward zero crossings of a signal sampled at unit intervals."""
    before = np.nonzero((signal[1:] > 0) & (signal[:-1] <= 0))[0]
    return np.diff(before + signal[before] / (signal[before] - signal[before + 1])).mean()


def font(size):
    return ImageFont.truetype(plt.matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans-Bold.ttf", size)


def main() -> None:
    frames = simulate()
    badge(frames[1], 192).save(STATIC / "logo.png", optimize=True)
    badge(frames[1], 64).save(STATIC / "favicon.png", optimize=True)
    banner = Image.new("RGB", (1500, 300), "black")
    for index, smoke in enumerate(frames):
        banner.paste(picture(smoke, (300, 300)), (300 * index, 0))
    banner.save(STATIC / "banner.webp", quality=80)
    social = Image.new("RGB", (1200, 630), "black")
    social.paste(picture(frames[2], (630, 630)), (570, 0))
    draw = ImageDraw.Draw(social)
    draw.text((60, 60), "Physics-based\nDeep Learning", font=font(76), fill="white", spacing=18)
    draw.text((60, 300), "An executable book", font=font(36), fill="#f8d7a0")
    social.save(STATIC / "social.png", optimize=True)
    equations(frames[2]).savefig(ROOT / "book" / "figures" / "equations.webp", dpi=110)
    wake().savefig(ROOT / "book" / "figures" / "wake.webp", dpi=110)
    ellipses().savefig(ROOT / "book" / "figures" / "ellipse.webp", dpi=110)
    transonic().savefig(ROOT / "book" / "figures" / "transonic.webp", dpi=110)
    snapshots().savefig(ROOT / "book" / "figures" / "snapshots.webp", dpi=110)
    reach().savefig(ROOT / "book" / "figures" / "reach.webp", dpi=110)
    valleys().savefig(ROOT / "book" / "figures" / "valleys.webp", dpi=110)
    outside_samples().savefig(ROOT / "book" / "figures" / "extrapolation.webp", dpi=110)


if __name__ == "__main__":
    main()
