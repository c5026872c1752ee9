r"""One-dimensional Burgers equation in plain torch: batched, differentiable steps and the exact solution.

.. math:: \partial_t u + u\,\partial_x u = \nu\,\partial_x^2 u, \qquad x \in [-1, 1] \text{ periodic.}
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

__all__ = ["cell_centres", "cole_hopf", "diffuse", "rollout", "semi_lagrangian", "step"]

MAX_NODES = 1_000_000  # of the quadrature at once: 8 MB an array


def cell_centres(n: int, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu") -> Tensor:
    r"""Returns the cell centres :math:`x_i = -1 + (i + \tfrac12)\,\Delta x`, :math:`\Delta x = 2/n`, shape ``(n,)``.

    Example:
        >>> cell_centres(4).tolist()
        [-0.75, -0.25, 0.25, 0.75]
    """
    if n < 3:
        raise ValueError(f"A periodic grid needs at least 3 cells, got {n}.")
    centres = -1 + (torch.arange(n, dtype=torch.float64, device=device) + 0.5) * (2 / n)
    return centres.to(dtype)  # 16-bit floats cannot count the cells


def diffuse(u: Tensor, *, dx: float, dt: float, nu: float) -> Tensor:
    r"""Explicit Euler step of diffusion, :math:`u_i + \nu\Delta t\,(u_{i+1} - 2u_i + u_{i-1})/\Delta x^2`, periodic.

    Args:
        u: velocity, shape ``(..., n)``.
        dx: cell size :math:`\Delta x`.
        dt: time step :math:`\Delta t`.
        nu: viscosity :math:`\nu`.

    Raises:
        ValueError: if :math:`\nu\Delta t/\Delta x^2` is negative or no number, or exceeds 1/2, where the step is
            unstable.
    """
    number = nu * dt / dx**2
    if not (number >= 0 and nu >= 0):  # both negative would make a positive number
        raise ValueError(f"Diffusion number nu*dt/dx^2 = {number:.3g}: viscosity and time step must not be negative.")
    if number > 0.5:
        raise ValueError(f"Diffusion number nu*dt/dx^2 = {number:.3g} exceeds 0.5: unstable. Use a smaller dt.")
    return u + number * (u.roll(-1, -1) - 2 * u + u.roll(1, -1))


def semi_lagrangian(u: Tensor, *, dx: float, dt: float, traces: int = 1) -> Tensor:
    r"""Self-advection by a back-step: :math:`u(x_i - \Delta t\,v_i)`, linear interpolation, periodic.

    One trace takes :math:`v = u`, the velocity where the fluid arrives. Burgers' equation without viscosity keeps the
    velocity of a particle, so that it left with the velocity of its foot: further traces take the result of the one
    before for :math:`v`, towards the solution of :math:`v_i = u(x_i - \Delta t\,v_i)`. Where the flow is smooth
    (:math:`\Delta t\,|\partial_x u| < 1`) they converge to it; in a shock they stay between the values of ``u``.

    Stable for every :math:`\Delta t`, first order in space, and in time with one trace; differentiable in ``u``
    (almost everywhere: the gradient jumps where a back-traced point crosses a cell centre).

    Args:
        u: velocity, shape ``(..., n)``.
        dx: cell size :math:`\Delta x`.
        dt: time step :math:`\Delta t`.
        traces: how often the foot is looked for, at least once.

    Raises:
        ValueError: if ``traces`` is less than 1.
    """
    if traces < 1:
        raise ValueError(f"The foot has to be looked for at least once, got traces={traces}.")
    n = u.shape[-1]
    v = u
    for _ in range(traces):
        # in cells, from each cell's own centre: positions from the left end would lose their fractions in 16-bit floats
        displacement = -v * (dt / dx)
        left = displacement.detach().floor()
        weight = displacement - left
        index = (torch.arange(n, device=u.device) + left.long()) % n
        v = (1 - weight) * u.gather(-1, index) + weight * u.gather(-1, (index + 1) % n)
    return v


def step(u: Tensor, *, dx: float, dt: float, nu: float, traces: int = 1) -> Tensor:
    r"""One time step: :func:`diffuse`, then :func:`semi_lagrangian`; the same scheme as PhiFlow's operators.

    Args:
        u: velocity, shape ``(..., n)``; leading dimensions are a batch.
        dx: cell size :math:`\Delta x`.
        dt: time step :math:`\Delta t`.
        nu: viscosity :math:`\nu`.
        traces: see :func:`semi_lagrangian`.

    Returns:
        The velocity at :math:`t + \Delta t`, same shape.

    Raises:
        ValueError: if ``u`` is no floating-point tensor or has fewer than 3 cells, if cell size or time step are not
            positive, the viscosity is negative, or the step is unstable.

    Example:
        >>> step(torch.zeros(8, 128), dx=2 / 128, dt=1 / 32, nu=0.01 / math.pi).shape
        torch.Size([8, 128])
    """
    if not u.is_floating_point():
        raise ValueError(f"The velocity must be a floating-point tensor, got {u.dtype}: convert it with .float().")
    if u.ndim < 1 or u.shape[-1] < 3:
        raise ValueError(f"The velocity needs shape (..., n) with n >= 3 cells, got {tuple(u.shape)}.")
    if not (0 < dx < math.inf and 0 < dt < math.inf):
        raise ValueError(f"Cell size and time step must be positive and finite, got dx={dx}, dt={dt}.")
    return semi_lagrangian(diffuse(u, dx=dx, dt=dt, nu=nu), dx=dx, dt=dt, traces=traces)


def rollout(u: Tensor, steps: int, *, dx: float, dt: float, nu: float, traces: int = 1) -> Tensor:
    """Returns the states after 0, 1, …, ``steps`` steps, shape ``(steps + 1, ..., n)``; see :func:`step`.

    Raises:
        ValueError: if ``steps`` is negative, and as :func:`step`.
    """
    if steps < 0:
        raise ValueError(f"A simulation goes forwards: steps must not be negative, got {steps}.")
    states = [u]
    for _ in range(steps):
        states.append(step(states[-1], dx=dx, dt=dt, nu=nu, traces=traces))
    return torch.stack(states)


def cole_hopf(x, t: float, nu: float) -> np.ndarray:
    r"""Exact solution for :math:`u(x, 0) = -\sin(\pi x)` by the Cole–Hopf transform.

    With :math:`G(y) = \frac{(x-y)^2}{2t} + \frac{\cos(\pi y) - 1}{\pi}`,

    .. math:: u(x, t) = \frac{\int \frac{x-y}{t}\,e^{-G(y)/2\nu}\,dy}{\int e^{-G(y)/2\nu}\,dy}.

    Both integrals are taken with the trapezoidal rule, which is accurate to round-off here because the integrand is
    smooth and vanishes at the ends. The smallest exponent is subtracted first: small viscosities do not overflow. The
    number of nodes grows as :math:`\nu^{-1/2}`; positions are taken one after the other where memory would run short.

    Args:
        x: positions, any shape.
        t: time, at least 0.
        nu: viscosity, positive.

    Returns:
        The velocity as float64, same shape as ``x``.

    Raises:
        ValueError: if ``t`` is negative, ``nu`` is not positive, or so small that the rule would need over a million
            nodes a position.

    Source:
        Hopf, The partial differential equation u_t + u u_x = mu u_xx, Comm. Pure Appl. Math. 3 (1950), eq. (4).

    Example:
        >>> cole_hopf([-0.5, 0.5], t=0.0, nu=0.01).tolist()
        [1.0, -1.0]
    """
    if not (0 <= t < math.inf and 0 < nu < math.inf):
        raise ValueError(f"The exact solution needs t >= 0 and nu > 0, got t={t}, nu={nu}.")
    x = np.asarray(x, dtype=np.float64)
    if t == 0:
        return -np.sin(np.pi * x)
    # Characteristics travel at most t (|u| <= 1); around them the integrand is a Gaussian of this width at least.
    width = math.sqrt(2 * nu / (1 / t + math.pi))
    reach = t + 12 * math.sqrt(2 * nu * t)
    nodes = 2 * math.ceil(4 * reach / width) + 1
    if nodes > MAX_NODES:
        raise ValueError(f"nu={nu:g} at t={t:g} would need {nodes:.1e} nodes a position: take a larger viscosity.")
    distance = np.linspace(-reach, reach, nodes)  # x - y
    chunks = np.array_split(x.reshape(-1, 1), math.ceil(x.size * nodes / MAX_NODES) or 1)
    velocities = []
    for chunk in chunks:
        exponent = distance**2 / (2 * t) + (np.cos(np.pi * (chunk - distance)) - 1) / np.pi
        weight = np.exp(-(exponent - exponent.min(-1, keepdims=True)) / (2 * nu))
        velocities.append((weight * distance).sum(-1) / t / weight.sum(-1))
    return np.concatenate(velocities).reshape(x.shape)
