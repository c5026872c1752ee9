"""Physics of the stored set `ellipse`: pressure on ellipses that shed vortices."""

import numpy as np
import pytest

from pbdl_helpers import datasets

DATA = datasets.load("ellipse")
NODES = DATA.attributes["Nodes"]
RANGES = {  # of Reynolds number and thickness
    "Train": ((500, 1000), (0.5, 0.8)),
    "InDist": ((500, 1000), (0.5, 0.8)),
    "LowRe": ((400, 500), (0.5, 0.8)),
    "HighRe": ((1000, 1100), (0.5, 0.8)),
    "Thin": ((500, 1000), (0.4, 0.5)),
    "Thick": ((500, 1000), (0.8, 0.9)),
}


def column(name):
    return np.array([constants[name] for constants in DATA.constants])


def whole_periods():
    """Yields for each case the states that cover whole periods, shape (states, nodes)."""
    for sim, constants in zip(DATA.sims, DATA.constants, strict=True):
        yield sim[: int(constants["states"]), 0].astype(float)


def test_split_and_ranges():
    split = np.array(DATA.attributes["Split"])
    assert {name: int((split == name).sum()) for name in RANGES} == {
        **{"Train": 34, "InDist": 8},
        **dict.fromkeys(("LowRe", "HighRe", "Thin", "Thick"), 3),
    }
    assert list(DATA.attributes["Training"]) == np.nonzero(split == "Train")[0].tolist()
    assert sorted([*DATA.attributes["Training"], *DATA.attributes["Test"]]) == list(range(len(split)))
    for name, limits in RANGES.items():
        for quantity, (low, high) in zip(("Reynolds", "Thickness"), limits, strict=True):
            values = column(quantity)[split == name]
            assert values.min() >= low
            assert values.max() <= high
    assert all(sim.shape == (101, 1, 80) for sim in DATA.sims)


def test_nodes_lie_on_the_ellipses_evenly_and_edges_make_a_ring():
    for nodes, thickness in zip(NODES, column("Thickness"), strict=True):
        assert 4 * nodes[:, 0] ** 2 + 4 * (nodes[:, 1] / thickness) ** 2 == pytest.approx(1, abs=1e-6)
        lengths = np.linalg.norm(np.roll(nodes, -1, axis=0) - nodes, axis=1)
        assert lengths.max() / lengths.min() < 1.05
    first, second = DATA.attributes["Edges"]
    assert len(first) == 160
    assert set((second - first) % 80) == {1, 79}


def test_stagnation_pressure():
    """In front it is that of the inflow, 1/2, what the channel loses by the drag over its height, and a little more:

    the wake is uneven at the outlet, where it carries more momentum than an even stream.
    """
    drag, height, thickness = column("drag"), column("Height"), column("Thickness")
    wanted = 0.5 + drag * thickness / 2 / height
    found = np.array([states.mean(axis=0).max() for states in whole_periods()])
    assert (found / wanted).min() > 1
    assert (found / wanted).max() < 1.07


def test_at_least_two_periods_and_a_plausible_frequency():
    period, thickness, height = column("period"), column("Thickness"), column("Height")
    assert (10 / period).min() > 2
    strouhal = thickness / period * (1 - thickness / height)  # with the speed in the gaps
    assert strouhal.min() > 0.16
    assert strouhal.max() < 0.21


def test_shedding_is_periodic():
    """A period after a state comes the same state."""
    for sim, constants in zip(DATA.sims, DATA.constants, strict=True):
        states, later = sim[:60, 0].astype(float), constants["period"] / DATA.attributes["Dt"]
        before, part = int(later), later % 1
        again = (1 - part) * sim[before : before + 60, 0] + part * sim[before + 1 : before + 61, 0]
        spread = sim[:, 0].std(axis=0).mean()
        assert np.abs(again[:41] - states[:41]).mean() < 0.06 * spread


def test_mean_is_symmetric():
    mirrored = (-np.arange(80)) % 80
    for states in whole_periods():
        mean, spread = states.mean(axis=0), states.std(axis=0).mean()
        assert np.abs(mean - mean[mirrored]).mean() < 0.1 * spread


def test_thicker_ellipses_shed_stronger_vortices():
    spread = np.array([states.std(axis=0).mean() for states in whole_periods()])
    assert np.corrcoef(column("Thickness"), spread)[0, 1] > 0.8
