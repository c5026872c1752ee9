"""A second version of each figure, for phones: as wide as the screen, the panels one below the other."""

from __future__ import annotations

import base64
import io
import pickle
import textwrap

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["MIME", "bundle", "stacked"]

#: Media type of the narrow version in an output, a WebP image as base64 text.
MIME = "application/vnd.pbdl.narrow+webp"

WIDTH = 3.6  # inches; at the 342 pixels that a phone has for it, a label of 11 points is shown at 11 points
DPI = 180
LETTERS = 40  # of a title in a line


def stacked(figure: Figure) -> Figure | None:
    """Returns a copy of a figure as wide as a phone, with its panels one below the other, column by column.

    Pictures without ticks stand two in a row. None if the panels are no single grid, or cannot be copied.

    Args:
        figure: as it is shown on wide pages; it is not changed.
    """
    if not panels_of(figure):
        return None
    width, height = figure.get_size_inches()
    try:
        copy = pickle.loads(pickle.dumps(figure))
    except (AttributeError, TypeError, pickle.PicklingError):  # a formatter without a name: the figure stays as it is
        return None
    panels = panels_of(copy)
    spec = panels[0, 0].get_gridspec()
    ratio = min(height / spec.nrows / (width / spec.ncols), 1.4)
    together = 2 if spec.ncols > 1 and all(is_bare(ax) for ax in panels.values()) else 1
    rows = spec.nrows * -(-spec.ncols // together)
    grid = copy.add_gridspec(rows, together)
    for (row, column), ax in panels.items():
        block, place = divmod(column, together)
        # names that stand at the edge of the grid, once for all, now stand at each panel
        left, below = panels.get((row, 0), ax), panels.get((spec.nrows - 1, column), ax)
        if together == 1:
            ax.tick_params(labelleft=True, labelbottom=True)
            ax.set_xlabel(ax.get_xlabel() or below.get_xlabel() or panels[0, 0].get_xlabel())
        if place == 0:
            ax.set_ylabel(ax.get_ylabel() or left.get_ylabel())
        for side in ("left", "center", "right"):
            if title := ax.get_title(side):
                ax.set_title(broken(title, LETTERS // together), loc=side)
        ax.set_subplotspec(grid[block * spec.nrows + row, place])
    copy.set_size_inches(WIDTH, WIDTH / together * ratio * rows)
    return copy


def panels_of(figure: Figure) -> dict:
    """Returns (row, column) → axes of a figure that is one grid of them, colour bars left out; else nothing."""
    panels = [ax for ax in figure.axes if ax.get_subplotspec() is not None and not hasattr(ax, "_colorbar")]
    specs = [ax.get_subplotspec() for ax in panels]
    places = {(spec.rowspan.start, spec.colspan.start): ax for spec, ax in zip(specs, panels, strict=True)}
    alone = all(len(spec.rowspan) == len(spec.colspan) == 1 for spec in specs)
    if len({id(spec.get_gridspec()) for spec in specs}) != 1 or not alone or (0, 0) not in places:
        return {}
    return places


def broken(title: str, letters: int) -> str:
    """Returns a title in lines of so many letters, unless a formula would be broken."""
    text = textwrap.fill(title, letters)
    return title if any(line.count("$") % 2 for line in text.splitlines()) else text


def is_bare(ax) -> bool:
    """Whether axes show no ticks, as small pictures do."""
    return not (ax.axison and (len(ax.get_xticks()) or len(ax.get_yticks())))


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
