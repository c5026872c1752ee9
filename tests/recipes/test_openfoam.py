"""What the OpenFOAM recipes share, on any machine: a shell in a folder with a space, rules whose paths are quoted."""

import re
import shutil
import sys

import numpy as np
import pytest

from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes"))
import openfoam

SNAKEFILES = sorted((ROOT / "data" / "recipes").glob("*/Snakefile"))
CYLINDER = {"domain": (-4, 4, -4, 4), "sides": ["far"] * 4, "first_layer": 0.05, "layers": 3, "growth": 1.2}


@pytest.mark.skipif(
    not (shutil.which("gmshToFoam") and shutil.which("gmsh")), reason="needs apt-get install openfoam gmsh"
)
def test_shell_in_a_folder_with_a_space(tmp_path, monkeypatch):
    """OpenFOAM reads the working folder from the variable PWD and stops at a space in it."""
    here = tmp_path / "a folder"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("PWD", str(here))
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    mesh = openfoam.geometry(outline, **CYLINDER, size="0.5 + 0.1 * F1", boxes=[])
    templates = ROOT / "data" / "recipes" / "ellipse" / "template"
    values = dict.fromkeys(openfoam_names(templates), "0")
    assert openfoam.prepare(templates, tmp_path / "case", values, mesh) > 100
    with pytest.raises(ValueError, match=r"a folder.*space.*TMPDIR"):
        openfoam.run(["gmshToFoam", "mesh.msh"], here)


def openfoam_names(templates):
    text = "".join(path.read_text(encoding="utf-8") for path in templates.glob("*/*"))
    return set(re.findall(r"\$\{?(\w+)", text))


@pytest.mark.parametrize("path", SNAKEFILES, ids=lambda path: path.parent.name)
def test_commands_of_rules_quote_what_they_insert(path):
    commands = re.findall(r'shell: "(.*)"', path.read_text(encoding="utf-8"))
    inserted = [name for command in commands for name in re.findall(r"\{([^}]*)\}", command)]
    assert inserted
    assert [name for name in inserted if not name.endswith(":q")] == []
