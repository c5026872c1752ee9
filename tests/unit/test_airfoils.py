"""Physics of the stored sets `airfoils`, `airfoils_test` and `airfoils_viscosity`."""

import numpy as np
import pytest

from pbdl_helpers import datasets

SETS = {name: datasets.load(name) for name in ("airfoils", "airfoils_test")}
BOTH = pytest.mark.parametrize("data", SETS.values(), ids=SETS)


def column(data, name):
    return np.array([constants[name] for constants in data.constants])


def fields(data):
    """Returns p, ux, uy, mask, each (cases, y, x)."""
    return np.stack([sim[0] for sim in data.sims]).astype(float).swapaxes(0, 1)


def test_numbers_and_split():
    training, test = SETS["airfoils"], SETS["airfoils_test"]
    assert len(training.sims) == 400
    assert len(test.sims) == 60
    names = list(test.attributes["Profiles"])
    assert len(set(names)) == len(names)
    assert not set(names) & set(training.attributes["Profiles"])


def test_validation_asks_for_unknown_profiles_too():
    """The last 80 cases share a profile with the 320 before in 22 cases only, as the chapter says."""
    names = SETS["airfoils"].attributes["Profiles"]
    assert sum(name in set(names[:320]) for name in names[320:]) == 22


@pytest.mark.parametrize("name, count", [("airfoils", 13), ("airfoils_test", 2)])
def test_cases_that_the_residuals_ended_too_early_are_those_of_the_data_page(name, count):
    data = SETS[name]
    early = (column(data, "iterations") < 500) & (column(data, "steady") == 0)
    assert early.sum() == count
    assert column(data, "lift_spread")[early].max() < 0.015


@BOTH
def test_ranges(data):
    speed, angle = column(data, "speed"), column(data, "angle")
    assert speed.min() >= 10
    assert speed.max() <= 100
    assert abs(angle).max() <= 22.5
    # spread evenly: mean and deviation of a uniform distribution, within four standard errors
    assert speed.mean() == pytest.approx(55, abs=4 * 26 / len(speed) ** 0.5)
    assert angle.mean() == pytest.approx(0, abs=4 * 13 / len(angle) ** 0.5)


@BOTH
def test_body_is_at_rest_and_inside_the_chord(data):
    p, ux, uy, mask = fields(data)
    assert set(np.unique(mask)) == {0.0, 1.0}
    for field in (p, ux, uy):
        assert not field[mask > 0].any()
    x = -0.5 + 2 * np.arange(128) / 128
    columns = np.nonzero(mask.any(axis=(0, 1)))[0]
    assert x[columns].min() >= -0.001
    assert x[columns].max() <= 1.001
    assert (mask.sum(axis=(1, 2)) * (2 / 128) ** 2).min() > 0.02  # area in chords²


@BOTH
def test_pressure_obeys_bernoulli(data):
    """Nowhere is the total pressure above that of the free stream, but for errors of the scheme and of sampling."""
    p, ux, uy, _ = fields(data)
    speed = column(data, "speed")[:, None, None]
    total = (p + (ux**2 + uy**2) / 2) / (speed**2 / 2)
    settled = column(data, "steady") > 0
    assert np.quantile(total[settled], 0.999) < 1.03
    assert p.max() < 0.55 * speed.max() ** 2


@BOTH
def test_flow_far_away_is_the_free_stream(data):
    _, ux, uy, _ = fields(data)
    speed, angle = column(data, "speed"), np.deg2rad(column(data, "angle"))
    settled = column(data, "steady") > 0
    left = np.stack([ux[:, :, 0].mean(axis=1) / speed, uy[:, :, 0].mean(axis=1) / speed])
    wanted = np.stack([np.cos(angle), np.sin(angle)])
    assert abs(left - wanted)[:, settled].max() < 0.12  # half a chord before the nose


@BOTH
def test_drag_is_positive(data):
    assert column(data, "drag").min() > 0


def test_lift_slope_of_thin_airfoils():
    """2π per radian in theory; thickness adds a few per cent, and so do boundaries five chords away."""
    data = SETS["airfoils"]
    angle, lift = np.deg2rad(column(data, "angle")), column(data, "lift")
    small = (abs(angle) < np.deg2rad(6)) & (column(data, "steady") > 0)
    slope, at_zero = np.polyfit(angle[small], lift[small], 1)
    assert slope == pytest.approx(2 * np.pi, rel=0.15)
    assert 0 < at_zero < 0.6  # most profiles are cambered upwards


def test_lift_slope_of_symmetric_profiles():
    """Through each case of a symmetric profile and the origin."""
    slopes = []
    for data in SETS.values():
        mask = fields(data)[3]
        symmetric = (mask[:, 1:64] == mask[:, :64:-1]).all(axis=(1, 2))
        angle = np.deg2rad(column(data, "angle"))
        chosen = symmetric & (column(data, "steady") > 0) & (abs(angle) > 0.03) & (abs(angle) < 0.14)
        slopes.extend(column(data, "lift")[chosen] / angle[chosen])
    assert len(slopes) >= 3
    assert np.mean(slopes) == pytest.approx(2 * np.pi, rel=0.15)


@BOTH
def test_momentum_balance_gives_the_lift(data):
    p, ux, uy, _ = fields(data)
    speed, angle = column(data, "speed"), np.deg2rad(column(data, "angle"))
    left, right, low, high, step = 24, 104, 44, 84, 2 / 128

    def sides(flux, x):
        return np.trapezoid(flux[:, low : high + 1, x], dx=step)

    def ends(flux, y):
        return np.trapezoid(flux[:, y, left : right + 1], dx=step)

    across = ux * uy
    force_x = sides(p + ux**2, left) - sides(p + ux**2, right) + ends(across, low) - ends(across, high)
    force_y = sides(across, left) - sides(across, right) + ends(p + uy**2, low) - ends(p + uy**2, high)
    lift = 2 * (force_y * np.cos(angle) - force_x * np.sin(angle)) / speed**2
    settled = column(data, "steady") > 0
    difference = abs(lift - column(data, "lift"))
    assert difference[settled].mean() < 0.005
    assert difference[~settled].mean() < 0.1


@BOTH
def test_settled_cases_are_settled(data):
    settled = column(data, "steady") > 0
    assert column(data, "lift_spread")[settled].max() <= 0.01
    assert column(data, "drag_spread")[settled].max() <= 0.002
    assert abs(column(data, "angle"))[settled].mean() < abs(column(data, "angle"))[~settled].mean()


def test_viscous_free_stream_settles_a_stalled_flow():
    data = datasets.load("airfoils_viscosity")
    assert [constants["steady"] for constants in data.constants] == [0, 1]
    assert data.constants[1]["nu_tilda"] == 0.14
    swing = np.nanmax(data.attributes["Lift"][:, 300:], axis=1) - np.nanmin(data.attributes["Lift"][:, 300:], axis=1)
    assert swing[0] > 10 * swing[1]
