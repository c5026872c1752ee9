"""The recipe of `airfoils`: one case computed again, one that is known to be symmetric. Needs OpenFOAM and gmsh."""

import shutil
import sys

import pytest

from pbdl_helpers import datasets
from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes" / "airfoils"))
import case as recipe
import plan
import profiles
from collect import simulation

pytestmark = pytest.mark.skipif(
    not (shutil.which("simpleFoam") and shutil.which("gmsh")), reason="needs apt-get install openfoam gmsh"
)


def test_first_case_again(tmp_path):
    """Another version of OpenFOAM or gmsh may differ by a little, the same one does not differ at all."""
    stored = datasets.load("airfoils")
    planned = plan.cases()[int(stored.constants[0]["case"])]
    speed = planned["speed"]
    assert (planned["profile"], speed) == (stored.attributes["Profiles"][0], stored.constants[0]["speed"])
    result = recipe.solve(profiles.outline(planned["profile"]), speed, planned["angle"], tmp_path / "case")
    again, first = simulation(result)[0], stored.sims[0][0]
    assert (again[3] == first[3]).all()
    assert abs(again[0] - first[0]).mean() < 0.01 * speed**2
    assert abs(again[1:3] - first[1:3]).mean() < 0.01 * speed


def test_symmetric_case_is_symmetric(tmp_path):
    """A symmetric profile without incidence does not lift, and above and below are alike; the mesh is not symmetric."""
    speed = 50.0
    result = recipe.solve(profiles.outline("n0012"), speed, 0.0, tmp_path / "case")
    assert result["steady"]
    p, ux, uy, mask = result["fields"]
    below, above = slice(1, 64), slice(127, 64, -1)  # the axis is row 64
    assert (mask[below] == mask[above]).all()
    assert abs(p[below] - p[above]).mean() < 0.002 * speed**2
    assert abs(ux[below] - ux[above]).mean() < 0.002 * speed
    assert abs(uy[below] + uy[above]).mean() < 0.002 * speed
    drag, lift = result["forces"][-1]
    assert abs(lift) < 0.005
    assert 0.005 < drag < 0.03


def test_folded_wall_layers_are_found_before_the_mesh(tmp_path):
    assert recipe.folds(profiles.outline("fx63143"))
    assert not recipe.folds(profiles.outline("n0012"))
    with pytest.raises(RuntimeError, match="fold"):
        recipe.solve(profiles.outline("fx63143"), 50.0, 0.0, tmp_path / "case")
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize("name", ["airfoils", "airfoils_test"])
def test_masks_are_exact(name):
    data = datasets.load(name)
    names = data.attributes["Profiles"]
    wrong = [
        name
        for name, sim in zip(names, data.sims, strict=True)
        if (sim[0, 3] != recipe.body_mask(profiles.outline(name))).any()
    ]
    assert wrong == []
