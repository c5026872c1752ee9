import math
import shutil
import sys
from functools import partial

import numpy as np
import pytest
import torch
from phi.torch.flow import PERIODIC, Box, Obstacle, Solve, StaggeredGrid, advect, diffuse, extrapolation, fluid
from phi.torch.flow import math as phi_math

from pbdl_helpers import fluids
from pbdl_helpers.fluids import Flow

F64 = {"dtype": torch.float64}
DOMAINS = {
    "periodic": {"x": "periodic", "y": "periodic"},
    "closed": {"x": "wall", "y": "slip"},
    "channel": {"x": "wall", "y": ("inflow", "outflow"), "inflow": (0.1, 1.0)},
    "crossflow": {"x": ("inflow", "outflow"), "y": "periodic", "inflow": (1.0, -0.2)},
    "open": {"x": "outflow", "y": ("inflow", "outflow"), "inflow": (0.0, 1.0)},
}


def disc(shape, radius=0.15):
    ny, nx = shape
    y, x = torch.meshgrid((torch.arange(ny) + 0.5) / ny, (torch.arange(nx) + 0.5) / nx, indexing="ij")
    return (x - 0.5) ** 2 + (y - 0.4) ** 2 < radius**2


def solid_at(rows, columns):
    solid = torch.zeros(4, 4, dtype=torch.bool)
    solid[rows, columns] = True
    return solid


CHANNEL = {"y": ("inflow", "outflow"), "inflow": (0.0, 1.0)}


def random_velocity(flow, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ny, nx = flow.shape
    u = torch.randn(batch, ny, nx + 1, generator=generator, **F64)
    v = torch.randn(batch, ny + 1, nx, generator=generator, **F64)
    return u, v


def taylor_green(flow, t, nu, advection=0.0):
    """Exact solution on [0, 2 pi]², moved along by a uniform velocity."""
    nx = flow.shape[1]
    decay = math.exp(-2 * nu * t)
    face, centre = torch.arange(nx + 1, **F64) * flow.dx, (torch.arange(nx, **F64) + 0.5) * flow.dx
    shift = advection * t
    u = torch.sin(face - shift) * torch.cos(centre - shift)[:, None] * decay + advection
    v = -torch.cos(centre - shift) * torch.sin(face - shift)[:, None] * decay + advection
    return u[None], v[None]


@pytest.mark.parametrize("solid", [False, True], ids=["free", "obstacle"])
@pytest.mark.parametrize("name", DOMAINS)
def test_projection_removes_the_divergence_and_keeps_the_boundary(name, solid):
    shape = (20, 24)
    flow = Flow(shape, 0.1, obstacle=disc(shape) if solid else None, **DOMAINS[name], **F64)
    velocity = flow.project(random_velocity(flow))
    assert flow.divergence(velocity).abs().max() < 1e-11
    for field, fixed in zip(velocity, flow.enforce(velocity), strict=True):
        assert torch.equal(field, fixed)
    again = flow.project(velocity)
    assert max((a - b).abs().max() for a, b in zip(velocity, again, strict=True)) < 1e-11


@pytest.mark.parametrize("name", ["periodic", "closed"])
def test_projection_is_orthogonal(name):
    """What it removes is orthogonal to what it leaves, and to every other field without divergence."""
    shape = (16, 16)
    flow = Flow(shape, 0.1, obstacle=disc(shape), **DOMAINS[name], **F64)
    first, second = flow.enforce(random_velocity(flow)), flow.project(random_velocity(flow, seed=1))
    projected = flow.project(first)
    product = 0.0
    for (a, b, c), axis in zip(zip(first, projected, second, strict=True), (-1, -2), strict=True):
        term = (a - b) * c
        if name == "periodic":  # the doubled face counts once
            term = term.narrow(axis, 0, term.shape[axis] - 1)
        product += term.sum().item()
    assert abs(product) < 1e-10


def staggered(u, v, boundary, bounds):
    """PhiFlow's grid with these components, given with shapes (y, x)."""
    components = [phi_math.tensor(field.numpy().T, phi_math.spatial("x,y")) for field in (u, v)]
    return StaggeredGrid(phi_math.stack(components, phi_math.dual(vector="x,y")), boundary, bounds)


@pytest.mark.parametrize("n", [64, 128])
def test_agrees_with_phiflow_on_a_periodic_domain(n):
    flow = Flow((n, n), 2 * math.pi / n, x="periodic", y="periodic", **F64)
    u, v = (sum(parts) for parts in zip(taylor_green(flow, 0, 0), taylor_green(flow, 1.3, 0.1, 0.7), strict=True))
    dt, nu = 0.4 * flow.dx, 0.02
    ours = flow.step((u, v), dt=dt, nu=nu)
    with phi_math.precision(64):
        bounds = Box(x=2 * math.pi, y=2 * math.pi)
        velocity = staggered(u[0, :, :-1], v[0, :-1], PERIODIC, bounds)
        velocity = advect.semi_lagrangian(velocity, velocity, dt)
        velocity = diffuse.explicit(velocity, nu, dt)
        velocity, _ = fluid.make_incompressible(velocity, (), Solve("CG", 1e-12, 1e-12, rank_deficiency=0))
        theirs = [velocity.vector[name].values.numpy("y,x") for name in "xy"]
    scale = u.abs().max()
    assert abs(ours[0][0, :, :-1].numpy() - theirs[0]).max() / scale < 1e-9
    assert abs(ours[1][0, :-1].numpy() - theirs[1]).max() / scale < 1e-9


def test_obstacle_agrees_with_phiflow():
    n = 32
    solid = torch.zeros(n, n, dtype=torch.bool)
    solid[8:16, 12:20] = True
    flow = Flow((n, n), 1.0, x="wall", y="wall", obstacle=solid, **F64)
    u, v = flow.enforce(random_velocity(flow, batch=1))
    ours = flow.project((u, v))
    with phi_math.precision(64):
        velocity = staggered(u[0, :, 1:-1], v[0, 1:-1], extrapolation.ZERO, Box(x=n, y=n))
        # PhiFlow damps velocities near a surface by a soft mask, which a body a little smaller than its cells avoids
        obstacle = Obstacle(Box(x=(12.3, 19.7), y=(8.3, 15.7)))
        velocity, _ = fluid.make_incompressible(velocity, obstacle, Solve("CG", 1e-12, 1e-12, rank_deficiency=0))
        theirs = [velocity.vector[name].values.numpy("y,x") for name in "xy"]
    assert abs(ours[0][0, :, 1:-1].numpy() - theirs[0]).max() < 1e-8
    assert abs(ours[1][0, 1:-1].numpy() - theirs[1]).max() < 1e-8


def error_of(n, scheme, courant=0.5, nu=0.01, t=1.0):
    flow = Flow((n, n), 2 * math.pi / n, x="periodic", y="periodic", **F64)
    steps = math.ceil(t * 2 / (courant * flow.dx))
    velocity = taylor_green(flow, 0, nu, 1.0)
    for _ in range(steps):
        velocity = flow.step(velocity, dt=t / steps, nu=nu, scheme=scheme)
    exact = taylor_green(flow, t, nu, 1.0)
    return max((a - b).abs().max().item() for a, b in zip(velocity, exact, strict=True))


@pytest.mark.parametrize(("scheme", "order"), [("semi_lagrangian", 0.85), ("mac_cormack", 1.0)])
def test_order_of_convergence_on_taylor_green(scheme, order):
    """Grid and time step are refined together; splitting and the Euler step in time limit MacCormack to first order."""
    coarse, fine = error_of(32, scheme), error_of(64, scheme)
    assert math.log2(coarse / fine) > order


def test_mac_cormack_is_more_accurate():
    assert error_of(64, "mac_cormack") < error_of(64, "semi_lagrangian") / 3


def test_order_in_space_of_diffusion():
    """A small time step leaves the error of second differences: second order."""
    errors = []
    for n in (16, 32):
        flow = Flow((n, n), 2 * math.pi / n, x="periodic", y="periodic", **F64)
        u, _ = taylor_green(flow, 0, 1.0)
        errors.append(((flow.diffuse(u, "u", dt=1e-6, nu=1.0) - u) / 1e-6 + 2 * u).abs().max().item())
    assert 1.9 < math.log2(errors[0] / errors[1]) < 2.1


def test_poiseuille_is_steady_between_walls():
    """Pressure-driven flow between walls keeps its parabola: a force balances friction, also in the wall cells."""
    nx, nu = 16, 0.1
    flow = Flow((8, nx), 1 / nx, x="wall", y="periodic", **F64)
    x = (torch.arange(nx, **F64) + 0.5) / nx
    v = (x * (1 - x) / 2 + 1 / (8 * nx**2)).expand(1, 9, nx).clone()  # discrete solution of v'' = -1, zero on the walls
    u = torch.zeros(1, 8, nx + 1, **F64)
    moved = flow.step((u, v), dt=1e-3, nu=nu, force=(0 * u, torch.full_like(v, nu)))
    assert (moved[1] - v).abs().max() < 1e-12
    assert moved[0].abs().max() < 1e-12


def slabs(n, thick, axis):
    """A channel of n cells and width 1 between two plates, along y (axis 1) or x (axis 0); periodic otherwise."""
    shape = [4, 4]
    shape[axis] = n + 2 * thick
    solid = torch.ones(shape, dtype=torch.bool)
    solid.narrow(axis, thick, n).fill_(False)
    return Flow(shape, 1 / n, x="periodic", y="periodic", obstacle=solid, **F64)


def along(flow, axis, values):
    """The pair with these values across the channel in the component along it."""
    u, v = flow.rest()
    return (u, v + values) if axis == 1 else (u + values[:, None], v)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("thick", [1, 2])
def test_no_slip_on_an_obstacle_is_of_second_order(axis, thick):
    """The discrete parabola is steady between plates, and its flow rate converges at second order to 1 / 12.

    Plates of one cell meet across the periodic seam, so that a pair is two cells thick.
    """
    nu, rates = 0.1, []
    for n in (8, 16):
        flow = slabs(n, thick, axis)
        x = (torch.arange(n + 2 * thick, **F64) - thick + 0.5) / n
        parabola = torch.where((x > 0) & (x < 1), x * (1 - x) / 2 + 1 / (8 * n**2), 0.0)
        velocity = flow.enforce(along(flow, axis, parabola))
        force = flow.enforce(along(flow, axis, torch.full_like(x, nu)))
        moved = flow.step(velocity, dt=0.1 / n**2 / nu, nu=nu, force=force)
        assert max((a - b).abs().max() for a, b in zip(moved, velocity, strict=True)) < 1e-12
        rates.append(velocity[axis].select(1 - axis + 1, 1).sum() / n)
    errors = [abs(rate - 1 / 12) for rate in rates]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-6)


def test_a_thin_plate_and_corners():
    """Inside: minus the mean of both sides of a plate, or one side of a thick one; zero on the surface."""
    solid = torch.zeros(6, 6, dtype=torch.bool)
    solid[2, 1:5] = True
    flow = Flow((6, 6), 1.0, obstacle=solid, **F64)
    u, _ = flow.enforce((torch.arange(6.0, **F64)[:, None].expand(1, 6, 7), torch.zeros(1, 7, 6, **F64)))
    padded = flow._pad(u, "u")[:, 1:-1, 1:-1]
    assert padded[0, 2, 2:5].tolist() == [-2.0, -2.0, -2.0]  # minus the mean of 1 and 3
    assert padded[0, 2, [1, 5]].tolist() == [0.0, 0.0]
    solid[3, 1:5] = True
    flow = Flow((6, 6), 1.0, obstacle=solid, **F64)
    padded = flow._pad(*[flow.enforce((u, torch.zeros(1, 7, 6, **F64)))[0]], "u")[:, 1:-1, 1:-1]
    assert padded[0, 2, 2:5].tolist() == [-1.0, -1.0, -1.0]
    assert padded[0, 3, 2:5].tolist() == [-4.0, -4.0, -4.0]


def test_doubled_faces_become_one():
    flow = Flow((4, 4), 1.0, x="periodic", y="periodic", **F64)
    raw = random_velocity(flow)
    u, v = flow.enforce(raw)
    torch.testing.assert_close(u[..., 0], (raw[0][..., 0] + raw[0][..., -1]) / 2)
    assert torch.equal(u[..., 0], u[..., -1])
    assert torch.equal(v[:, 0], v[:, -1])


def test_what_flows_in_along_the_boundary_makes_no_new_extrema():
    """For Courant numbers above 1/2 an odd ghost makes the sign of every other row change."""
    flow = Flow((16, 8), 1.0, x="periodic", y=("inflow", "outflow"), inflow=(0.0, 1.0), **F64)
    u, v = flow.rest()
    u, v = u + 1, torch.ones_like(v)
    for _ in range(6):
        u = flow.semi_lagrangian(u, "u", (u, v), dt=0.8)
        assert u.min() >= 0
        assert u.max() <= 1
    assert u[0, 0].max() < 1e-3


def test_value_of_a_scalar_that_flows_in():
    flow = Flow((20, 8), 0.5, x="slip", y=("inflow", "outflow"), inflow=(0.0, 1.0), **F64)
    u, v = flow.rest()
    velocity = (u, torch.ones_like(v))
    for scheme in (flow.semi_lagrangian, flow.mac_cormack):
        clean = smoke = torch.ones(1, 20, 8, **F64)
        for _ in range(10):  # one cell a step
            clean = scheme(clean, "centre", velocity, dt=0.5)
            smoke = scheme(smoke, "centre", velocity, dt=0.5, inflow=1.0)
        assert clean[:, :10].abs().max() < 1e-12
        assert (clean[:, 10:] - 1).abs().max() < 1e-12
        assert (smoke - 1).abs().max() < 1e-12


def test_diffusivity_zero_and_its_forms():
    flow = Flow((6, 6), 0.1, obstacle=disc((6, 6)), **F64)
    velocity = flow.project(random_velocity(flow))
    for one, other in ((0, torch.zeros(2)), (0.01, torch.tensor(0.01, **F64)), (0.01, torch.full((2,), 0.01, **F64))):
        for a, b in zip(flow.step(velocity, dt=0.1, nu=one), flow.step(velocity, dt=0.1, nu=other), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.skipif(" " in sys.prefix, reason="torch.compile does not quote paths")
def test_a_compiled_step_is_the_same():
    shape = (12, 8)
    flow = Flow(shape, 0.1, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape), **F64)
    velocity = random_velocity(flow)

    def step(u, v):
        return flow.step((u, v), dt=0.02, nu=0.01, scheme="mac_cormack")

    with torch.no_grad():
        for a, b in zip(torch.compile(step)(*velocity), step(*velocity), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_uniform_flow_stays():
    flow = Flow((16, 12), 0.1, x="slip", y=("inflow", "outflow"), inflow=(0.0, 1.0), **F64)
    u, v = flow.rest()
    velocity = (u, torch.ones_like(v))
    for _ in range(5):
        velocity = flow.step(velocity, dt=0.07, nu=0.01)
    assert velocity[0].abs().max() < 1e-12
    assert (velocity[1] - 1).abs().max() < 1e-12


def test_outflow_equals_inflow_past_an_obstacle():
    shape = (32, 16)
    flow = Flow(shape, 1 / 16, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape), **F64)
    velocity = flow.rest(2)
    for _ in range(3):
        velocity = flow.step(velocity, dt=0.03, nu=1e-3, scheme="mac_cormack")
    flux = velocity[1].sum(-1)
    torch.testing.assert_close(flux, torch.full_like(flux, 16.0))


@pytest.mark.parametrize("kind", ["centre", "u", "v"])
def test_whole_cell_shift_is_exact(kind):
    flow = Flow((8, 10), 0.5, x="periodic", y="periodic", **F64)
    u, v = flow.rest()
    velocity = (u + 0.5, v - 1.0)
    field = torch.rand(1, 8, 10, **F64)
    if kind != "centre":  # append the doubled face
        axis = -1 if kind == "u" else -2
        field = torch.cat([field, field.select(axis, 0).unsqueeze(axis)], axis)
    moved = flow.semi_lagrangian(field, kind, velocity, dt=1.0)
    inner = field[..., :8, :10]
    torch.testing.assert_close(moved[..., :8, :10], inner.roll((-2, 1), (-2, -1)))


def test_mac_cormack_makes_no_new_extrema():
    flow = Flow((32, 32), 1 / 32, **F64)
    velocity = flow.project(random_velocity(flow, 1))
    smoke = (torch.rand(1, 32, 32, **F64) > 0.7).double()
    for _ in range(5):
        smoke = flow.mac_cormack(smoke, "centre", velocity, dt=0.01)
    assert smoke.min() >= 0
    assert smoke.max() <= 1


@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
def test_gradient_of_a_step(scheme):
    shape = (6, 5)
    flow = Flow(shape, 0.2, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape, 0.2), **F64)
    u, v = random_velocity(flow, 1)
    inputs = [(0.5 * u).requires_grad_(), (0.5 * v + 1).requires_grad_(), torch.tensor([0.01], **F64).requires_grad_()]
    assert torch.autograd.gradcheck(lambda u, v, nu: flow.step((u, v), dt=0.05, nu=nu, scheme=scheme), inputs, eps=1e-7)


def gradients_of(function, inputs):
    inputs = [x.clone().requires_grad_() for x in inputs]
    outputs = function(*inputs)
    generator = torch.Generator().manual_seed(9)
    seeds = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in outputs]
    return [*outputs, *torch.autograd.grad(outputs, inputs, seeds)]


def assert_the_same(function, inputs, monkeypatch):
    """With the kernels and without: values and gradients."""
    compiled = gradients_of(function, inputs)
    monkeypatch.setattr(fluids, "kernels", None)
    for a, b in zip(compiled, gradients_of(function, inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("solid", [False, True], ids=["free", "obstacle"])
@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
@pytest.mark.parametrize("name", DOMAINS)
def test_the_kernels_do_what_torch_does(name, scheme, solid, monkeypatch):
    shape = (12, 15)
    flow = Flow(shape, 0.1, obstacle=disc(shape) if solid else None, **DOMAINS[name], **F64)
    nu = torch.tensor([0.0, 0.01], **F64)

    def step(u, v, nu):
        return flow.step((u, v), dt=0.15, nu=nu, scheme=scheme)

    assert_the_same(step, [*random_velocity(flow), nu], monkeypatch)


@pytest.mark.parametrize("kind", ["u", "v", "centre"])
@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
@pytest.mark.parametrize("name", DOMAINS)
def test_the_kernels_carry_what_torch_carries(name, scheme, kind, monkeypatch):
    shape = (12, 15)
    flow = Flow(shape, 0.1, obstacle=disc(shape), **DOMAINS[name], **F64)
    u, v = random_velocity(flow)
    field = {"u": u.flip(0), "v": v.flip(0), "centre": torch.cos(u[..., 1:])}[kind]
    # a constant part has ties between the four values, whose gradient is shared
    field = field.clamp(min=0.0)

    def carry(field, u, v):
        return (getattr(flow, scheme)(field, kind, (u, v), dt=0.15, inflow=0.5),)

    assert_the_same(carry, [field, u, v], monkeypatch)


def test_gradients_that_are_to_be_differentiated_are_the_same():
    """Also where one input of an operation is made from another: a velocity that moves itself, smoke that drives."""
    shape = (6, 5)
    flow = Flow(shape, 0.2, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape, 0.2), **F64)
    u, v = random_velocity(flow, 1)
    x = (0.5 * u).requires_grad_()

    def energy(x):
        w = (x, 0.1 * v + torch.nn.functional.pad(x[..., 1:], (0, 0, 0, 1)).sin())
        smoke = flow.mac_cormack(w[0][..., 1:].square(), "centre", w, dt=0.05)
        moved = flow.advect(w, dt=0.05, scheme="mac_cormack")
        stepped = flow.project(flow.step(moved, dt=0.05, nu=0.01 * x.square().mean().reshape(1)))
        return sum(part.square().sum() for part in (smoke, *moved, *stepped))

    (once,) = torch.autograd.grad(energy(x), x)
    (again,) = torch.autograd.grad(energy(x), x, create_graph=True)
    torch.testing.assert_close(again, once, rtol=1e-11, atol=1e-11)
    direction, h = torch.ones_like(x), 1e-6
    (along,) = torch.autograd.grad((again * direction).sum(), x)
    there, back = (torch.autograd.grad(energy(x + s * h * direction), x)[0] for s in (1, -1))
    torch.testing.assert_close((there - back) / (2 * h), along, rtol=1e-5, atol=1e-5)


def test_gradient_with_respect_to_the_time_step():
    flow = Flow((6, 5), 0.2, **F64)
    velocity = random_velocity(flow, 1)

    def after(dt):
        smoke = flow.mac_cormack(velocity[0][..., 1:], "centre", velocity, dt=dt)
        return sum(part.square().sum() for part in (smoke, *flow.step(velocity, dt=dt, nu=0.01)))

    dt = torch.tensor(0.03, **F64, requires_grad=True)
    (slope,) = torch.autograd.grad(after(dt), dt)
    assert slope.item() == pytest.approx((after(0.03 + 1e-7) - after(0.03 - 1e-7)).item() / 2e-7, rel=1e-5)


def test_functional_transforms_on_a_grid_with_fast_transforms():
    flow = Flow((48, 48), 0.1, **F64)
    assert flow._spectrum is not None
    velocity = random_velocity(flow)

    def energy(nu):
        return sum(part.square().sum() for part in flow.step(velocity, dt=0.01, nu=nu.expand(2)))

    nu = torch.tensor(0.01, **F64, requires_grad=True)
    (slope,) = torch.autograd.grad(energy(nu), nu)
    many = torch.func.vmap(lambda u, v: flow.project((u, v)))(*(field.expand(3, *field.shape) for field in velocity))
    torch.testing.assert_close(many[0][1], flow.project(velocity)[0])
    with torch.no_grad():
        difference = (energy(nu + 1e-6) - energy(nu - 1e-6)) / 2e-6
    assert slope.item() == pytest.approx(difference.item(), rel=1e-5)


def test_the_mask_is_the_flows_own():
    solid = disc((12, 12))
    flow = Flow((12, 12), 0.1, obstacle=solid, **F64)
    solid.zero_()
    assert flow.obstacle.any()


def test_second_derivatives_and_vmap():
    shape = (5, 4)
    flow = Flow(shape, 0.2, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape, 0.2), **F64)
    u, v = random_velocity(flow, 1)
    inputs = [(0.5 * u).requires_grad_(), (0.5 * v + 1).requires_grad_(), torch.tensor([0.01], **F64).requires_grad_()]

    def step(u, v, nu):
        smoke = flow.semi_lagrangian(u[..., 1:], "centre", (u, v), dt=0.05)
        return *flow.step((u, v), dt=0.05, nu=nu), smoke

    assert torch.autograd.gradgradcheck(step, inputs, eps=1e-7)
    many = [x.detach().expand(3, *x.shape) for x in inputs[:2]]
    together = torch.func.vmap(partial(step, nu=0.01))(*many)
    for a, b in zip(together, step(*inputs), strict=True):
        torch.testing.assert_close(a[2], b)


@pytest.mark.parametrize("sides", [("wall", "slip"), ("outflow", "outflow"), ("periodic", "periodic")])
@pytest.mark.parametrize("others", ["wall", "outflow", "periodic"])
def test_fast_transforms_solve_the_same_equation(sides, others):
    """On this grid they are used; against the matrix of second differences, and the gradient."""
    ny, nx = 48, 50
    flow = Flow((ny, nx), 1.0, x=sides, y=others, **F64)
    assert flow._spectrum is not None
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(2, ny, nx, generator=generator, **F64)
    wanted -= wanted.mean(dim=(1, 2), keepdim=True)
    laplace = torch.kron(torch.eye(ny, **F64), fluids.second_difference(nx, flow.sides["x"])) + torch.kron(
        fluids.second_difference(ny, flow.sides["y"]), torch.eye(nx, **F64)
    )
    rhs = (wanted.flatten(1) @ laplace).view_as(wanted).requires_grad_()
    found = flow.solve_pressure(rhs)
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-8, atol=1e-8)
    (gradient,) = torch.autograd.grad((found * wanted).sum(), rhs)  # symmetric: the solution for the weights
    torch.testing.assert_close(gradient, flow.solve_pressure(wanted), rtol=1e-8, atol=1e-8)


def test_smoke_beside_an_obstacle_stays_one():
    """What is one everywhere in the fluid and zero in the obstacle stays so, with either scheme and at large steps."""
    shape = (24, 16)
    solid = torch.zeros(shape, dtype=torch.bool)
    solid[6:12, 5:10] = True
    solid[16, 12:] = True
    flow = Flow(shape, 1.0, x="slip", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=solid, **F64)
    velocity = flow.project(tuple(f + 1 for f in random_velocity(flow, 1)))
    for scheme in (flow.semi_lagrangian, flow.mac_cormack):
        smoke = (~solid).double()[None]
        for _ in range(20):
            smoke = scheme(smoke, "centre", velocity, dt=1.7, inflow=1.0)
            smoke = flow.diffuse(smoke, "centre", dt=1.0, nu=0.2, inflow=1.0)
        torch.testing.assert_close(smoke[0], (~solid).double())


@pytest.mark.parametrize("axis", [0, 1])
def test_smoke_between_plates_is_smoke_between_walls(axis):
    """Two plates make the channel that two slipping walls make: advection and diffusion agree to round-off."""
    n, thick = 12, 3
    solid = torch.ones((n + 2 * thick, 10) if axis == 0 else (10, n + 2 * thick), dtype=torch.bool)
    solid.narrow(axis, thick, n).fill_(False)
    across, along = ("y", "x") if axis == 0 else ("x", "y")
    between = Flow(solid.shape, 1.0, x="periodic", y="periodic", obstacle=solid, **F64)
    walls = Flow((n, 10) if axis == 0 else (10, n), 1.0, **{across: "slip", along: "periodic"}, **F64)
    velocity = walls.project(random_velocity(walls))
    wide = list(between.rest(2))
    for i, field in enumerate(velocity):
        extra = field.shape[1 + axis]
        wide[i].narrow(1 + axis, thick, extra).copy_(field)
    smoke = torch.rand(2, *walls.shape, generator=torch.Generator().manual_seed(1), **F64)
    plates = torch.zeros(2, *solid.shape, **F64)
    plates.narrow(1 + axis, thick, n).copy_(smoke)
    for scheme in ("semi_lagrangian", "mac_cormack"):
        for _ in range(3):
            smoke, plates = (
                flow.diffuse(getattr(flow, scheme)(s, "centre", w, dt=0.8), "centre", dt=1.0, nu=0.2)
                for flow, s, w in ((walls, smoke, velocity), (between, plates, wide))
            )
        torch.testing.assert_close(plates.narrow(1 + axis, thick, n), smoke)
        assert plates.narrow(1 + axis, 0, thick).abs().max() == 0


def test_diffusion_does_not_pass_a_wall():
    solid = torch.zeros(16, 16, dtype=torch.bool)
    solid[8] = True
    flow = Flow((16, 16), 1.0, obstacle=solid, **F64)
    smoke = torch.zeros(1, 16, 16, **F64)
    smoke[:, :8] = torch.rand(8, 16, generator=torch.Generator().manual_seed(0), **F64)
    before = smoke.sum().item()
    for _ in range(200):
        smoke = flow.diffuse(smoke, "centre", dt=1.0, nu=0.25)
    assert smoke[:, 8:].abs().max() == 0
    assert smoke.sum().item() == pytest.approx(before, rel=1e-12)
    assert smoke[:, :8].std() < 0.02 * before / 128


def test_diffusion_beside_a_staircase_converges():
    """A channel at 45 degrees: the slowest mode across it decays at its rate, with an error of first order at least."""
    errors = []
    for n in (16, 32, 64):
        flow, across = slanted_channel(n)
        smoke = torch.cos(math.pi * across)[None]
        nu, steps = 0.1, 4 * (n // 8) ** 2
        dt = 0.1 / steps
        fluid = ~flow.obstacle
        before = (smoke[0] * torch.cos(math.pi * across))[fluid].mean()
        for _ in range(steps):
            smoke = flow.diffuse(smoke, "centre", dt=dt, nu=nu)
        after = (smoke[0] * torch.cos(math.pi * across))[fluid].mean()
        errors.append(abs((after / before).log().item() / (0.1 * nu) + math.pi**2))
    assert errors[0] > 1.8 * errors[1] > 1.8**2 * errors[2]
    assert errors[2] < 0.03 * math.pi**2


def slanted_channel(n):
    """A periodic box with a channel of width 1 and at 45 degrees, and the distance from its lower wall, (y, x)."""
    size = 2.0 * math.sqrt(2)  # two channel widths along either axis
    h = size / (2 * n)
    middle = (torch.arange(2 * n, **F64) + 0.5) * h
    across = (middle[:, None] - middle) / math.sqrt(2)
    across = torch.remainder(across + 0.5, 2.0) - 0.5
    return Flow((2 * n, 2 * n), h, x="periodic", y="periodic", obstacle=(across < 0) | (across > 1), **F64), across


def turned(flow, angle):
    """A blob that has turned about the middle of the box by this angle."""
    y, x = torch.meshgrid(*[(torch.arange(n, **F64) + 0.5) * flow.dx - 1 for n in flow.shape], indexing="ij")
    cx, cy = 0.4 * math.cos(angle), 0.4 * math.sin(angle)
    return torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.08)[None]


def rotation(flow):
    """Solid rotation about the middle of the box [-1, 1]², one turn in 2 pi."""
    face, centre = (
        torch.arange(flow.shape[0] + 1, **F64) * flow.dx - 1,
        (torch.arange(flow.shape[0], **F64) + 0.5) * flow.dx - 1,
    )
    return -centre[:, None].expand(1, -1, len(face)), centre.expand(1, len(face), -1)


@pytest.mark.parametrize(("traces", "order"), [(1, 1), (2, 2), (3, 2)])
def test_order_of_the_trace_in_time(traces, order):
    """One look-up of a smooth field on a fine grid: the error of the place is of order two, or three, in the step."""
    flow = Flow((256, 256), 2 / 256, x="outflow", y="outflow", **F64)
    smoke = turned(flow, 0.0)
    errors = []
    for dt in (0.8, 0.4):
        moved = flow.mac_cormack(smoke, "centre", rotation(flow), dt=dt, traces=traces)
        errors.append((moved - turned(flow, dt)).abs().max().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.35)


def test_the_midpoint_rule_keeps_areas():
    """A straight trace of solid rotation comes from an area 1 + dt² times as large: so much of the smoke is lost."""
    flow = Flow((128, 128), 2 / 128, x="outflow", y="outflow", **F64)
    smoke, dt = turned(flow, 0.0), 0.5
    sums = [flow.semi_lagrangian(smoke, "centre", rotation(flow), dt=dt, traces=t).sum() / smoke.sum() for t in (1, 12)]
    assert sums[0].item() == pytest.approx(1 / (1 + dt**2), rel=0.01)
    assert sums[1].item() == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
@pytest.mark.parametrize("name", ["periodic", "channel"])
def test_gradient_of_a_step_with_traces(name, scheme):
    shape = (6, 5)
    flow = Flow(shape, 0.2, obstacle=disc(shape, 0.2), **DOMAINS[name], **F64)
    u, v = random_velocity(flow, 1)
    inputs = [(0.3 * u).requires_grad_(), (0.3 * v + 1).requires_grad_()]
    step = partial(flow.step, dt=0.05, nu=0.01, scheme=scheme, traces=3)
    assert torch.autograd.gradcheck(lambda u, v: step((u, v)), inputs, eps=1e-7)


@pytest.mark.parametrize("name", ["periodic", "channel"])
def test_traces_in_a_uniform_flow_change_nothing(name):
    flow = Flow((12, 10), 0.2, **DOMAINS[name], **F64)
    u, v = flow.rest()
    velocity = (torch.full_like(u, 0.1), torch.full_like(v, 1.0))
    field = random_velocity(flow, 1)
    for kind, what in (("u", field[0]), ("v", field[1]), ("centre", field[0][..., 1:])):
        one, three = (flow.semi_lagrangian(what, kind, velocity, dt=0.31, traces=t) for t in (1, 3))
        inner = (slice(None), slice(3, -3), slice(3, -3))
        torch.testing.assert_close(one[inner], three[inner])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda flow, u, v, s: flow.semi_lagrangian(u, "centre", (u, v), dt=0.1), r'"centre" has shape \(2, 4, 6\)'),
        (lambda flow, u, v, s: flow.mac_cormack(u, "v", (u, v), dt=0.1), r'"v" has shape \(2, 5, 6\)'),
        (lambda flow, u, v, s: flow.mac_cormack(s[:1], "centre", (u, v), dt=0.1), r"\(2, 4, 6\); got \(1, 4, 6\)"),
        (lambda flow, u, v, s: flow.diffuse(u, "v", dt=0.1, nu=0.1), r'"v" has shape \(batch, 5, 6\)'),
        (lambda flow, u, v, s: flow.diffuse(u, "u", dt=0.1, nu=[0.1, 0.1]), "number or a tensor"),
        (lambda flow, u, v, s: flow.step((u, v), dt=0.1, nu=np.array([0.1, 0.1])), "number or a tensor"),
        (lambda flow, u, v, s: flow.step((u, v[:1]), dt=0.1), "pair of shapes"),
        (lambda flow, u, v, s: flow.step((u, v, s), dt=0.1), "pair of shapes"),
        (lambda flow, u, v, s: flow.step((u[:0], v[:0]), dt=0.1), "pair of shapes"),
        (lambda flow, u, v, s: flow.step((u.float(), v.float()), dt=0.1), "float32 on cpu, the flow torch.float64"),
        (lambda flow, u, v, s: flow.step((u, v), dt=0.1, force=(u, u)), "pair of shapes"),
        (lambda flow, u, v, s: flow.step((u, v), dt=0.1, traces=0), "at least once"),
        (lambda flow, u, v, s: flow.divergence((u[:, 1:], v[:, 1:])), "pair of shapes"),
        (lambda flow, u, v, s: flow.vorticity((v, u)), "pair of shapes"),
        (lambda flow, u, v, s: flow.to_centres((s, s)), "pair of shapes"),
        (lambda flow, u, v, s: flow.to_faces(s[:, None].expand(-1, 3, -1, -1)), r"\(batch, 2, y, x\)"),
        (lambda flow, u, v, s: flow.solve_pressure(u), r'"centre" has shape \(batch, 4, 6\)'),
    ],
)
def test_fields_that_do_not_fit_are_named(call, message):
    flow = Flow((4, 6), 1.0, **F64)
    u, v = random_velocity(flow)
    with pytest.raises(ValueError, match=message):
        call(flow, u, v, u[..., 1:])


def test_batch_equals_single_runs():
    shape = (16, 16)
    flow = Flow(shape, 0.1, obstacle=disc(shape), **F64)
    velocity = random_velocity(flow, 4)
    nu = torch.tensor([0.0, 0.01, 0.02, 0.03], **F64)
    together = flow.step(velocity, dt=0.02, nu=nu)
    for i in range(4):
        alone = flow.step([field[i : i + 1] for field in velocity], dt=0.02, nu=nu[i])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i : i + 1], b)


def test_single_precision_divergence_is_round_off():
    shape = (64, 64)
    flow = Flow(shape, 1 / 64, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0), obstacle=disc(shape))
    velocity = flow.enforce([field.float() for field in random_velocity(flow)])
    before, after = (flow.divergence(field).abs().max() for field in (velocity, flow.project(velocity)))
    assert after < 2e-5 * before


@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
@pytest.mark.parametrize("speed", [math.nan, math.inf])
def test_a_flow_without_numbers_gives_none_and_does_not_end_the_process(scheme, speed):
    """Torch's interpolation reads beyond its array at an index that is NaN, a crash in the gradient above all."""
    flow = Flow((64, 64), 1.0, x="slip", y="slip")
    velocity = tuple(torch.full_like(field, speed).requires_grad_() for field in flow.rest(2))
    moved = getattr(flow, scheme)(torch.rand(2, 64, 64, requires_grad=True), "centre", velocity, dt=1.0)
    moved.sum().backward()
    assert moved.isnan().all()


def test_faces_and_centres_are_inverse_on_linear_fields():
    flow = Flow((8, 8), 1.0, **F64)
    linear = torch.arange(8, **F64).expand(1, 2, 8, 8)
    back = flow.to_centres(flow.to_faces(linear))
    torch.testing.assert_close(back[:, 0, :, 1:-1], linear[:, 0, :, 1:-1])


def test_vorticity_of_solid_rotation():
    flow = Flow((8, 8), 0.5, **F64)
    position = (torch.arange(8, **F64) + 0.5) * 0.5
    velocity = (-position[:, None].expand(1, 8, 9), position.expand(1, 9, 8))
    torch.testing.assert_close(flow.vorticity(velocity), torch.full((1, 7, 7), 2.0, **F64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "solid"}, "one or two of periodic"),
        ({"x": ("periodic", "wall")}, "or none"),
        ({"y": ("inflow", "wall")}, "must flow out"),
        ({"obstacle": torch.zeros(3, 3, dtype=torch.bool)}, r"shape \(4, 4\)"),
        ({"obstacle": torch.zeros(4, 4)}, "boolean"),
        ({"x": None}, "one or two of periodic"),
        ({"inflow": (0.0, 1.0)}, "no side to enter by"),
        ({**CHANNEL, "inflow": (0.0, math.nan)}, "two finite numbers"),
        ({**CHANNEL, "inflow": (0.0, 1.0, 0.0)}, "two finite numbers"),
        ({**CHANNEL, "inflow": (1.0, 0.0)}, "nothing flows in at the lower y side"),
        ({"x": ("outflow", "inflow"), "inflow": (1.0, 0.0)}, "nothing flows in at the upper x side"),
        ({"dx": -1.0}, "cell size must be positive, got -1"),
        ({"dx": math.nan}, "cell size must be positive, got nan"),
        ({"obstacle": solid_at(0, 1), **CHANNEL}, "at an inflow side"),
        ({"obstacle": solid_at(slice(1, 3), slice(None)), **CHANNEL}, "cuts the channel"),
        ({"obstacle": solid_at([1, 2, 1, 2], [0, 1, 2, 3]) | solid_at(1, slice(None)), **CHANNEL}, "cuts the channel"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        Flow(**{"shape": (4, 4), "dx": 1.0, **options})


def test_a_way_round_across_the_seam_is_a_way():
    """Left and right of a wall along y are one region if x is periodic; what cannot be reached may be closed."""
    solid = solid_at(slice(None), 2) | solid_at(2, [0, 1])
    sides = {"y": ("inflow", "outflow"), "inflow": (0.0, 1.0)}
    with pytest.raises(ValueError, match="inflow side"):
        Flow((4, 4), 1.0, x="periodic", obstacle=solid, **sides)
    solid[0, 2] = False
    Flow((4, 4), 1.0, x="periodic", obstacle=solid, **sides)
    solid = solid_at(2, [0, 1]) | solid_at([1, 2, 3], 2)
    Flow((4, 4), 1.0, x="periodic", obstacle=solid, **sides)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda flow, u, v: flow.step((u, v), dt=0.0), "time step must be positive, got 0"),
        (lambda flow, u, v: flow.step((u, v), dt=math.nan), "time step must be positive, got nan"),
        (lambda flow, u, v: flow.step((u, v), dt=0.1, nu=-1e-3), "not negative, got -0.001"),
        (lambda flow, u, v: flow.step((u, v), dt=0.1, nu=math.nan), "finite"),
        (lambda flow, u, v: flow.step((u, v), dt=0.1, nu=torch.tensor([1e-3, math.nan])), "finite"),
        (lambda flow, u, v: flow.step((u, v), dt=0.1, nu=torch.zeros(3)), r"shape \(2,\), one value a flow"),
        (lambda flow, u, v: flow.step((u, v, v), dt=0.1), "velocity is a pair"),
        (lambda flow, u, v: flow.project((v, u)), r"pair of shapes \(batch, 4, 6\) and \(batch, 5, 5\)"),
        (lambda flow, u, v: flow.step((u, v), dt=0.1, scheme="semi"), "one of semi_lagrangian, mac_cormack"),
        (lambda flow, u, v: flow.advect((u, v), dt=0.1, scheme="rest"), "one of semi_lagrangian, mac_cormack"),
        (lambda flow, u, v: flow.semi_lagrangian(u, "center", (u, v), dt=0.1), "not 'center'"),
        (lambda flow, u, v: flow.diffuse(u, "x", dt=0.1, nu=0.1), "not 'x'"),
    ],
)
def test_bad_numbers_and_fields_are_named(call, message):
    flow = Flow((4, 5), 1.0)
    with pytest.raises(ValueError, match=message):
        call(flow, *flow.rest(2))


def test_unstable_diffusion_is_named():
    flow = Flow((4, 4), 0.1)
    with pytest.raises(ValueError, match="smaller time step"):
        flow.step(flow.rest(), dt=1.0, nu=1.0)


def test_numbers_of_a_step_are_named():
    """dt and nu are alike: a swap would be silent."""
    flow = Flow((4, 4), 1.0)
    with pytest.raises(TypeError):
        flow.step(flow.rest(), 0.1, 0.01)
    with pytest.raises(TypeError):
        flow.diffuse(flow.rest()[0], "u", 0.1, 0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_floats_are_refused(dtype):
    with pytest.raises(ValueError, match="cannot tell positions apart"):
        Flow((8, 8), 1.0, dtype=dtype)
    flow = Flow((8, 8), 1.0)
    with pytest.raises(ValueError, match="cannot tell positions apart"):
        flow.step([field.to(dtype) for field in flow.rest()], dt=0.1)
