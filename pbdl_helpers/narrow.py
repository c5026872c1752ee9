"""A second version of each figure, for phones: as wide as the screen, the panels one below the other."""

from __future__ import annotations

import base64
import io
import pickle
import textwrap

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

__all__ = ["MIME", "bundle", "stacked"]

#: Media type of the narrow version in an output, a WebP image as base64 text.
MIME = "application/vnd.pbdl.narrow+webp"

WIDTH = 3.6  # inches; at the 342 pixels that a phone has for it, a label of 11 points is shown at 11 points
DPI = 180
LETTERS = 40  # of a title in a line
LINE = 0.23  # inches, a line of text


def stacked(figure: Figure) -> Figure | None:
    """Returns a copy of a figure as wide as a phone, with its panels one below the other, row by row.

    Pictures without ticks stand two in a row, legends below their panels. None if the panels are no single grid, or
    cannot be copied.

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
    if all(ax.get_aspect() == "auto" for ax in panels.values()):
        ratio = max(ratio, 0.75)  # letters do not shrink with the panel
    else:
        copy.set_layout_engine("compressed")  # colour bars as high as their pictures
    together = 2 if spec.ncols > 1 and all(is_bare(ax) for ax in panels.values()) else 1
    rows = -(-spec.ncols // together)  # that a row of the wide figure becomes
    grid = copy.add_gridspec(spec.nrows * rows, together)
    for (row, column), ax in panels.items():
        # names that stand at the edge of the grid, once for all, now stand at each panel
        top, left, below = (panels.get(place, ax) for place in ((0, column), (row, 0), (spec.nrows - 1, column)))
        if together == 1:
            ax.tick_params(labelleft=True, labelbottom=True)
            ax.set_xlabel(ax.get_xlabel() or below.get_xlabel() or panels[0, 0].get_xlabel())
        if column % together == 0:
            ax.set_ylabel(ax.get_ylabel() or left.get_ylabel())
        ax.set_title(ax.get_title() or top.get_title())
        ax.set_subplotspec(grid[row * rows + column // together, column % together])
    for ax in panels.values():
        for side in ("left", "center", "right"):
            ax.set_title(broken(ax.get_title(side), LETTERS // together), loc=side)
    if copy.get_suptitle():
        copy.suptitle(broken(copy.get_suptitle(), LETTERS * 3 // 4))
    lines = sum(legend_below(ax, copy) for ax in panels.values())
    copy.set_size_inches(WIDTH, WIDTH / together * ratio * spec.nrows * rows + LINE * lines)
    for _ in range(2):  # the layout needs another look once the panels have their new shapes
        copy.draw_without_rendering()
    return copy


def legend_below(ax, figure: Figure) -> int:
    """Puts the legend of axes below them; returns the number of its lines."""
    old = ax.get_legend()
    if old is None:
        return 0
    names = [text.get_text() for text in old.get_texts()]
    columns = 2 if max(map(len, names)) <= LETTERS // 3 else 1
    below = ax.transAxes + ScaledTranslation(0, -2.4 * LINE, figure.dpi_scale_trans)  # ticks and the axis' name
    ax.legend(
        old.legend_handles, names, title=old.get_title().get_text() or None, ncols=columns, fontsize=11,
        loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0,
    )  # fmt: skip
    return -(-len(names) // columns) + bool(old.get_title().get_text())


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
        copy.savefig(buffer, format="webp", dpi=DPI, bbox_inches="tight", pad_inches=0.02, pil_kwargs={"quality": 80})
    finally:
        plt.close(copy)
    return {MIME: base64.b64encode(buffer.getvalue()).decode()}
