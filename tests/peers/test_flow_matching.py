"""The chapter on flow matching against `torchcfm`: the same paths, velocities and pairs, with time turned round."""

import pytest
import torch

from pbdl_helpers.mixtures import two_peaks
from tools import ROOT, notebooks

torchcfm = pytest.importorskip("torchcfm", reason="make peers installs it")
from torchcfm.optimal_transport import OTPlanSampler  # noqa: E402

NOTEBOOK = notebooks.read(ROOT / "notebooks" / "probabilistic" / "flow_matching.ipynb")


@pytest.fixture(scope="module")
def chapter():
    """Names that the chapter's cells up to the definition of its pairs define; nothing is trained."""
    space = {"__name__": "chapter"}
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "code" and any(
            key in cell.source for key in ("run = setup(", "SIGMA_MIN =", "def on_line(")
        ):
            exec(cell.source, space)
        if cell.cell_type == "code" and "def transport_pairs(" in cell.source:
            exec(cell.source.split("z_pairs =")[0], space)
    return space


def test_paths_and_velocities(chapter):
    data, t = two_peaks().sample(500, torch.Generator().manual_seed(0)), torch.rand(500)
    matcher = torchcfm.TargetConditionalFlowMatcher(sigma=chapter["SIGMA_MIN"])
    noise = torch.randn_like(data)
    matcher.sample_noise_like = lambda x: noise
    _, x_t, velocity = matcher.sample_location_and_conditional_flow(torch.zeros_like(data), data, t=t)
    ours, our_velocity = chapter["on_line"](data, noise, 1 - t[:, None])
    assert torch.allclose(ours, x_t, atol=1e-5)
    early = t < 0.95  # there torchcfm divides a difference by a small number
    assert torch.allclose(our_velocity[early], -velocity[early], atol=1e-3)


def test_pairs_of_optimal_transport(chapter):
    torch.manual_seed(1)
    x, noise = chapter["transport_pairs"](64)
    plan = OTPlanSampler("exact").get_map(noise, x)
    cost = torch.cdist(noise, x).square().numpy()
    theirs, ours = (plan * cost).sum(), (x - noise).square().sum(1).mean().item()
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert ours < 0.7 * cost.mean()  # independent pairs are no match
