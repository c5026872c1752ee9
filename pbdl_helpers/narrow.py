"""A second version of each figure with panels side by side, for phones: the panels one below the other."""

from __future__ import annotations

import base64
import io
import pickle

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["MIME", "bundle", "stacked"]

#: Media type of the narrow version in an output, a WebP image as base64 text.
MIME = "application/vnd.pbdl.narrow+webp"

WIDTH = 3.6  # inches; at the 342 pixels that a phone has for it, a label of 11 points is shown at 11 points
DPI = 180


def stacked(figure: Figure) -> Figure | None:
    """Returns a copy of a figure with its row of panels one below the other; None if it has no such row.

    Args:
        figure: as it is shown on wide pages; it is not changed.
    """
    panels = row_of_panels(figure)
    if len(panels) < 2:
        return None
    width, height = figure.get_size_inches()
    ratio = min(height / (width / len(panels)), 1.4)
    try:
        copy = pickle.loads(pickle.dumps(figure))
    except (AttributeError, TypeError, pickle.PicklingError):  # a formatter without a name: the figure stays as it is
        return None
    panels = row_of_panels(copy)
    labels = panels[0].get_xlabel(), panels[0].get_ylabel()
    grid = copy.add_gridspec(len(panels), 1)
    for position, ax in enumerate(panels):
        ax.set_subplotspec(grid[position])
        ax.tick_params(labelleft=True, labelbottom=True)
        ax.set(xlabel=ax.get_xlabel() or labels[0], ylabel=ax.get_ylabel() or labels[1])
    copy.set_size_inches(WIDTH, WIDTH * ratio * len(panels))
    return copy


def row_of_panels(figure: Figure) -> list:
    """Returns the axes of a figure that is one row of them, colour bars left out; else an empty list."""
    panels = [ax for ax in figure.axes if ax.get_subplotspec() is not None and not hasattr(ax, "_colorbar")]
    grids = {id(ax.get_gridspec()) for ax in panels}
    if len(grids) != 1 or panels[0].get_gridspec().nrows != 1:
        return []
    return panels


def bundle(figure: Figure) -> dict:
    """Returns the narrow version of a figure for a cell's output, media type → data; empty if there is none."""
    copy = stacked(figure)
    if copy is None:
        return {}
    buffer = io.BytesIO()
    try:
        copy.savefig(buffer, format="webp", dpi=DPI, pil_kwargs={"quality": 80})
    finally:
        plt.close(copy)
    return {MIME: base64.b64encode(buffer.getvalue()).decode()}
