import platform
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from pbdl_helpers.runtime import setup


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_same_seed_gives_the_same_numbers():
    setup(3)
    first = draw()
    setup(3)
    assert draw() == first


def test_seed_offset_shifts_every_generator(monkeypatch):
    setup(5)
    expected = draw()
    monkeypatch.setenv("PBDL_SEED", "2")
    run = setup(3)
    assert run.seed == 5
    assert draw() == expected


def test_scale_switches_pick(monkeypatch):
    assert setup().pick(book=1, full=2) == 1
    monkeypatch.setenv("PBDL_SCALE", "full")
    assert setup().pick(book=1, full=2) == 2


def test_one_line_is_printed(capsys):
    setup(1, device="cpu")
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "seed 1" in out


def test_one_thread_by_default(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    setup()
    assert torch.get_num_threads() == 1


FAULTS = """
import resource
import torch
from pbdl_helpers.runtime import setup

setup()
for _ in range(20):  # memory is taken, and kept
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_of_large_tensors_is_used_again():
    output = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, encoding="utf-8", check=True).stdout
    assert int(output.splitlines()[-1]) < 1000  # a new mapping of one such tensor has 10,000 pages


def test_progress_is_silent_when_disabled(monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert list(setup().progress(range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("setting", "silent"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_bar_is_switched_by_the_environment(monkeypatch, capsys, setting, silent):
    monkeypatch.setenv("TQDM_DISABLE", setting)
    list(setup().progress(range(3)))
    assert (capsys.readouterr().err == "") == silent


@pytest.mark.parametrize(("setting", "count"), [("2", 2), ("4,2", 4), ("0", 1), ("", 1), ("many", 1)])
def test_threads_of_the_environment(monkeypatch, setting, count):
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    try:
        setup()
        assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("seed", [-1, 10**9, 2**64, -(2**70)])
def test_any_whole_number_is_a_seed(seed):
    assert setup(seed).seed == seed
    first = draw()
    setup(seed)
    assert draw() == first


def test_apple_gpu_is_neither_picked_nor_accepted(monkeypatch):
    """It has no double precision, so that exact references and gradient checks would stop."""
    monkeypatch.delenv("PBDL_DEVICE", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert setup().device.type != "mps"
    with pytest.raises(ValueError, match="double precision"):
        setup(device="mps")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("PBDL_SCALE", "huge", "book, full"), ("PBDL_SEED", "x", "whole number"), ("PBDL_DEVICE", "abacus", "cpu")],
)
def test_bad_environment_says_what_to_do(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        setup()


def test_absent_device_is_named():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ValueError, match="cuda"):
        setup(device="cuda")


def test_recorded_update_is_the_update_itself():
    """On a CPU the same function; on a GPU the same training, replayed from the fourth update on."""
    run = setup(0)

    def train(record):
        torch.manual_seed(0)
        weights = torch.ones(3, device=run.device, requires_grad=True)
        rate = torch.tensor(0.1, device=run.device)
        optimizer = torch.optim.Adam([weights], lr=rate, capturable=run.device.type == "cuda")

        def update(x):
            optimizer.zero_grad()
            loss = (weights * x - 2 * x).square().sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = run.record(update) if record else update
        inputs = torch.rand(8, 3).to(run.device)
        losses = []
        for k, x in enumerate(inputs):
            rate.fill_(0.1 / (k + 1))
            losses.append(step(x).item())
        return losses

    assert train(True) == pytest.approx(train(False), rel=1e-5)
