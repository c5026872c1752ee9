import math

import numpy as np
import pytest
import torch

from pbdl_helpers import burgers

NU = 0.01 / math.pi


def initial(n, dtype=torch.float64):
    return -torch.sin(math.pi * burgers.cell_centres(n, dtype))


def test_agrees_with_phiflow():
    from phi.flow import Box, CenteredGrid, advect, diffuse, extrapolation, spatial
    from phi.flow import math as phi_math

    n, dt = 128, 1 / 32
    generator = np.random.default_rng(0)
    u = generator.standard_normal(n)
    with phi_math.precision(64):
        grid = CenteredGrid(phi_math.tensor(u, spatial("x")), extrapolation.PERIODIC, bounds=Box(x=(-1, 1)))
        for _ in range(5):
            grid = diffuse.explicit(grid, NU, dt)
            grid = advect.semi_lagrangian(grid, grid, dt)
    ours = burgers.rollout(torch.tensor(u), 5, dx=2 / n, dt=dt, nu=NU)[-1]
    np.testing.assert_allclose(ours, grid.values.numpy("x"), atol=1e-12)


def test_batch_equals_single_runs():
    u = torch.randn(4, 3, 32, dtype=torch.float64)
    together = burgers.step(u, dx=2 / 32, dt=0.01, nu=NU)
    for index in np.ndindex(4, 3):
        torch.testing.assert_close(together[index], burgers.step(u[index], dx=2 / 32, dt=0.01, nu=NU), rtol=0, atol=0)


def test_gradcheck():
    u = (initial(16) + 0.05 * torch.randn(16, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: burgers.rollout(v, 3, dx=2 / 16, dt=1 / 32, nu=NU), (u,))


def test_diffusion_conserves_the_mean_and_is_symmetric():
    u, v = torch.randn(2, 64, dtype=torch.float64)
    du, dv = (burgers.diffuse(w, dx=2 / 64, dt=0.01, nu=NU) for w in (u, v))
    assert du.mean() == pytest.approx(u.mean().item(), abs=1e-15)
    assert (du @ v).item() == pytest.approx((u @ dv).item(), rel=1e-12)


def test_maximum_principle():
    states = burgers.rollout(initial(64), 40, dx=2 / 64, dt=1 / 40, nu=NU)
    peaks = states.abs().amax(-1)
    assert (peaks.diff() <= 1e-15).all()


def test_uniform_velocity_does_not_change():
    u = torch.full((32,), 0.7, dtype=torch.float64)
    torch.testing.assert_close(burgers.step(u, dx=2 / 32, dt=0.3, nu=NU * 0.01), u)


def test_converges_to_cole_hopf():
    errors = []
    for n in (64, 128, 256):
        u = burgers.rollout(initial(n), n // 2, dx=2 / n, dt=0.5 * 2 / n, nu=2 * NU)[-1].numpy()
        exact = burgers.cole_hopf(burgers.cell_centres(n).numpy(), 0.5, 2 * NU)
        errors.append(np.linalg.norm(u - exact) / np.linalg.norm(exact))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 0.8).all() and (orders < 1.3).all(), (errors, orders)


def test_cole_hopf_satisfies_the_equation():
    nu, t, h = 5 * NU, 0.3, 1e-3
    x = np.linspace(-0.95, 0.93, 41)
    u = burgers.cole_hopf(x, t, nu)
    u_t = (burgers.cole_hopf(x, t + h, nu) - burgers.cole_hopf(x, t - h, nu)) / (2 * h)
    right, left = burgers.cole_hopf(x + h, t, nu), burgers.cole_hopf(x - h, t, nu)
    residual = u_t + u * (right - left) / (2 * h) - nu * (right - 2 * u + left) / h**2
    assert np.abs(residual).max() < 1e-4 * np.abs(u_t).max()


def test_cole_hopf_is_odd_periodic_and_starts_right():
    x = np.linspace(-1, 1, 21)
    u = burgers.cole_hopf(x, 0.4, NU)
    np.testing.assert_allclose(u, -burgers.cole_hopf(-x, 0.4, NU), atol=1e-13)
    np.testing.assert_allclose(u, burgers.cole_hopf(x + 2, 0.4, NU), atol=1e-12)
    np.testing.assert_allclose(burgers.cole_hopf(x, 1e-6, NU), -np.sin(np.pi * x), atol=1e-5)
    assert np.isfinite(burgers.cole_hopf(x, 1.0, NU / 128)).all()


def test_cole_hopf_gradient_at_the_shock():
    # Basdevant et al., Comput. Fluids 14 (1986): |du/dx| at x = 0 peaks at 152.00516 at t = 1.6037 / pi
    h = 1e-6
    u = burgers.cole_hopf([h], 1.6037 / math.pi, NU)
    assert -u[0] / h == pytest.approx(152.00516, rel=1e-5)


@pytest.mark.parametrize(
    ("u", "message"),
    [(torch.zeros(8, dtype=torch.int64), "float"), (torch.zeros(2), "cells"), (torch.tensor(1.0), "n")],
)
def test_bad_velocity(u, message):
    with pytest.raises(ValueError, match=message):
        burgers.step(u, dx=0.1, dt=0.1, nu=0)


def test_unstable_diffusion_is_refused():
    with pytest.raises(ValueError, match="unstable"):
        burgers.step(initial(128), dx=2 / 128, dt=0.1, nu=NU)


@pytest.mark.parametrize(("t", "nu"), [(-1, 0.1), (1, 0), (1, -0.1), (math.nan, 0.1), (1, math.nan), (math.inf, 1)])
def test_bad_exact_solution(t, nu):
    with pytest.raises(ValueError, match="exact"):
        burgers.cole_hopf([0.0], t, nu)


def test_cole_hopf_takes_positions_in_chunks(monkeypatch):
    x = burgers.cell_centres(64).numpy().reshape(8, 8)
    whole = burgers.cole_hopf(x, 0.5, NU)
    monkeypatch.setattr(burgers, "MAX_NODES", 2000)
    assert np.array_equal(burgers.cole_hopf(x, 0.5, NU), whole)
    assert whole.shape == (8, 8)


def test_cole_hopf_with_a_viscosity_too_small_says_so():
    with pytest.raises(ValueError, match="larger viscosity"):
        burgers.cole_hopf(np.zeros(3), 1.0, 1e-12)


def test_numbers_of_a_step_are_named():
    """dx, dt and nu are alike: a swap would be silent."""
    with pytest.raises(TypeError):
        burgers.step(initial(16), 2 / 16, 0.01, NU)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-6), (torch.bfloat16, 0.06), (torch.float16, 0.01)])
def test_short_floats_cost_their_digits_and_no_more(dtype, error):
    """A front moves over 512 cells, ten steps with Courant numbers up to 8; 2048 cells have distinct centres."""
    exact = burgers.rollout(initial(512), 10, dx=2 / 512, dt=1 / 32, nu=1e-5)[-1]
    short = burgers.rollout(initial(512, dtype), 10, dx=2 / 512, dt=1 / 32, nu=1e-5)[-1]
    assert short.dtype == dtype
    assert (short - exact).abs().mean() < error
    if dtype != torch.bfloat16:
        assert torch.equal(burgers.cell_centres(2048, dtype), burgers.cell_centres(2048).to(dtype))


@pytest.mark.parametrize("traces", [1, 2, 3])
def test_traces_are_the_partial_sums_of_the_foot(traces):
    """In u = a x the foot is x (1 - z + z² - …), z = a dt, and linear interpolation is exact."""
    n, dt, a = 64, 0.05, -2.0
    x = burgers.cell_centres(n)
    middle = slice(n // 4, 3 * n // 4)  # no trace from there reaches the seam
    foot = sum((-a * dt) ** k for k in range(traces + 1))
    found = burgers.semi_lagrangian(a * x, dx=2 / n, dt=dt, traces=traces)
    torch.testing.assert_close(found[middle], a * foot * x[middle], rtol=0, atol=1e-14)


def test_more_traces_come_nearer_to_the_exact_solution_before_the_shock():
    n, t = 128, 0.25
    exact = torch.tensor(burgers.cole_hopf(burgers.cell_centres(n), t, NU))
    errors = []
    for traces in (1, 3):
        states = burgers.rollout(initial(n), 8, dx=2 / n, dt=t / 8, nu=NU, traces=traces)
        errors.append((states[-1] - exact).abs().mean())
    assert errors[1] < errors[0] / 10


def test_rollout_goes_forwards_and_a_foot_is_looked_for():
    with pytest.raises(ValueError, match="forwards"):
        burgers.rollout(initial(32), -3, dx=2 / 32, dt=0.01, nu=NU)
    with pytest.raises(ValueError, match="at least once"):
        burgers.step(initial(32), dx=2 / 32, dt=0.01, nu=NU, traces=0)
    with pytest.raises(ValueError, match="must not be negative"):
        burgers.diffuse(initial(32), dx=2 / 32, dt=-0.01, nu=-NU)


@pytest.mark.parametrize(
    "bad",
    [{"nu": -1e-3}, {"nu": math.nan}, {"dt": -0.01}, {"dt": 0.0}, {"dt": math.nan}, {"dx": -0.1}, {"dx": math.inf}],
)
def test_step_refuses_what_makes_no_sense(bad):
    with pytest.raises(ValueError, match=r"must (not )?be"):
        burgers.step(initial(32), **({"dx": 2 / 32, "dt": 0.01, "nu": NU} | bad))
