"""One step past a cylinder: plain torch against eager and compiled PhiFlow, in one run. `make benchmarks`.

Advection, diffusion, obstacle and projection; milliseconds a step, forward and forward with backward.
"""

import pytest
import torch
from phi.torch.flow import Box, Obstacle, Solve, Sphere, StaggeredGrid, advect, diffuse, extrapolation, fluid
from phi.torch.flow import math as phi_math

from pbdl_helpers.fluids import Flow

SHAPES = [(32, 40), (64, 32), (64, 64), (128, 128), (256, 128)]  # cells (y, x)
SIZE, DT, NU = 100.0, 0.5, 0.01
torch.set_num_threads(1)


def flow_past_a_cylinder(shape):
    ny, nx = shape
    y, x = torch.meshgrid(torch.arange(ny) + 0.5, torch.arange(nx) + 0.5, indexing="ij")
    cylinder = (x / nx - 0.5) ** 2 + ((y - ny / 2) / nx) ** 2 < 0.1**2
    sides = {"x": "wall", "y": ("inflow", "outflow"), "inflow": (0.0, 1.0)}
    return Flow(shape, SIZE / nx, obstacle=cylinder, **sides)


def name(shape):
    return f"{shape[0]}x{shape[1]}"


@pytest.mark.parametrize("batch", [1, 8, 32])
@pytest.mark.parametrize("shape", SHAPES, ids=name)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_torch(benchmark, shape, batch, backward):
    benchmark.group = f"{'forward and backward' if backward else 'forward'} {name(shape)}"
    flow = flow_past_a_cylinder(shape)
    start = flow.step(flow.rest(batch), dt=DT, nu=NU)

    def forward():
        with torch.no_grad():
            flow.step(start, dt=DT, nu=NU)

    def gradient():
        velocity = [field.clone().requires_grad_() for field in start]
        sum(field.square().sum() for field in flow.step(velocity, dt=DT, nu=NU)).backward()

    benchmark(gradient if backward else forward)


def phiflow(shape, compiled):
    ny, nx = shape
    bounds = Box(x=SIZE, y=SIZE * ny / nx)
    obstacle = Obstacle(Sphere(x=SIZE / 2, y=SIZE * ny / nx / 2, radius=SIZE / 10))
    boundary = extrapolation.combine_sides(x=extrapolation.ZERO, y=extrapolation.BOUNDARY)
    velocity = StaggeredGrid((0, 1), boundary, bounds, x=nx, y=ny)
    solve = Solve("CG", 1e-5, 1e-5, rank_deficiency=0)

    def step(velocity):
        velocity = diffuse.explicit(velocity, NU, DT)
        velocity = advect.semi_lagrangian(velocity, velocity, DT)
        return fluid.make_incompressible(velocity, obstacle, solve)[0]

    return (phi_math.jit_compile(step) if compiled else step), step(velocity)


@pytest.mark.parametrize("shape", SHAPES, ids=name)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_phiflow(benchmark, shape, compiled):
    benchmark.group = f"forward {name(shape)}"
    step, velocity = phiflow(shape, compiled)
    benchmark.pedantic(step, (velocity,), rounds=10, warmup_rounds=2)


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_phiflow_gradient(benchmark, shape):
    """Eager only: torch 2.13 stops in the compiled gradient of this step (view size is not compatible)."""
    benchmark.group = f"forward and backward {name(shape)}"
    step, velocity = phiflow(shape, False)
    gradient = phi_math.gradient(lambda velocity: phi_math.l2_loss(step(velocity).values), "velocity", get_output=False)
    benchmark.pedantic(gradient, (velocity,), rounds=5, warmup_rounds=1)
