import subprocess

import numpy as np
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
    assert commit is None or len(commit.removesuffix("-dirty")) == 40
    x = torch.randn(5, 1)
    assert torch.equal(model(x), copy(x))
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_failed_save_keeps_the_old_file(tmp_path):
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **PROVENANCE)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
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
    model = net(5)
    before = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ValueError, match=r"does not fit.*0.weight has shape \(4, 1\), here \(5, 1\)"):
        checkpoints.load(path, model)
    assert all(map(torch.equal, model.parameters(), before))


def test_network_with_more_layers(tmp_path):
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **PROVENANCE)
    model = nn.Sequential(*net(), nn.Linear(1, 1))
    before = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ValueError, match=r"it lacks 3[.]bias; it lacks 3[.]weight"):
        checkpoints.load(path, model)
    assert all(map(torch.equal, model.parameters(), before))
    with pytest.raises(ValueError, match=r"the network lacks 2[.]bias"):
        checkpoints.load(path, nn.Sequential(nn.Linear(1, 4)))


def test_tied_weights(tmp_path):
    def tied():
        model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
        model[1].weight = model[0].weight
        return model

    model, copy = tied(), tied()
    checkpoints.load(checkpoints.save(tmp_path / "a.safetensors", model, **PROVENANCE), copy)
    assert torch.equal(model[0].weight, copy[0].weight)
    assert copy[0].weight is copy[1].weight


def test_scalars_of_numpy_and_torch_are_settings(tmp_path):
    settings = {"lr": np.float32(0.5), "width": np.int64(3), "decay": torch.tensor(0.25)}
    path = checkpoints.save(tmp_path / "a.safetensors", net(), **(PROVENANCE | {"settings": settings}))
    assert checkpoints.load(path, net())["settings"] == {"lr": 0.5, "width": 3, "decay": 0.25}


def test_diverged_weights_are_refused(tmp_path):
    model = net()
    with torch.no_grad():
        model[0].bias[1] = float("nan")
    with pytest.raises(ValueError, match=r"0[.]bias hold NaN"):
        checkpoints.save(tmp_path / "a.safetensors", model, **PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_commit_is_the_book_s_not_that_of_the_working_folder(tmp_path, monkeypatch):
    expected = checkpoints.book_commit()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", tmp_path]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "other"], check=True)
    monkeypatch.chdir(tmp_path)
    assert checkpoints.book_commit() == expected
    package = tmp_path / "lib" / "pbdl_helpers" / "checkpoints.py"  # installed inside somebody's repository
    monkeypatch.setattr(checkpoints, "__file__", str(package))
    assert checkpoints.book_commit() is None


def test_without_provenance(tmp_path):
    from safetensors.torch import save_file

    save_file(net().state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="provenance"):
        checkpoints.load(tmp_path / "a.safetensors", net())


@pytest.mark.parametrize("text", ["{", "[1, 2]", "3", '{"settings": {}}'])
def test_bad_provenance_leaves_the_weights(tmp_path, text):
    from safetensors.torch import save_file

    save_file(net().state_dict(), tmp_path / "a.safetensors", metadata={"pbdl": text})
    model = net()
    before = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ValueError, match="provenance"):
        checkpoints.load(tmp_path / "a.safetensors", model)
    assert all(map(torch.equal, model.parameters(), before))


def test_counters_and_weights_are_not_mixed_up(tmp_path):
    """A buffer of integers takes no 3.7; weights take those of another precision."""
    counted, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    other.num_batches_tracked = torch.tensor(3.7)
    path = checkpoints.save(tmp_path / "a.safetensors", other, **PROVENANCE)
    with pytest.raises(ValueError, match=r"num_batches_tracked is torch.float32, here torch.int64"):
        checkpoints.load(path, counted)
    checkpoints.load(checkpoints.save(tmp_path / "b.safetensors", net().half(), **PROVENANCE), net())


def test_suffix(tmp_path):
    with pytest.raises(ValueError, match="safetensors"):
        checkpoints.save(tmp_path / "a.pt", net(), **PROVENANCE)
