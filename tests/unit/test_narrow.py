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


def test_other_figures_have_no_narrow_version():
    single, _ = plt.subplots()
    grid, _ = plt.subplots(2, 2)
    unnamed = row()
    unnamed.axes[0].xaxis.set_major_formatter(lambda x, _: f"{x}")
    assert [narrow.bundle(figure) for figure in (single, grid, unnamed)] == [{}, {}, {}]


def test_bundle_is_a_picture_with_letters_of_eleven_points_on_a_phone():
    before = plt.get_fignums()
    data = narrow.bundle(row())
    assert plt.get_fignums() == [*before, max(before, default=0) + 1]  # the row; its copy is closed
    picture = Image.open(io.BytesIO(base64.b64decode(data[narrow.MIME])))
    assert picture.size == (648, 1944)
    assert 11 / 72 * 342 / narrow.WIDTH >= 11 * 96 / 72 * 0.98  # in CSS pixels, of which 96 are an inch
