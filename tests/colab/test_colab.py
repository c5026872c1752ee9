"""A notebook as Colab gets it: alone in an empty folder, in an environment without the helpers, no ``data/`` near."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT, environment, notebooks, pages
from tools.server import serve

NOTEBOOK = ROOT / "notebooks" / "introduction" / "burgers_forward.ipynb"  # it loads a data set


def git(*arguments, cwd):
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, encoding="utf-8"
    ).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A local git repository with this working tree on branch main."""
    folder = tmp_path_factory.mktemp("repository")
    for name in git("ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", "working tree", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of a fresh virtual environment that has a notebook kernel and nothing else."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = Path(environment.python_of(folder))
    subprocess.run([python, "-m", "pip", "install", "--quiet", "ipykernel"], check=True)
    return python


@pytest.fixture
def data_url():
    with serve(ROOT / "data") as url:
        yield url


def test_notebook_runs_alone(tmp_path, repository, python, data_url):
    missing = subprocess.run([python, "-c", "import pbdl_helpers"], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert "ModuleNotFoundError" in missing.stderr
    environment = {
        # git answers for the repository's address with the local copy
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}.insteadOf",
        "GIT_CONFIG_VALUE_0": pages.repository_url(),
        "PIP_CONSTRAINT": (ROOT / "requirements.txt").as_uri(),  # pip splits the value at spaces
        "PBDL_DATA_URL": data_url,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    path = Path(shutil.copy(NOTEBOOK, tmp_path))
    run = notebooks.execute(path, python=python, cell_timeout=1200, **environment)  # raises if a cell fails
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
