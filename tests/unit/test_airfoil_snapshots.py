"""The stored sets `airfoil_snapshots` and `airfoil_cycle`: a steady solver that settles at low speed only."""

import numpy as np
import pytest

from pbdl_helpers import datasets

DATA = datasets.load("airfoil_snapshots")
CYCLE = datasets.load("airfoil_cycle")
SPEEDS = np.array([constants["speed"] for constants in DATA.constants])


def dimensionless():
    """Returns p, ux, uy over the speed squared and the speed, (cases, snapshots, 3, y, x)."""
    fields = np.stack(DATA.sims)[:, :, :3].astype(float)
    return fields / np.stack([SPEEDS**2, SPEEDS, SPEEDS], axis=1)[:, None, :, None, None]


def test_cases_and_split():
    assert np.stack(DATA.sims).shape == (11, 25, 4, 32, 32)
    assert pytest.approx(5 + 10 * np.arange(11)) == SPEEDS
    assert all(set(constants) == {"Reynolds", "speed", "angle"} for constants in DATA.constants)  # no outcomes
    assert [constants["Reynolds"] for constants in DATA.constants] == pytest.approx(list(SPEEDS * 1e5))
    assert list(DATA.attributes["Training"]) == [1, 3, 5, 7, 9]
    assert list(DATA.attributes["Test"]) == [0, 2, 4, 6, 8, 10]


def test_mask_is_that_of_one_profile():
    masks = np.stack(DATA.sims)[:, :, 3]
    assert (masks == masks[0, 0]).all()
    assert set(np.unique(masks)) <= {0, 0.25, 0.5, 0.75, 1}
    assert masks[0, 0].sum() * (2 / 32) ** 2 == pytest.approx(0.087, abs=0.02)  # area in chords²


def test_free_stream_is_recovered():
    """Half a chord before the nose the lifting profile turns the stream upwards; far from it the speed is right."""
    mean = dimensionless().mean(axis=1)
    angle = np.deg2rad(20)
    upstream = mean[:, 1:3, :6, 0].mean(axis=-1)  # below and before the profile
    assert np.abs(upstream[:, 0] - np.cos(angle)).max() < 0.15
    assert np.linalg.norm(upstream, axis=1) == pytest.approx(1, abs=0.15)


def test_spread_is_small_at_low_speed_rises_and_saturates():
    spread = dimensionless().std(axis=1).mean(axis=(1, 2, 3))
    assert spread[0] < spread[-1] / 4
    assert (np.diff(spread[:4]) > 0).all()
    steep, late = spread[3] - spread[0], abs(spread[-1] - spread[-4])
    assert late < steep / 2


def test_lift_swings_with_the_fields_and_eddy_viscosity_calms_it():
    lift = DATA.attributes["Lift"][:, 250:]
    assert lift.std(axis=1) == pytest.approx(DATA.attributes["StdLift"], rel=0.2, abs=0.02)
    usual = DATA.attributes["LiftCompared"][:, 250:].std(axis=1)
    compared = [list(SPEEDS).index(speed) for speed in DATA.attributes["Compared"]]
    assert usual[0] > 3 * lift.std(axis=1)[compared[0]]


def test_cycle_resolves_the_states_of_the_snapshots():
    """Both are the same runs: iterations 2580 and 2620, say, lie in the middle between two states of the cycle."""
    assert [constants["speed"] for constants in CYCLE.constants] == [SPEEDS[case] for case in DATA.attributes["Test"]]
    for case, fine in zip(DATA.attributes["Test"], CYCLE.sims, strict=True):
        later = np.arange(2540, 3501, 40)[1:]
        before = (later - 4 - 2544) // 8
        middle = (fine[before] + fine[before + 1]) / 2
        coarse = DATA.sims[case][1:]
        spread = coarse[:, :3].std(axis=0).mean(axis=(1, 2))
        assert (np.abs(middle - coarse)[:, :3].mean(axis=(0, 2, 3)) < 0.03 * spread + 2e-3 * SPEEDS[case]).all()


def test_lift_of_the_cycle_is_that_of_the_runs():
    history = DATA.attributes["Lift"][DATA.attributes["Test"]]  # after iterations 10, 20, …
    shared = np.arange(2560, 3501, 40)  # in both
    coarse, fine = history[:, shared // 10 - 1], CYCLE.attributes["Lift"][:, (shared - 2544) // 8]
    assert np.abs(coarse - fine).max() < 1e-4


def test_fast_flows_repeat_themselves_after_480_iterations():
    for states in CYCLE.sims[3:]:
        flow = states[:, :3].astype(float)
        variance = flow.var(axis=0).sum()
        gap = {n: ((flow[n:] - flow[:-n]) ** 2).sum(axis=(1, 2, 3)).mean() / (2 * variance) for n in (30, 50, 60, 70)}
        assert gap[60] < 0.01
        assert min(gap[n] for n in (30, 50, 70)) > 0.1
