import math

import pytest
import torch
from phi.torch.flow import PERIODIC, Box, Obstacle, Solve, StaggeredGrid, advect, diffuse, extrapolation, fluid
from phi.torch.flow import math as phi_math

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


def random_velocity(flow, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ny, nx = flow.shape
    u = torch.randn(batch, ny, nx + 1, generator=generator, **F64)
    v = torch.randn(batch, ny + 1, nx, generator=generator, **F64)
    if flow.sides["x"][0] == "periodic":
        u[..., -1] = u[..., 0]
    if flow.sides["y"][0] == "periodic":
        v[..., -1, :] = v[..., 0, :]
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
        velocity = diffuse.explicit(velocity, nu, dt)
        velocity = advect.semi_lagrangian(velocity, velocity, dt)
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
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        Flow((4, 4), 1.0, **options)


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
