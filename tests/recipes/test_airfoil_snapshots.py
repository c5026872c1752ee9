"""The recipe of `airfoil_snapshots`: the beginning of its first run again. Needs OpenFOAM and gmsh."""

import shutil
import sys

import numpy as np
import pytest

from pbdl_helpers import datasets
from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes" / "airfoil_snapshots"))
import snapshots as recipe

pytestmark = pytest.mark.skipif(
    not (shutil.which("simpleFoam") and shutil.which("gmsh")), reason="needs apt-get install openfoam gmsh"
)


def test_lift_of_the_first_iterations_again(tmp_path):
    stored = datasets.load("airfoil_snapshots").attributes["Lift"][0]
    speed, nu_tilda = recipe.RUNS[0]
    options = {"nu_tilda": nu_tilda, "iterations": 400, "average_from": 1, "residuals": recipe.NEVER}
    outline = recipe.profiles.outline(recipe.PROFILE)
    _, forces = recipe.case.compute(outline, speed, recipe.ANGLE, tmp_path / "case", **options)
    again = forces[recipe.HISTORY - 1 :: recipe.HISTORY, 1]
    assert len(again) == 40
    assert np.abs(again - stored[:40])[10:].max() < 0.02
