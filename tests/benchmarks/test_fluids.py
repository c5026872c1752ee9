"""One step of a flow: ours against PhiFlow, and against jax-cfd where it is installed. `make benchmarks`.

The first groups hold a step past a cylinder (advection, diffusion, obstacle, projection) against eager and compiled
PhiFlow, whose solver iterates to a relative residual of 1e-3: at 1e-5 in single precision it does not converge on the
larger grids. Ours solves directly, to round-off. The last groups hold a step in a periodic box against jax-cfd, the
fastest peer: `pip install "jax<0.6" jax-cfd`. One thread each; milliseconds a step.
"""

import math
import os

import pytest
import torch
from phi.torch.flow import Box, Obstacle, Solve, Sphere, StaggeredGrid, advect, diffuse, extrapolation, fluid
from phi.torch.flow import math as phi_math

from pbdl_helpers import fluids
from pbdl_helpers.fluids import Flow

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
SHAPES = [(32, 40), (64, 32), (64, 64), (128, 128), (256, 128)]  # cells (y, x)
BOXES = [64, 128, 256]
SIZE, DT, NU = 100.0, 0.5, 0.01
TOLERANCE = 1e-3
torch.set_num_threads(1)


def flow_past_a_cylinder(shape):
    ny, nx = shape
    y, x = torch.meshgrid(torch.arange(ny) + 0.5, torch.arange(nx) + 0.5, indexing="ij")
    cylinder = (x / nx - 0.5) ** 2 + ((y - ny / 2) / nx) ** 2 < 0.1**2
    sides = {"x": "wall", "y": ("inflow", "outflow"), "inflow": (0.0, 1.0)}
    return Flow(shape, SIZE / nx, obstacle=cylinder, **sides)


def name(shape):
    return f"{shape[0]}x{shape[1]}"


def measure(benchmark, step, start, backward):
    """Times the step, or the step and the gradient of the energy after it."""

    def forward():
        with torch.no_grad():
            step(*start)

    def gradient():
        velocity = [field.clone().requires_grad_() for field in start]
        sum(field.square().sum() for field in step(*velocity)).backward()

    run = gradient if backward else forward
    run()  # compiles, where asked
    benchmark(run)


def group(backward, what):
    return f"{'forward and backward' if backward else 'forward'}, {what}"


@pytest.mark.parametrize("batch", [1, 8, 32])
@pytest.mark.parametrize("shape", SHAPES, ids=name)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_ours(benchmark, shape, batch, backward):
    benchmark.group = group(backward, f"cylinder {name(shape)}")
    flow = flow_past_a_cylinder(shape)

    def step(u, v):
        return flow.step((u, v), dt=DT, nu=NU)

    measure(benchmark, step, step(*flow.rest(batch)), backward)


def phiflow(shape, compiled):
    ny, nx = shape
    bounds = Box(x=SIZE, y=SIZE * ny / nx)
    obstacle = Obstacle(Sphere(x=SIZE / 2, y=SIZE * ny / nx / 2, radius=SIZE / 10))
    boundary = extrapolation.combine_sides(x=extrapolation.ZERO, y=extrapolation.BOUNDARY)
    velocity = StaggeredGrid((0, 1), boundary, bounds, x=nx, y=ny)
    solve = Solve("CG", TOLERANCE, 0, rank_deficiency=0)

    def step(velocity):
        velocity = diffuse.explicit(velocity, NU, DT)
        velocity = advect.semi_lagrangian(velocity, velocity, DT)
        return fluid.make_incompressible(velocity, obstacle, solve)[0]

    return (phi_math.jit_compile(step) if compiled else step), step(velocity)


@pytest.mark.parametrize("shape", SHAPES, ids=name)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_phiflow(benchmark, shape, compiled):
    benchmark.group = group(False, f"cylinder {name(shape)}")
    step, velocity = phiflow(shape, compiled)
    benchmark.pedantic(step, (velocity,), rounds=10, warmup_rounds=2)


@pytest.mark.parametrize("shape", SHAPES, ids=name)
def test_phiflow_gradient(benchmark, shape):
    """Eager only: torch 2.13 stops in the compiled gradient of this step (view size is not compatible)."""
    benchmark.group = group(True, f"cylinder {name(shape)}")
    step, velocity = phiflow(shape, False)
    gradient = phi_math.gradient(lambda velocity: phi_math.l2_loss(step(velocity).values), "velocity", get_output=False)
    benchmark.pedantic(gradient, (velocity,), rounds=5, warmup_rounds=1)


def smooth_start(flow):
    """Noise with waves of about half the box and a largest speed of 1, as in jax-cfd's start."""
    n = flow.shape[0]
    k = torch.fft.fftfreq(n, 1 / n)
    noise = torch.fft.fft2(torch.randn(n, n, generator=torch.Generator().manual_seed(0)))
    psi = torch.fft.ifft2(noise * torch.exp(-(((k[:, None] ** 2 + k**2).sqrt() - 2) ** 2))).real
    u, v = psi.roll(-1, 0) - psi, psi - psi.roll(-1, 1)
    u, v = torch.cat([u, u[:, :1]], dim=1)[None], torch.cat([v, v[:1]], dim=0)[None]
    speed = max(u.abs().max(), v.abs().max())
    return u / speed, v / speed


@pytest.mark.parametrize("n", BOXES)
@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
@pytest.mark.parametrize("by", ["kernels", "torch"])
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_ours_in_a_box(benchmark, monkeypatch, n, scheme, by, backward):
    benchmark.group = group(backward, f"periodic {n}x{n}")
    if by == "torch":
        monkeypatch.setattr(fluids, "kernels", None)
    flow = Flow((n, n), 2 * math.pi / n, x="periodic", y="periodic")

    def step(u, v):
        return flow.step((u, v), dt=0.1 * flow.dx, nu=1e-3, scheme=scheme)

    measure(benchmark, step, smooth_start(flow), backward)


@pytest.mark.parametrize("n", BOXES)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_jax_cfd_in_a_box(benchmark, n, backward):
    """Its default: Van Leer's limited advection of second order, explicit in time, projection by fast transforms."""
    jax = pytest.importorskip("jax")
    cfd = pytest.importorskip("jax_cfd.base")
    benchmark.group = group(backward, f"periodic {n}x{n}")
    grid = cfd.grids.Grid((n, n), domain=((0, 2 * math.pi), (0, 2 * math.pi)))
    velocity = cfd.initial_conditions.filtered_velocity_field(jax.random.PRNGKey(0), grid, 1.0, 2)
    step = cfd.equations.semi_implicit_navier_stokes(density=1.0, viscosity=1e-3, dt=0.1 * 2 * math.pi / n, grid=grid)
    run = jax.jit(jax.grad(lambda v: sum((x.data**2).sum() for x in step(v))) if backward else step)
    jax.block_until_ready(run(velocity))
    benchmark(lambda: jax.block_until_ready(run(velocity)))
