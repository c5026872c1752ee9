"""The stored samples of airfoil flows: drawn by the stored networks, in the form that the recipe describes."""

import importlib.util
import math

import pytest
import torch
from safetensors.torch import load_file

from pbdl_helpers import checkpoints, datasets
from tools import ROOT

spec = importlib.util.spec_from_file_location("airfoil_samples", ROOT / "data/recipes/airfoil_samples/samples.py")
samples = importlib.util.module_from_spec(spec)
spec.loader.exec_module(samples)


@pytest.fixture(scope="module")
def space():
    return samples.networks.cells(samples.NAME)


@pytest.fixture(scope="module")
def stored():
    return load_file(datasets.fetch("airfoil_samples.safetensors"))


def test_every_network_and_way_of_the_notebook_is_there(space, stored):
    names = {f"{variant} {seed} {way}" for variant, seed in samples.drawing(space) for way in space["PLANS"][variant]}
    assert names == stored.keys() - {"centre", "basis"}
    assert all(stored[name].shape == (6, samples.COUNT, 62) for name in names)
    assert torch.allclose(stored["basis"] @ stored["basis"].T, torch.eye(60), atol=1e-5)


@pytest.mark.parametrize(("variant", "seed", "way", "case"), [("flow", 0, "Euler 5", 3), ("velocity", 1, "DDIM 5", 5)])
def test_stored_networks_draw_the_stored_samples_again(space, stored, variant, seed, way, case):
    networks = samples.networks.empty(samples.NAME, space)
    checkpoints.load(datasets.fetch(f"{samples.NAME}.safetensors"), networks)
    sampler, scales = space["SAMPLERS"][way]
    noise = samples.starts(space, seed)[case]
    c = space["conditions"](space["TESTED"][case]).expand_as(noise)
    fields = sampler(networks[variant][seed], space["VARIANTS"][variant]["kind"], noise, c, scales)
    found = samples.compressed(fields, stored["centre"], stored["basis"])
    kept = stored[f"{variant} {seed} {way}"][case].float()
    rms = (found - kept)[:, :-1].square().sum(1).div(3072).sqrt()  # of the fields, which have a deviation near 1
    assert rms.max() < 0.01
    assert (found - kept)[:, -1].abs().max() < 0.005
    assert kept[:, :-1].var(0).sum() / 3072 > 0.1


def test_compressed_sets_keep_distances_and_spread():
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(3072, 60)).Q.T.contiguous()
    centre, common = torch.randn(3072), 0.2 * torch.randn(3072)
    fields = centre + 30 * torch.randn(64, 60) @ basis + common + 0.1 * torch.randn(64, 3072)
    x = samples.compressed(fields.reshape(64, 3, 32, 32), centre, basis)
    modes = torch.cdist(x[:, :-1], x[:, :-1]).square() / 3072
    squares = modes + x[:, None, -1].square() + x[None, :, -1].square()
    exact = torch.cdist(fields, fields).square() / 3072
    off_diagonal = ~torch.eye(64, dtype=torch.bool)
    assert torch.allclose(squares[off_diagonal], exact[off_diagonal], rtol=0.02)
    assert math.isclose(x[0, -2].item(), (common - common @ basis.T @ basis).norm().item(), rel_tol=0.02)
    variance = x[:, :-1].var(0, correction=0).sum() / 3072 + x[:, -1].square().mean()
    assert math.isclose(variance.item(), fields.var(0, correction=0).mean().item(), rel_tol=0.01)
