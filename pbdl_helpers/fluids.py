r"""Batched, differentiable, incompressible 2D flow on a staggered (MAC) grid, in plain torch.

.. math:: \partial_t \mathbf{u} + \mathbf{u}\cdot\nabla\mathbf{u} = -\nabla p + \nu\nabla^2\mathbf{u} + \mathbf{f},
   \qquad \nabla\cdot\mathbf{u} = 0

A velocity is a pair ``(u, v)``: ``u`` is the x component on vertical faces, shape ``(batch, y, x + 1)``, ``v`` the
y component on horizontal faces, shape ``(batch, y + 1, x)``. Both hold the faces on the boundary; in a periodic
direction the first and the last face are the same one. Scalars such as smoke are at cell centres, ``(batch, y, x)``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Flow"]

KINDS = ("periodic", "wall", "slip", "inflow", "outflow")


class Flow:
    r"""Geometry and boundary conditions of a flow, and the operators that depend on them.

    The pressure equation on a rectangle is solved directly: its matrix is a sum of one matrix in x and one in y, whose
    eigenvectors are computed once, so that a solve takes four small matrix products. An obstacle closes :math:`k`
    faces, a change of rank :math:`k`, which the Woodbury formula adds exactly. All operations are torch's own:
    gradients pass through, batches and GPUs work.

    Args:
        shape: cells ``(y, x)``.
        dx: edge length of the square cells.
        x, y: what bounds the flow in this direction: ``"periodic"``, or one kind for both sides, or a pair of kinds for
            the lower and the upper side. ``"wall"`` does not slip; ``"slip"`` does; ``"inflow"`` prescribes ``inflow``;
            ``"outflow"`` has zero gradient of the velocity and zero pressure one cell outside.
        inflow: velocity ``(u, v)`` at inflow sides.
        obstacle: boolean mask of solid cells, shape ``(y, x)``; the fluid does not slip on it.
        dtype, device: of everything computed.

    Raises:
        ValueError: if a kind is unknown, one side only is periodic, the obstacle has the wrong shape or type, or fluid
            flows in and nowhere out.

    Source:
        Lynch, Rice, Thomas, Direct solution of partial difference equations by tensor product methods, Numer. Math. 6
        (1964); Buzbee, Dorr, George, Golub, The direct solution of the discrete Poisson equation on irregular regions,
        SIAM J. Numer. Anal. 8 (1971).

    Example:
        >>> flow = Flow((64, 32), 1 / 32, x="wall", y=("inflow", "outflow"), inflow=(0.0, 1.0))
        >>> u, v = flow.step(flow.rest(batch=8), dt=0.02, nu=1e-3)
        >>> u.shape, v.shape, bool(flow.divergence((u, v)).abs().max() < 1e-3)
        (torch.Size([8, 64, 33]), torch.Size([8, 65, 32]), True)
    """

    def __init__(
        self, shape, dx, *, x="wall", y="wall", inflow=(0.0, 0.0), obstacle=None, dtype=torch.float32, device="cpu"
    ):
        self.shape, self.dx, self.inflow = tuple(shape), float(dx), tuple(inflow)
        self.sides = {"y": sides_of(y), "x": sides_of(x)}
        kinds = {*self.sides["x"], *self.sides["y"]}
        if "inflow" in kinds and "outflow" not in kinds:
            raise ValueError("Fluid that flows in must flow out: make one side 'outflow'.")
        if obstacle is None:
            obstacle = torch.zeros(self.shape, dtype=torch.bool)
        obstacle = torch.as_tensor(obstacle)
        if obstacle.shape != self.shape or obstacle.dtype != torch.bool:
            found = f"{obstacle.dtype} {tuple(obstacle.shape)}"
            raise ValueError(f"The obstacle must be a boolean mask of shape {self.shape}, got {found}.")
        self.dtype, self.device = dtype, torch.device(device)
        self.obstacle = obstacle.to(device)
        self._masks, self._values = self._boundary_faces(obstacle.cpu())
        self._factor(obstacle.cpu())

    def _cast(self, tensor) -> Tensor:
        return tensor.to(dtype=self.dtype, device=self.device)

    # --- boundary conditions -------------------------------------------------------------------------------------

    def _boundary_faces(self, obstacle):
        """For both components: a mask that is zero on faces with prescribed velocity, and the values there."""
        masks, values = [], []
        for axis, name, speed in ((1, "x", self.inflow[0]), (0, "y", self.inflow[1])):
            n = self.shape[axis]
            mask = torch.ones([size + (i == axis) for i, size in enumerate(self.shape)])
            value = torch.zeros_like(mask)
            for side, face in zip(self.sides[name], (0, -1), strict=True):
                if side in ("wall", "slip", "inflow"):
                    mask.select(axis, face).zero_()
                if side == "inflow":
                    value.select(axis, face).fill_(speed)
            for start in (0, 1):
                mask.narrow(axis, start, n).mul_(~obstacle)
            if "periodic" in self.sides[name]:  # the first and the last face are the same
                for face in (0, -1):
                    mask.select(axis, face).copy_(mask.select(axis, 0) * mask.select(axis, -1))
            masks.append(self._cast(mask))
            values.append(self._cast(value))
        return masks, values

    def enforce(self, velocity):
        """Returns the velocity with the prescribed faces set: walls, obstacle and inflow."""
        return tuple(
            field * mask + value for field, mask, value in zip(velocity, self._masks, self._values, strict=True)
        )

    def rest(self, batch=1):
        """Returns the velocity that is zero but for the prescribed faces."""
        ny, nx = self.shape
        u = torch.zeros(batch, ny, nx + 1, dtype=self.dtype, device=self.device)
        v = torch.zeros(batch, ny + 1, nx, dtype=self.dtype, device=self.device)
        return self.enforce((u, v))

    def _pad(self, field, kind):
        """Adds one ring of values outside the domain to a field of kind "u", "v" or "centre"."""
        for axis, name in ((-1, "x"), (-2, "y")):
            normal = kind == ("u" if name == "x" else "v")
            rings = []
            for side, position in zip(self.sides[name], (0, -1), strict=True):
                edge = field.select(axis, position).unsqueeze(axis)
                if side == "periodic":  # a normal component holds the first face twice
                    inner = {0: -2 if normal else -1, -1: 1 if normal else 0}[position]
                    rings.append(field.select(axis, inner).unsqueeze(axis))
                elif kind == "centre" or side == "outflow" or (side == "slip" and not normal):
                    rings.append(edge)
                elif side == "inflow":
                    value = self.inflow[0 if kind == "u" else 1]
                    rings.append(torch.full_like(edge, value) if normal else 2 * value - edge)
                elif normal:  # odd about the wall, on which the outermost face lies
                    rings.append(-field.select(axis, {0: 1, -1: -2}[position]).unsqueeze(axis))
                else:  # zero on the wall, half a cell away
                    rings.append(-edge)
            field = torch.cat([rings[0], field, rings[1]], dim=axis)
        return field

    # --- advection and diffusion ---------------------------------------------------------------------------------

    def _velocity_at(self, velocity, kind):
        """Components x and y at the points of a field."""
        u, v = velocity
        if kind == "centre":
            return (u[..., 1:] + u[..., :-1]) / 2, (v[..., 1:, :] + v[..., :-1, :]) / 2
        if kind == "u":
            v = self._pad(v, "v")[..., 1:-1, :]
            return u, (v[..., 1:, 1:] + v[..., :-1, 1:] + v[..., 1:, :-1] + v[..., :-1, :-1]) / 4
        u = self._pad(u, "u")[..., 1:-1]
        return (u[..., 1:, 1:] + u[..., :-1, 1:] + u[..., 1:, :-1] + u[..., :-1, :-1]) / 4, v

    def _departure(self, velocity, kind, dt):
        """Indices (x, y) into the padded field from which each value comes."""
        vx, vy = self._velocity_at(velocity, kind)
        ny, nx = vx.shape[-2:]
        x = torch.arange(nx, dtype=vx.dtype, device=vx.device) - vx * (dt / self.dx)
        y = torch.arange(ny, dtype=vx.dtype, device=vx.device)[:, None] - vy * (dt / self.dx)
        if "periodic" in self.sides["x"]:
            x = torch.remainder(x, self.shape[1])
        if "periodic" in self.sides["y"]:
            y = torch.remainder(y, self.shape[0])
        return x + 1, y + 1

    @staticmethod
    def _sample(padded, x, y):
        """Bilinear interpolation at indices; outside, the outermost ring continues."""
        ny, nx = padded.shape[-2:]
        grid = torch.stack([2 * x / (nx - 1) - 1, 2 * y / (ny - 1) - 1], dim=-1)
        return functional.grid_sample(
            padded[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
        )[:, 0]

    def semi_lagrangian(self, field, kind, velocity, *, dt):
        """Moves a field by one step back along the velocity.

        Args:
            field: what moves: a component of a velocity or a scalar at cell centres.
            kind: ``"u"``, ``"v"`` or ``"centre"``.
            velocity: that moves it, a pair.
            dt: time step.
        """
        return self._sample(self._pad(field, kind), *self._departure(velocity, kind, dt))

    def mac_cormack(self, field, kind, velocity, *, dt):
        """Semi-Lagrangian advection with its error estimated by a step back and removed, without new extrema.

        Arguments as in :meth:`semi_lagrangian`.

        Source:
            Selle, Fedkiw, Kim, Liu, Rossignac, An unconditionally stable MacCormack method, J. Sci. Comput. 35 (2008).
        """
        padded = self._pad(field, kind)
        x, y = self._departure(velocity, kind, dt)
        forward = self._sample(padded, x, y)
        backward = self.semi_lagrangian(forward, kind, velocity, dt=-dt)
        ny, nx = padded.shape[-2:]
        left, low = x.detach().floor().clamp(0, nx - 2).long(), y.detach().floor().clamp(0, ny - 2).long()
        index = (low * (nx - 1) + left).flatten(1)
        high = functional.max_pool2d(padded, 2, stride=1).flatten(1).gather(1, index).view_as(forward)
        lowest = -functional.max_pool2d(-padded, 2, stride=1).flatten(1).gather(1, index).view_as(forward)
        return torch.minimum(torch.maximum(forward + (field - backward) / 2, lowest), high)

    def advect(self, velocity, *, dt, scheme="semi_lagrangian"):
        """Returns the velocity moved by itself; ``scheme`` names the method."""
        move = getattr(self, scheme)
        return move(velocity[0], "u", velocity, dt=dt), move(velocity[1], "v", velocity, dt=dt)

    def diffuse(self, field, kind, *, dt, nu):
        r"""Explicit Euler step of diffusion; stable for :math:`\nu\Delta t/\Delta x^2 \le 1/4`.

        Args:
            field, kind: as in :meth:`semi_lagrangian`.
            dt: time step.
            nu: diffusivity, a number or one value an element of the batch, shape ``(batch,)``.

        Raises:
            ValueError: if the step is unstable.
        """
        number = torch.as_tensor(nu, dtype=field.dtype, device=field.device) * (dt / self.dx**2)
        if number.max() > 0.25:
            raise ValueError(f"nu dt / dx² = {number.max():.2f} exceeds 1/4: take a smaller time step.")
        p = self._pad(field, kind)
        laplacian = p[..., 1:-1, 2:] + p[..., 1:-1, :-2] + p[..., 2:, 1:-1] + p[..., :-2, 1:-1] - 4 * field
        return field + number.reshape(-1, 1, 1) * laplacian

    # --- projection ----------------------------------------------------------------------------------------------

    def _factor(self, obstacle):
        """Eigenvectors of the one-dimensional matrices, and the correction for closed faces, in double precision."""
        ny, nx = self.shape
        (ly, qy), (lx, qx) = (torch.linalg.eigh(second_difference(n, self.sides[a])) for n, a in ((ny, "y"), (nx, "x")))
        eigenvalues = ly[:, None] + lx
        inverse = torch.where(eigenvalues.abs() < 1e-10, 0.0, 1 / eigenvalues)
        a, b = closed_faces(obstacle, self.sides)
        columns = torch.zeros(len(a), ny * nx, dtype=torch.float64)
        rows = torch.arange(len(a))
        columns[rows, a] = 1
        columns[rows, b] = -1
        response = (qy @ (inverse * (qy.T @ columns.view(-1, ny, nx) @ qx)) @ qx.T).flatten(1)
        capacity = torch.eye(len(a), dtype=torch.float64) + response[:, a] - response[:, b]
        # the pressure inside an obstacle is free up to a constant: hence the pseudo-inverse
        weights = torch.linalg.pinv(capacity, hermitian=True, rtol=1e-10) if len(a) else capacity
        self._qy, self._qx, self._inverse = self._cast(qy), self._cast(qx), self._cast(inverse)
        self._closed = a.to(self.device), b.to(self.device)
        self._correction = self._cast(weights @ response)

    def solve_pressure(self, divergence):
        r"""Returns :math:`\phi = \Delta t\,p` with :math:`\nabla^2\phi` = ``divergence``, both ``(batch, y, x)``."""
        phi = self._qy @ (self._inverse * (self._qy.T @ (divergence * self.dx**2) @ self._qx)) @ self._qx.T
        a, b = self._closed
        if len(a):
            flat = phi.flatten(1)
            phi = phi - ((flat[:, a] - flat[:, b]) @ self._correction).view_as(phi)
        return phi

    def divergence(self, velocity) -> Tensor:
        """Returns the net outflow of each cell, shape ``(batch, y, x)``."""
        u, v = velocity
        return (u[..., 1:] - u[..., :-1] + v[..., 1:, :] - v[..., :-1, :]) / self.dx

    def project(self, velocity):
        """Returns the velocity without divergence that is nearest, with the boundary conditions met."""
        velocity = self.enforce(velocity)
        phi = self.solve_pressure(self.divergence(velocity))
        gradients = []
        for axis, name in ((-1, "x"), (-2, "y")):
            outside = [torch.zeros_like(phi.select(axis, 0).unsqueeze(axis))] * 2  # outflow; closed faces are masked
            if "periodic" in self.sides[name]:
                outside = [phi.select(axis, -1).unsqueeze(axis), phi.select(axis, 0).unsqueeze(axis)]
            gradients.append(torch.cat([outside[0], phi, outside[1]], dim=axis).diff(dim=axis) / self.dx)
        return tuple(
            field - mask * gradient for field, mask, gradient in zip(velocity, self._masks, gradients, strict=True)
        )

    def step(self, velocity, *, dt, nu=0.0, force=None, scheme="semi_lagrangian"):
        """One time step: diffusion, advection, force, projection.

        Args:
            velocity: pair of shapes ``(batch, y, x + 1)`` and ``(batch, y + 1, x)``.
            dt: time step.
            nu: viscosity, a number or shape ``(batch,)``.
            force: acceleration on the faces, a pair like the velocity.
            scheme: ``"semi_lagrangian"`` or ``"mac_cormack"``.

        Returns:
            The velocity one step later.
        """
        velocity = self.enforce(tuple(self.diffuse(velocity[i], "uv"[i], dt=dt, nu=nu) for i in (0, 1)))
        velocity = self.advect(velocity, dt=dt, scheme=scheme)
        if force is not None:
            velocity = tuple(field + dt * f for field, f in zip(velocity, force, strict=True))
        return self.project(velocity)

    def to_centres(self, velocity) -> Tensor:
        """Returns the velocity at cell centres, shape ``(batch, 2, y, x)``, x component first."""
        return torch.stack(self._velocity_at(velocity, "centre"), dim=1)

    def to_faces(self, field):
        """Returns a vector field given at cell centres, shape ``(batch, 2, y, x)``, on the faces, as a pair."""
        x, y = (self._pad(field[:, i], "centre") for i in (0, 1))
        return (x[..., 1:-1, 1:] + x[..., 1:-1, :-1]) / 2, (y[..., 1:, 1:-1] + y[..., :-1, 1:-1]) / 2

    def vorticity(self, velocity) -> Tensor:
        r"""Returns :math:`\partial_x v - \partial_y u` at the inner cell corners, shape ``(batch, y - 1, x - 1)``."""
        u, v = velocity
        return (v[..., 1:-1, :].diff(dim=-1) - u[..., 1:-1].diff(dim=-2)) / self.dx


def sides_of(kinds) -> tuple[str, str]:
    pair = (kinds, kinds) if isinstance(kinds, str) else tuple(kinds)
    if len(pair) != 2 or any(kind not in KINDS for kind in pair):
        raise ValueError(f"A boundary is one or two of {', '.join(KINDS)}; got {kinds!r}.")
    if (pair[0] == "periodic") != (pair[1] == "periodic"):
        raise ValueError("Both sides of a direction are periodic, or none.")
    return pair


def second_difference(n, sides) -> Tensor:
    """Returns the matrix of second differences of the pressure along one direction, shape (n, n), for cell size 1."""
    off = torch.ones(n - 1, dtype=torch.float64).diag(1)
    matrix = off + off.T - 2 * torch.eye(n, dtype=torch.float64)
    for side, i in zip(sides, (0, -1), strict=True):
        if side == "periodic":
            matrix[i, -1 - i] += 1
        elif side != "outflow":
            matrix[i, i] += 1
    return matrix


def closed_faces(obstacle, sides) -> tuple[Tensor, Tensor]:
    """Returns the flat indices of the two cells at each face between fluid and obstacle."""
    cells = torch.arange(obstacle.numel()).view(obstacle.shape)
    pairs = []
    for axis, name in ((1, "x"), (0, "y")):
        shifted_cells, shifted = cells.roll(-1, axis), obstacle.roll(-1, axis)
        differs = obstacle != shifted
        if sides[name][0] != "periodic":
            differs.select(axis, -1).fill_(False)
        pairs.append((cells[differs], shifted_cells[differs]))
    return torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])
