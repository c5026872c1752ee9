"""A notebook as Colab gets it: alone in an empty folder, in an environment without the helpers, no ``data/`` near."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT, environment, notebooks, pages
from tools.server import serve

NOTEBOOK = ROOT / "notebooks" / "introduction" / "burgers_forward.ipynb"  # it loads a data set


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of a fresh virtual environment that has a notebook kernel and nothing else."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = Path(environment.python_of(folder))
    subprocess.run([python, "-m", "pip", "install", "--quiet", "ipykernel"], check=True)
    return python


def test_notebook_runs_alone(tmp_path, python):
    assert pages.is_built(), "The site is not built; run `make book` first."
    missing = subprocess.run([python, "-c", "import pbdl_helpers"], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert "ModuleNotFoundError" in missing.stderr
    path = Path(shutil.copy(NOTEBOOK, tmp_path))
    with serve(pages.HTML, pages.prefix()) as site_url, serve(ROOT / "data") as data_url:
        # the release is not there yet: a local server answers for it
        text, wheel = path.read_text(encoding="utf-8"), pages.wheel_url(pages.repository_url())
        assert wheel in text
        path.write_text(text.replace(wheel, site_url + pages.WHEEL), encoding="utf-8")
        variables = {
            "PIP_CONSTRAINT": (ROOT / "requirements.txt").as_uri(),  # pip splits the value at spaces
            "PBDL_DATA_URL": data_url,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        run = notebooks.execute(path, python=python, cell_timeout=1200, **variables)  # raises if a cell fails
        notebook = notebooks.run(run)
    assert [path.name for path in (tmp_path / "cache").rglob("*.hdf5")] == ["burgers.hdf5"]
    assert notebooks.claims(notebook)
    where = subprocess.run(
        [python, "-c", "import pbdl_helpers; print(pbdl_helpers.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert str(python.parent.parent) in where.stdout
