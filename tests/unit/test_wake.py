"""Physics of the stored set `wake`, and its recipe."""

import subprocess
import sys

import numpy as np
import pytest

from pbdl_helpers import datasets
from tools import ROOT
from tools.artwork import period

sys.path.insert(0, str(ROOT / "data" / "recipes" / "wake"))
import wake as recipe

WAKE = datasets.load("wake")
REYNOLDS = [constants["Reynolds"] for constants in WAKE.constants]
DX = WAKE.attributes["Dx"]
DIAMETER, BLOCKAGE = 2 * recipe.RADIUS, 2 * recipe.RADIUS / recipe.WIDTH


def velocity(sim):
    """Components on their faces, shapes (frames, 64, 33) and (frames, 65, 32)."""
    return sim[:, 0, :64, :], sim[:, 1, :, :32]


def probe(sim):
    """Transverse velocity over time on the centre line, two diameters behind the cylinder."""
    u, _ = velocity(sim)
    return u[:, 28, 16]


def strouhal_of_literature(reynolds):
    """Two-dimensional shedding past a free cylinder: Williamson and Brown, J. Fluids Struct. 12 (1998)."""
    return 0.2731 - 1.1129 / np.sqrt(reynolds) + 0.4821 / reynolds


def test_cases_and_splits():
    assert [97.65625 * 2**k for k in range(6)] + [73.2421875 * 4**k for k in range(4)] == REYNOLDS
    assert list(WAKE.attributes["Training"]) == [0, 1, 2, 3, 4, 5]
    assert list(WAKE.attributes["Test"]) == [6, 7, 8, 9]
    assert WAKE.sims[0].shape == (300, 2, 65, 33)


def rounding(component):
    """The largest error of a stored component: half a step of the file."""
    return 2.0 ** np.ceil(np.log2(abs(component).max())) / recipe.STEPS / 2


def test_values_are_multiples_of_a_step():
    for component in WAKE.sims[0].swapaxes(0, 1):
        steps = component / (2 * rounding(component))
        assert (steps == steps.round()).all()


@pytest.mark.parametrize("index", range(10))
def test_divergence_is_rounding(index):
    """Coarse cells keep the fluxes of the fine ones; what is left comes from the rounding of two faces of each kind."""
    u, v = velocity(WAKE.sims[index])
    divergence = np.diff(u, axis=-1) + np.diff(v, axis=-2)
    assert abs(divergence).max() < 2 * rounding(u) + 2 * rounding(v) + 1e-5


@pytest.mark.parametrize("index", range(10))
def test_inflow_walls_and_flux(index):
    u, v = velocity(WAKE.sims[index])
    assert abs(v[:, 0] - 1).max() < 1e-3
    assert abs(u[..., [0, -1]]).max() < 1e-3
    assert abs(v.mean(axis=-1) - 1).max() < 2e-3  # what flows in flows through every section


@pytest.mark.parametrize("index", range(10))
def test_fluid_rests_inside_the_cylinder(index):
    u, v = velocity(WAKE.sims[index])
    solid = recipe.cylinder(recipe.SHAPE).numpy()
    inner = solid[1:-1, 1:-1] & solid[:-2, 1:-1] & solid[2:, 1:-1] & solid[1:-1, :-2] & solid[1:-1, 2:]
    rows, columns = np.nonzero(inner)
    assert len(rows) > 10
    assert not u[:, rows + 1, columns + 1].any()
    assert not v[:, rows + 1, columns + 1].any()


@pytest.mark.parametrize("index", range(10))
def test_shedding_is_settled(index):
    signal = probe(WAKE.sims[index])
    first, second = abs(signal[:150]).max(), abs(signal[150:]).max()
    assert second == pytest.approx(first, rel=0.05)


@pytest.mark.parametrize("index", [i for i, number in enumerate(REYNOLDS) if number < 400])
def test_strouhal_number(index):
    """In the channel the gap velocity takes the place of the free stream's; beyond, the grid is too coarse."""
    gap = 1 / (1 - BLOCKAGE)
    measured = DIAMETER / (period(probe(WAKE.sims[index])) * gap)
    assert measured == pytest.approx(strouhal_of_literature(REYNOLDS[index] * gap), rel=0.15)


@pytest.mark.parametrize("index", range(10))
def test_kinetic_energy_is_settled(index):
    u, v = velocity(WAKE.sims[index])
    energy = (u**2).sum((1, 2)) + (v**2).sum((1, 2))
    assert energy[:150].mean() == pytest.approx(energy[150:].mean(), rel=1e-3)


def test_recipe_runs(tmp_path):
    """Two cases without the start-up: same layout, fluxes kept. The whole, or one case, takes minutes."""
    script = ROOT / "data" / "recipes" / "wake" / "wake.py"
    subprocess.run([sys.executable, script, tmp_path / "wake.hdf5", "2", "3", "0"], check=True, capture_output=True)
    again = datasets.read(tmp_path / "wake.hdf5")
    assert [sim.shape for sim in again.sims] == [(3, 2, 65, 33)] * 2
    assert [constants["Reynolds"] for constants in again.constants] == REYNOLDS[:2]
    u, v = velocity(again.sims[1])
    assert abs(np.diff(u, axis=-1) + np.diff(v, axis=-2)).max() < 2 * rounding(u) + 2 * rounding(v) + 1e-5
    assert abs(v.mean(axis=-1) - 1).max() < 2e-3
