"""The recipe of the trained networks, with a notebook that trains in no time."""

import sys

import nbformat
import pytest
import torch

from pbdl_helpers import checkpoints
from tools import ROOT

sys.path.insert(0, str(ROOT / "data" / "recipes" / "networks"))
import networks

CELLS = [
    "from torch import nn\nimport torch, os\nVARIANTS = {'small': {'width': 2, 'updates': 3}, "
    "'large': {'width': 4, 'updates': 3, 'seeds': [7]}, "
    "'trial': {'width': 3, 'updates': 3, 'seeds': [0], 'keep': False}}\nSEEDS = [0, 1]",
    "def build(width):\n    return nn.Linear(width, 1)",
    "def train(seed, updates, width):\n    torch.manual_seed(seed)\n    return build(width), [1.0] * updates",
]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A notebook with cells for training and one without; what is stored goes to a folder of its own."""
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["recipe"]}) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("raise SystemExit")])
    monkeypatch.setattr(networks, "NETWORKS", {"toy": ("part/toy", "build", ("width",))})
    monkeypatch.setattr(networks, "notebook", lambda _: notebook)
    monkeypatch.setattr(networks, "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    return notebook


def test_networks_are_trained_one_by_one_and_put_together(toy, tmp_path):
    jobs = networks.jobs("toy")
    assert jobs == [("small", 0), ("small", 1), ("large", 7), ("trial", 0)]
    parts = [tmp_path / f"{index}.safetensors" for index in range(len(jobs))]
    for index, part in enumerate(parts):
        networks.train("toy", index, part)
    networks.collect("toy", tmp_path / "data" / "toy.safetensors", parts)
    stored = networks.empty("toy", networks.cells("toy"))
    settings = checkpoints.load(tmp_path / "data" / "toy.safetensors", stored)["settings"]
    torch.manual_seed(1)
    assert torch.equal(stored["small"][1].weight, torch.nn.Linear(2, 1).weight.half().float())
    assert "trial" not in stored and settings["variants"]["trial 0"]["width"] == 3  # only its log is kept
    assert settings["variants"]["large 7"] == {"width": 4, "updates": 3, "first_loss": 1.0, "last_loss": 1.0}
    assert settings["cells_sha256"] == networks.cells_hash("toy")


def test_hash_is_that_of_the_cells_that_train(toy, tmp_path):
    test_networks_are_trained_one_by_one_and_put_together(toy, tmp_path)
    before = networks.cells_hash("toy")
    toy.cells[3].source = "print('another figure')"
    assert networks.cells_hash("toy") == before
    toy.cells[1].source += "  # a comment"
    assert networks.cells_hash("toy") != before == networks.header("toy")["settings"]["cells_sha256"]
    weights = networks.load_file(tmp_path / "data" / "toy.safetensors")
    networks.stamp("toy")
    assert networks.header("toy")["settings"]["cells_sha256"] == networks.cells_hash("toy")
    after = networks.load_file(tmp_path / "data" / "toy.safetensors")
    assert weights.keys() == after.keys()
    assert all(torch.equal(weights[name], after[name]) for name in weights)


def test_variables_of_the_shell_do_not_reach_a_training(toy, monkeypatch):
    monkeypatch.setenv("PBDL_SEED", "5")
    monkeypatch.setenv("PBDL_SCALE", "full")
    toy.cells[0].source += "\nfound = os.environ['PBDL_SEED'], os.environ['PBDL_SCALE']"
    assert networks.cells("toy")["found"] == ("0", "book")
