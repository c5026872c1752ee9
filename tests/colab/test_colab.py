"""A notebook as Colab gets it: alone in an empty folder, in an environment without the helpers, no ``data/`` near."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

import notebooks
from checks import ROOT, book_url

pytestmark = pytest.mark.colab

NOTEBOOK = ROOT / "notebooks" / "introduction" / "burgers_forward.ipynb"  # it loads a data set


def git(*arguments, cwd):
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


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
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "ipykernel"], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def data_url():
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=ROOT / "data")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


def test_notebook_runs_alone(tmp_path, repository, python, data_url):
    missing = subprocess.run([python, "-c", "import pbdl_helpers"], cwd=tmp_path, capture_output=True, text=True)
    assert "ModuleNotFoundError" in missing.stderr
    notebook = nbformat.read(shutil.copy(NOTEBOOK, tmp_path), as_version=4)
    environment = {
        **os.environ,
        # git answers for the repository's address with the local copy
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}.insteadOf",
        "GIT_CONFIG_VALUE_0": book_url(),
        "PIP_CONSTRAINT": str(ROOT / "requirements.txt"),
        "PBDL_DATA_URL": data_url,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    manager = AsyncKernelManager()
    manager.kernel_spec.argv[0] = str(python)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, km=manager, timeout=notebooks.CELL_TIMEOUT, resources=resources)
    client.execute(env=environment)  # raises if a cell fails
    assert [path.name for path in (tmp_path / "cache").rglob("*.hdf5")] == ["burgers.hdf5"]
    assert notebooks.claims(notebook)
    where = subprocess.run(
        [python, "-c", "import pbdl_helpers; print(pbdl_helpers.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert str(python.parent.parent) in where.stdout
