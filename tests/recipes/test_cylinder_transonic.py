"""The recipe of `cylinder_transonic`: the onset of one case computed again. Needs OpenFOAM and gmsh."""

import shutil
import sys

import numpy as np
import pytest

from pbdl_helpers import datasets
from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes" / "cylinder_transonic"))
import transonic as recipe

pytestmark = pytest.mark.skipif(
    not (shutil.which("rhoCentralFoam") and shutil.which("gmsh")), reason="needs apt-get install openfoam gmsh"
)


def test_onset_again(tmp_path):
    """Forces while the wake forms, and of the last frame what holds in any flow without losses."""
    stored = datasets.load("cylinder_transonic")
    times, index = stored.attributes["Onset Times"], len(recipe.MACH) - 1
    mach = recipe.MACH[index]
    assert stored.constants[index]["Mach"] == mach
    result = recipe.solve(mach, tmp_path / "case", start=7.75, end=8.25)
    again = recipe.forces_at(times, result["forces"])
    assert again == pytest.approx(stored.attributes["Onset"][index], rel=0.01, abs=0.005)
    last, solid = result["fields"][-1], ~recipe.fluid(recipe.SHAPE)
    assert (last[:, solid] == recipe.REST[:, 0].astype(np.float32)).all()
    *_, density, pressure = last
    assert recipe.GAMMA * pressure[:, :4] == pytest.approx(density[:, :4] ** recipe.GAMMA, rel=0.005)
    total = (1 + (recipe.GAMMA - 1) / 2 * mach**2) ** (recipe.GAMMA / (recipe.GAMMA - 1)) / recipe.GAMMA
    assert pressure.max() == pytest.approx(total, rel=0.05)
