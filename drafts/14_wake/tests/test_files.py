"""The files in data/ are those of the registry, and both our reader and the package pbdl read them."""

import subprocess
import sys

import pytest

from checks import ROOT
from pbdl_helpers import datasets

FILES = datasets.registry()["files"]
SETS = sorted(name.removesuffix(".hdf5") for name in FILES if name.endswith(".hdf5"))
LIMIT = 100e6  # bytes of all files together

READ_WITH_PBDL = """
from pbdl.dataset import Dataset
data = Dataset("{name}", time_steps={steps}, local_datasets_dir={folder!r}, disable_progress=True)
first = data[0]
print(len(data), first[0].shape, first[1].shape, bool((first[0][: first[1].shape[0]] != first[1]).any()))
"""


def test_registry_names_exactly_the_files_in_data():
    stored = {p.name for p in (ROOT / "data").iterdir() if p.suffix in (".hdf5", ".safetensors")}
    assert stored == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_checksum_and_size(name):
    path = ROOT / "data" / name
    assert path.stat().st_size == FILES[name]["bytes"]
    assert datasets.sha256(path) == FILES[name]["sha256"]


def test_all_data_are_small():
    assert sum(entry["bytes"] for entry in FILES.values()) <= LIMIT


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_described(name):
    readme = (ROOT / "data" / "README.md").read_text()
    assert f"## {name}\n" in readme
    assert FILES[f"{name}.hdf5"]["sha256"] in readme
    assert f"(data-{name})=" in (ROOT / "book" / "appendix" / "data.md").read_text()


@pytest.mark.parametrize("name", SETS)
def test_both_readers_agree(name):
    ours = datasets.load(name)
    code = READ_WITH_PBDL.format(name=name, steps=1, folder=str(ROOT / "data"))
    process = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    count, rest = process.stdout.splitlines()[-1].split(" ", 1)
    assert int(count) == sum(len(sim) - 1 for sim in ours.sims)
    assert rest.endswith("True")  # the target is the next frame, not the input
