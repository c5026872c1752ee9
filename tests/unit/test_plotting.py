import base64
import io
import re
import warnings

import imageio
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from pbdl_helpers import plotting


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_images_share_one_colour_scale_and_bar():
    fields = [np.full((4, 6), -1.0), np.full((4, 6), 3.0)]
    figure = plotting.images(fields, ["a", "b"], label="pressure [Pa]")
    drawn = [image for ax in figure.axes for image in ax.get_images()]
    assert [image.get_clim() for image in drawn] == [(-1, 3), (-1, 3)]
    assert [ax.get_ylabel() for ax in figure.axes] == ["y", "", "pressure [Pa]"]


def test_symmetric_scale_is_centred():
    figure = plotting.images([np.array([[-1.0, 3.0]])], ["a"], label="u", symmetric=True)
    assert figure.axes[0].get_images()[0].get_clim() == (-3, 3)


def test_compare_shows_the_signed_error():
    prediction, reference = np.array([[1.0, 2.0]]), np.array([[1.5, 0.0]])
    figure = plotting.compare(prediction, reference, label="u [m/s]")
    images = [ax.get_images()[0] for ax in figure.axes[:2]] + [
        figure.axes[3 if figure.axes[2].get_label() else 2].get_images()[0]
    ]
    assert images[0].get_clim() == images[1].get_clim() == (0, 2)
    np.testing.assert_array_equal(images[2].get_array(), prediction - reference)
    assert images[2].get_clim() == (-2, 2)


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float16])
def test_error_of_integers_does_not_wrap_around(dtype):
    figure = plotting.compare(np.array([[0, 1]], dtype), np.array([[1, 0]], dtype), label="count")
    drawn = [image.get_array().tolist() for ax in figure.axes for image in ax.get_images()]
    assert [[-1, 1]] in drawn


def test_matplotlibrc_of_the_reader_has_no_effect():
    with plt.rc_context({"lines.linewidth": 17, "figure.facecolor": "red"}):
        plotting.style()
        assert plt.rcParams["lines.linewidth"] == 1.5
        assert plt.rcParams["figure.facecolor"] == "white"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.images([np.zeros((2, 2))], [], label="u"), "as many titles"),
        (lambda: plotting.images([np.zeros(3)], ["a"], label="u"), r"shape \(y, x\)"),
        (lambda: plotting.images([], [], label="u"), "no field"),
        (lambda: plotting.images([np.full((2, 2), np.nan)], ["a"], label="u"), "no finite value"),
        (lambda: plotting.compare(np.zeros((2, 2)), np.zeros((2, 3)), label="u"), "Shapes differ"),
        (lambda: plotting.animate(None, 0, alt="x"), "at least one frame"),
        (lambda: plotting.animate(None, 3, alt=" "), "at least one frame"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_curves_have_the_colour_of_their_method():
    ax = plotting.curves({"supervised": [3, 2, 1], "mine": ([0, 10], [2, 1])}, xlabel="step", ylabel="loss")
    first, second = ax.get_lines()
    assert first.get_color() == plotting.COLORS["supervised"]
    np.testing.assert_array_equal(first.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(second.get_xdata(), [0, 10])
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["supervised", "mine"]


def test_cloud_colours_points_by_the_angle_of_their_noise():
    _, ax = plt.subplots()
    noise = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -1e-6]])
    plotting.cloud(ax, torch.zeros(3, 2), noise, density=lambda x: torch.exp(-(x**2).sum(1)))
    scatter = [item for item in ax.collections if len(item.get_offsets()) == 3][-1]
    assert np.allclose(scatter.get_array(), [0, np.pi / 2, -np.pi], atol=1e-5)
    assert ax.get_aspect() == 1 and ax.get_xlim() == (-4, 6)


def test_colours_differ():
    colours = [value for name, value in plotting.COLORS.items() if name != "baseline"]  # data and baseline are grey
    assert len(set(colours)) == len(colours)


def test_animation_is_a_video_with_controls_and_a_still():
    def draw(index):
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.set_position([0, 0, 1, 1])
        ax.set_facecolor((index / 2, 0, 0))
        return figure

    html = plotting.animate(draw, 3, alt='a "red" ground', fps=5, dpi=51).data
    assert 'aria-label="a &quot;red&quot; ground"' in html
    assert " controls " in html
    assert "autoplay" not in html
    poster, video = (base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", html))
    assert Image.open(io.BytesIO(poster)).convert("RGB").getpixel((50, 25))[0] > 240  # the last frame
    frames = imageio.v3.imread(video, extension=".mp4")
    assert frames.shape == (3, 50, 102, 3)
    # the code is lossy, and another processor decodes other values: 9, 125, 240 were seen in CI
    np.testing.assert_allclose(frames[:, 25, 50, 0], [0, 128, 255], atol=40)
    assert imageio.v3.immeta(video, extension=".mp4")["fps"] == 5
    assert plt.get_fignums() == []


def test_what_is_kept_carries_its_name(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: shown.append((data, more)))
    figure = plt.figure(figsize=(1, 1))
    plotting.keep("key", figure)
    InteractiveShell.clear_instance()  # other tests run outside of IPython
    ((data, more),) = shown
    assert "text/plain" in data
    assert more["metadata"]["scrapbook"] == {"name": "key", "mime_prefix": ""}
    assert figure.number not in plt.get_fignums()


def test_animation_closes_its_figures_and_no_other():
    mine = plt.figure()
    with warnings.catch_warnings():
        # more than 20 open figures warn; other warnings come from ffmpeg's wrapper when it starts for the first time
        warnings.simplefilter("error", RuntimeWarning)
        plotting.animate(lambda index: plt.figure(figsize=(1, 1)), 25, alt="nothing", dpi=50)
        shared = plt.figure(figsize=(1, 1))
        plotting.animate(lambda index: shared, 3, alt="nothing", dpi=50)
    assert plt.get_fignums() == [mine.number]


def test_values_that_are_not_finite_do_not_set_the_scale():
    field = np.array([[0.0, np.nan], [np.inf, 2.0]])
    assert plotting.images([field], ["a"], label="u").axes[0].get_images()[0].get_clim() == (0, 2)
    figure = plotting.compare(field, np.zeros((2, 2)), label="u")
    (error,) = [ax for ax in figure.axes if ax.get_title() == "Error"]
    assert error.get_images()[0].get_clim() == (-2, 2)


def test_style_has_an_opaque_white_ground():
    with plt.rc_context():
        plotting.style()
        assert plt.rcParams["figure.facecolor"] == plt.rcParams["savefig.facecolor"] == "white"
