"""The recipe of `ellipse`: the first case computed again, as far as vortices are shed. Needs OpenFOAM and gmsh."""

import shutil
import sys

import numpy as np
import pytest

from pbdl_helpers import datasets
from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes" / "ellipse"))
import ellipse as recipe

pytestmark = pytest.mark.skipif(
    not (shutil.which("pimpleFoam") and shutil.which("gmsh")), reason="needs apt-get install openfoam gmsh"
)


def test_first_case_again(tmp_path):
    """The phase depends on rounding; what does not, is compared: period, drag, mean pressure and its spread."""
    stored = datasets.load("ellipse")
    constants, states = stored.constants[0], int(stored.constants[0]["states"])
    case = recipe.cases()[0]
    assert (case["reynolds"], case["thickness"]) == (constants["Reynolds"], constants["Thickness"])
    result = recipe.solve(case["reynolds"], case["thickness"], case["height"], tmp_path / "case")
    times, drag, lift = result["forces"][result["forces"][:, 0] > recipe.START].T
    assert recipe.openfoam.period(times, lift) == pytest.approx(constants["period"], rel=0.02)
    assert drag.mean() == pytest.approx(constants["drag"], rel=0.02)
    first, again = stored.sims[0][:states, 0], result["pressure"][:states]
    assert np.abs(again.mean(axis=0) - first.mean(axis=0)).max() < 0.03
    assert again.std(axis=0).mean() == pytest.approx(first.std(axis=0).mean(), rel=0.05)
