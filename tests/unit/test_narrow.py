"""Figures for phones: a row of panels becomes a column."""

import base64
import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from pbdl_helpers import narrow, plotting


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def row(count=3):
    figure, axes = plt.subplots(1, count, figsize=(9, 3), sharey=True, layout="constrained")
    for number, ax in enumerate(axes):
        ax.plot([0, 1], [number, 0])
        ax.set(xlabel="x [m]", title=f"panel {number}")
    axes[0].set_ylabel("u [m/s]")
    return figure


def test_panels_stand_one_below_the_other_with_their_labels():
    figure = row()
    copy = narrow.stacked(figure)
    copy.draw_without_rendering()
    boxes = [ax.get_position() for ax in copy.axes]
    assert all(above.y0 >= below.y1 for above, below in itertools.pairwise(boxes))
    assert [ax.get_ylabel() for ax in copy.axes] == ["u [m/s]"] * 3
    assert all(label.get_visible() for ax in copy.axes for label in ax.get_yticklabels())
    assert copy.get_size_inches() == pytest.approx([3.6, 10.8])
    assert figure.get_size_inches() == pytest.approx([9, 3])  # the figure itself is as it was
    assert [ax.get_ylabel() for ax in figure.axes] == ["u [m/s]", "", ""]


def test_colour_bar_stays_one():
    figure = plotting.images([np.eye(4), np.ones((4, 4))], ["a", "b"], label="p [Pa]")
    copy = narrow.stacked(figure)
    assert len(copy.axes) == len(figure.axes) == 3
    copy.draw_without_rendering()


def test_grid_is_read_row_by_row_with_the_names_at_its_edge():
    figure, axes = plt.subplots(2, 2, figsize=(9, 8), sharex=True, layout="constrained")
    for (row, column), ax in np.ndenumerate(axes):
        ax.set(title=f"column {column}" if row == 0 else "", xlabel="t [s]" if row else "")
    for ax, name in zip(axes[:, 0], ("u", "v"), strict=True):
        ax.set_ylabel(name)
    copy = narrow.stacked(figure)
    panels = sorted(copy.axes, key=lambda ax: -ax.get_position().y0)
    assert [ax.get_title() for ax in panels] == ["column 0", "column 1"] * 2
    assert [ax.get_ylabel() for ax in panels] == ["u", "u", "v", "v"]
    assert {ax.get_xlabel() for ax in panels} == {"t [s]"}
    assert copy.get_size_inches() == pytest.approx([3.6, 4 * 3.6 * 8 / 9])


def test_legend_stands_below_its_panel():
    figure, ax = plt.subplots(figsize=(7, 5.25), layout="constrained")
    for name in ("training", "validation", "a name that needs a line of its own"):
        ax.plot([0, 1], label=name)
    ax.set(xlabel="update")
    ax.legend(title="loss")
    copy = narrow.stacked(figure)
    legend = copy.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend.get_title().get_text() == "loss"
    bottom = copy.axes[0].xaxis.label.get_window_extent().y0
    assert 0 < legend.get_window_extent().y1 < bottom
    assert copy.get_size_inches()[1] == pytest.approx(3.6 * 0.75 + 4 * narrow.LINE)


def test_pictures_without_ticks_stand_two_in_a_row():
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for ax in axes:
        ax.imshow(np.eye(4))
        ax.set(xticks=[], yticks=[], title="a title that is longer than its picture")
    copy = narrow.stacked(figure)
    copy.draw_without_rendering()
    first, second, third = (ax.get_position() for ax in copy.axes)
    assert first.x1 <= second.x0 and third.y1 <= first.y0
    assert all("\n" in ax.get_title() for ax in copy.axes)


def test_formula_in_a_title_is_not_broken():
    assert narrow.broken("the mean of the field at Re = 100", 20) == "the mean of the\nfield at Re = 100"
    assert narrow.broken("the mean where $x = 1$ holds", 20) == "the mean where $x = 1$ holds"


def test_single_panel_becomes_as_wide_as_a_phone():
    figure, _ = plt.subplots(figsize=(7.2, 3.6))
    assert narrow.stacked(figure).get_size_inches() == pytest.approx([3.6, 2.7])  # not so flat


def test_other_figures_have_no_narrow_version():
    empty = plt.figure()
    mosaic, _ = plt.subplot_mosaic("AAB;CDB")
    unnamed = row()
    unnamed.axes[0].xaxis.set_major_formatter(lambda x, _: f"{x}")
    assert [narrow.bundle(figure) for figure in (empty, mosaic, unnamed)] == [{}, {}, {}]


def test_bundle_is_a_picture_with_letters_of_eleven_points_on_a_phone():
    before = plt.get_fignums()
    data = narrow.bundle(row())
    assert plt.get_fignums() == [*before, max(before, default=0) + 1]  # the row; its copy is closed
    picture = Image.open(io.BytesIO(base64.b64decode(data[narrow.MIME])))
    assert picture.width == pytest.approx(narrow.DPI * narrow.WIDTH, rel=0.05)
    assert 11 / 72 * 342 / narrow.WIDTH >= 11 * 96 / 72 * 0.98  # in CSS pixels, of which 96 are an inch
