"""The book's figures: one style, one colour a method, shared colour scales, small animations."""

from __future__ import annotations

import base64
import io
import tempfile
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython

from pbdl_helpers import narrow

__all__ = ["COLORS", "animate", "cloud", "compare", "curves", "images", "keep", "style"]

#: The colour of each method in the whole book; the palette of Okabe and Ito stays distinct for colour-blind readers.
COLORS = {
    "data": "#8c8c8c",
    "reference": "#000000",
    "baseline": "#8c8c8c",
    "supervised": "#d55e00",
    "physical loss": "#cc79a7",
    "differentiable physics": "#009e73",
    "generative": "#e69f00",
    "reinforcement learning": "#56b4e9",
    "solver": "#0072b2",
}


def style() -> None:
    """Sets the book's matplotlib style: white opaque ground, so that figures read on light and on dark pages.

    It begins with matplotlib's own defaults: what the reader's matplotlibrc says does not change the book's figures.
    """
    plt.rcdefaults()
    sns.set_theme(context="notebook", style="ticks", rc={"axes.grid": True, "grid.alpha": 0.3})
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "image.origin": "lower",
            "image.interpolation": "nearest",
        }
    )
    shell = get_ipython()
    if shell is not None:  # figures of a notebook also get a version for phones
        shell.display_formatter.mimebundle_formatter.for_type(plt.Figure, narrow.bundle)


def images(fields, titles, *, label, extent=None, cmap="viridis", symmetric=False, axes_labels=("x", "y"), width=11):
    """Draws fields in a row with one colour scale and one colour bar.

    Args:
        fields: arrays of shape ``(y, x)``, all of one quantity; NaN stays blank.
        titles: one a field.
        label: quantity and unit, written at the colour bar.
        extent: ``(left, right, bottom, top)`` in the units of ``axes_labels``; cells by default.
        cmap: matplotlib colour map.
        symmetric: centre the scale on zero, for signed quantities with a diverging map.
        axes_labels: names and units of the horizontal and the vertical axis.
        width: of the figure, in inches.

    Returns:
        The figure.

    Raises:
        ValueError: if there is no field, titles and fields differ in number, or a field is not two-dimensional or holds
            no finite value.
    """
    fields = [np.asarray(field) for field in fields]
    if not fields:
        raise ValueError("There is no field to draw.")
    if len(fields) != len(titles):
        raise ValueError(f"{len(fields)} fields need as many titles, got {len(titles)}.")
    if any(field.ndim != 2 for field in fields):
        raise ValueError(f"Fields must have shape (y, x), got {[field.shape for field in fields]}.")
    low, high = color_limits(fields, symmetric)
    rows, columns = fields[0].shape
    ratio = (extent[3] - extent[2]) / (extent[1] - extent[0]) if extent else rows / columns
    height = min(width / len(fields) * ratio + 0.6, 6)
    figure, axes = plt.subplots(1, len(fields), figsize=(width, height), sharey=True, squeeze=False)
    for ax, field, title in zip(axes[0], fields, titles, strict=True):
        drawn = ax.imshow(field, vmin=low, vmax=high, cmap=cmap, extent=extent)
        ax.set(title=title, xlabel=axes_labels[0])
        ax.grid(False)
    axes[0, 0].set_ylabel(axes_labels[1])
    figure.colorbar(drawn, ax=axes, label=label, pad=0.01)
    return figure


def compare(
    prediction,
    reference,
    *,
    label,
    names=("Prediction", "Reference"),
    extent=None,
    cmap="viridis",
    axes_labels=("x", "y"),
    width=11,
):
    """Draws a prediction, its reference and the signed error, the first two on one colour scale.

    Args:
        prediction, reference: arrays of shape ``(y, x)``.
        label: quantity and unit.
        names: titles of the first two panels.
        extent, cmap, axes_labels, width: as in :func:`images`.

    Returns:
        The figure.

    Raises:
        ValueError: if the two shapes differ, or one holds no finite value.
    """
    # unsigned integers would wrap around in the difference
    prediction, reference = (np.asarray(field) * np.float32(1) for field in (prediction, reference))
    if prediction.shape != reference.shape:
        raise ValueError(f"Shapes differ: {prediction.shape} and {reference.shape}.")
    figure, axes = plt.subplots(1, 3, figsize=(width, width / 3), sharey=True)
    low, high = color_limits([prediction, reference], False)
    error = prediction - reference
    bound = color_limits([error], True)[1] or 1.0
    scale = {"vmin": low, "vmax": high, "cmap": cmap, "extent": extent}
    for ax, field, name in zip(axes, (prediction, reference), names, strict=False):
        drawn = ax.imshow(field, **scale)
        ax.set(title=name, xlabel=axes_labels[0])
    figure.colorbar(drawn, ax=axes[:2], label=label, pad=0.01)
    drawn = axes[2].imshow(error, vmin=-bound, vmax=bound, cmap="RdBu_r", extent=extent)
    axes[2].set(title="Error", xlabel=axes_labels[0])
    figure.colorbar(drawn, ax=axes[2], label=f"error of {label}", pad=0.01)
    for ax in axes:
        ax.grid(False)
    axes[0].set_ylabel(axes_labels[1])
    return figure


def curves(series: dict, *, xlabel, ylabel, colors=None, log=True, ax=None):
    """Draws named curves, such as losses over training steps.

    Args:
        series: name → values, or name → ``(x, values)``; a name in :data:`COLORS` gets its colour.
        xlabel, ylabel: names and units of the axes.
        colors: name → colour, for names that :data:`COLORS` lacks.
        log: logarithmic vertical axis.
        ax: axes to draw into; a new figure by default.

    Returns:
        The axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 3.5))
    for name, values in series.items():
        x, y = values if isinstance(values, tuple) else (np.arange(1, len(values) + 1), values)
        ax.plot(x, y, label=name, color={**COLORS, **(colors or {})}.get(name))
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    if len(series) > 1:
        ax.legend()
    return ax


def cloud(ax, points, noise, *, density=None, limits=(-4, 6, -4, 5)):
    """Draws points in the plane, coloured by the direction of the noise that each came from, over lines of a density.

    Args:
        ax: axes to draw into.
        points: tensor of shape ``(n, 2)``, on any device; those outside the limits are not seen.
        noise: where the points started, shape ``(n, 2)``; its angle is the colour, on a wheel without beginning or end.
        density: function of points, shape ``(n, 2)``, on the device of ``points``, that returns ``(n,)`` values; eight
            lines of equal height.
        limits: left, right, bottom, top.
    """
    import torch

    left, right, bottom, top = limits
    if density is not None:
        x, y = torch.linspace(left, right, 120), torch.linspace(bottom, top, 120)
        height = density(torch.cartesian_prod(x, y).to(points.device)).reshape(120, 120).T
        ax.contour(x, y, height.cpu(), 8, colors="#404040", linewidths=0.6, alpha=0.7)
    angle = np.arctan2(*noise.cpu().numpy().T[::-1])
    wheel = sns.color_palette("husl", as_cmap=True)
    ax.scatter(*points.cpu().T, s=4, c=angle, cmap=wheel, vmin=-np.pi, vmax=np.pi, linewidths=0)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel="$x_1$")
    ax.grid(False)


def keep(name: str, item) -> None:
    """Shows a figure or an animation and records it in the cell's output under a name.

    A page places it by ``{glue:figure} name``, such as the key picture of a chapter, which stands before all code.

    Args:
        name: unique in the notebook.
        item: a matplotlib figure, which is closed, or what :func:`animate` returns.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    data, metadata = InteractiveShell.instance().display_formatter.format(item)
    if isinstance(item, plt.Figure):
        plt.close(item)
    display(data, metadata={**metadata, "scrapbook": {"name": name, "mime_prefix": ""}}, raw=True)


def animate(draw, frames: int, *, alt: str, fps: float = 10, dpi: int = 80, still: int = -1):
    """Makes an animation as an HTML video with controls, small enough to commit; nothing moves before it is started.

    Args:
        draw: called with ``0 … frames - 1``; each call returns the figure to show, the same one or a new one. These
            figures are closed; others that are open stay open.
        frames: number of frames.
        alt: what is seen, for readers who do not see it.
        fps: frames a second.
        dpi: dots an inch.
        still: number of the frame that is seen before the start, and in print; by default the last.

    Returns:
        An ``IPython.display.HTML`` object with an H.264 video.

    Raises:
        ValueError: if there is no frame or no alternative text.
    """
    import imageio
    from IPython.display import HTML

    if frames < 1 or not alt.strip():
        raise ValueError("An animation needs at least one frame and a text that says what is seen.")
    pictures, shown = [], None
    for index in range(frames):
        figure = draw(index)
        if shown not in (None, figure):
            plt.close(shown)
        shown = figure
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=dpi)
        picture = imageio.v3.imread(buffer.getvalue())[..., :3]
        rows, columns = (size - size % 2 for size in picture.shape[:2])  # the format wants even numbers
        pictures.append(picture[:rows, :columns])
    plt.close(shown)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        options = {"codec": "libx264", "pixelformat": "yuv420p", "macro_block_size": 2, "ffmpeg_log_level": "error"}
        # quality before size, and all data about the video before its pictures
        parameters = ["-crf", "26", "-preset", "slow", "-movflags", "+faststart"]
        imageio.mimwrite(path, pictures, format="FFMPEG", fps=fps, output_params=parameters, **options)
        video = base64.b64encode(path.read_bytes()).decode()
    poster = base64.b64encode(imageio.v3.imwrite("<bytes>", pictures[still], extension=".webp", quality=80)).decode()
    size = f'width="{pictures[0].shape[1]}" height="{pictures[0].shape[0]}"'
    return HTML(
        f'<video controls loop muted playsinline preload="metadata" {size} aria-label="{escape(alt, True)}" '
        f'poster="data:image/webp;base64,{poster}">'
        f'<source type="video/mp4" src="data:video/mp4;base64,{video}"></video>'
    )


def color_limits(fields, symmetric: bool) -> tuple[float, float]:
    finite = [field[np.isfinite(field)] for field in fields]
    if not all(values.size for values in finite):
        raise ValueError("A field holds no finite value. Did the run diverge?")
    low, high = min(values.min() for values in finite), max(values.max() for values in finite)
    if symmetric:
        high = max(abs(low), abs(high))
        low = -high
    return low, high
