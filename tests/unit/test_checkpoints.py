import pytest
import torch
from torch import nn

from pbdl_helpers import checkpoints


def net(width=4):
    return nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1))


PROVENANCE = {"settings": {"lr": 1e-3}, "seed": 1, "steps": 10, "seconds": 2.5}


def test_round_trip(tmp_path):
    model, copy = net(), net()
    path = checkpoints.save(tmp_path / "new" / "a.safetensors", model, **PROVENANCE)
    provenance = checkpoints.load(path, copy)
    commit = provenance.pop("commit")
    assert provenance == PROVENANCE
    assert commit is None or len(commit) == 40
    x = torch.randn(5, 1)
    assert torch.equal(model(x), copy(x))
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_failed_save_keeps_the_old_file(tmp_path):
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **PROVENANCE)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        checkpoints.save(path, net(), **(PROVENANCE | {"settings": {"x": object()}}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="git checkout"):
        checkpoints.load(tmp_path / "none.safetensors", net())


def test_truncated(tmp_path):
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **PROVENANCE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="damaged"):
        checkpoints.load(path, net())


def test_other_architecture(tmp_path):
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **PROVENANCE)
    with pytest.raises(ValueError, match="does not fit"):
        checkpoints.load(path, net(5))


def test_without_provenance(tmp_path):
    from safetensors.torch import save_file

    save_file(net().state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="provenance"):
        checkpoints.load(tmp_path / "a.safetensors", net())


def test_suffix(tmp_path):
    with pytest.raises(ValueError, match="safetensors"):
        checkpoints.save(tmp_path / "a.pt", net(), **PROVENANCE)
