"""Burgers, 32 steps: plain torch against eager and compiled PhiFlow, in one run. `make benchmarks`."""

import math

import pytest
import torch
from phi.torch.flow import PERIODIC, Box, CenteredGrid, advect, diffuse, tensor
from phi.torch.flow import math as phi_math

from pbdl_helpers import burgers

N, STEPS, NU = 128, 32, 0.01 / math.pi
DX, DT = 2 / N, 1 / STEPS


def initial():
    return -torch.sin(math.pi * burgers.cell_centres(N, torch.float32))


def phiflow_step(u):
    u = diffuse.explicit(u, NU, DT)
    return advect.semi_lagrangian(u, u, DT)


def phiflow_rollout(step):
    u = CenteredGrid(tensor(initial(), phi_math.spatial("x")), PERIODIC, x=N, bounds=Box(x=(-1, 1)))
    for _ in range(STEPS):
        u = step(u)
    return u.values.numpy("x")


def torch_rollout(batch):
    return burgers.rollout(initial().expand(batch, N), STEPS, dx=DX, dt=DT, nu=NU)[-1]


@pytest.mark.benchmark(group="burgers, 32 steps, forward")
@pytest.mark.parametrize("batch", [1, 32])
def test_torch(benchmark, batch):
    benchmark(torch_rollout, batch)


@pytest.mark.benchmark(group="burgers, 32 steps, forward")
def test_phiflow_eager(benchmark):
    result = benchmark(phiflow_rollout, phiflow_step)
    assert abs(result - torch_rollout(1)[0].numpy()).max() < 1e-4  # the same computation is compared


@pytest.mark.benchmark(group="burgers, 32 steps, forward")
def test_phiflow_compiled(benchmark):
    benchmark(phiflow_rollout, phi_math.jit_compile(phiflow_step))


@pytest.mark.benchmark(group="burgers, 32 steps, forward and backward")
@pytest.mark.parametrize("batch", [1, 32])
def test_torch_gradient(benchmark, batch):
    def gradient():
        u = initial().expand(batch, N).clone().requires_grad_()
        burgers.rollout(u, STEPS, dx=DX, dt=DT, nu=NU)[-1].square().sum().backward()

    benchmark(gradient)
