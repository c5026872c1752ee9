r"""Batched, differentiable, incompressible 2D flow on a staggered (MAC) grid, for torch.

.. math:: \partial_t \mathbf{u} + \mathbf{u}\cdot\nabla\mathbf{u} = -\nabla p + \nu\nabla^2\mathbf{u} + \mathbf{f},
   \qquad \nabla\cdot\mathbf{u} = 0

A velocity is a pair ``(u, v)``: ``u`` is the x component on vertical faces, shape ``(batch, y, x + 1)``, ``v`` the
y component on horizontal faces, shape ``(batch, y + 1, x)``. Both hold the faces on the boundary; in a periodic
direction the first and the last face are the same one. Scalars such as smoke are at cell centres, ``(batch, y, x)``.

On a CPU the steps run in loops that numba compiles (:mod:`pbdl_helpers.kernels`, some twenty seconds once on a
machine). On a GPU, for higher derivatives and functional transforms, and with ``traces``, they run in torch. Both do
the same.
"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
import torch
from scipy import fft, ndimage, spatial
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

try:
    from pbdl_helpers import kernels
except (ImportError, RuntimeError):  # no numba for this Python, or no place for its cache: torch does it all
    kernels = None

__all__ = ["Flow"]

KINDS = ("periodic", "wall", "slip", "inflow", "outflow")
SCHEMES = ("semi_lagrangian", "mac_cormack")
SHORT = "16-bit floats cannot tell positions apart."


class Flow:
    r"""Geometry and boundary conditions of a flow, and the operators that depend on them.

    The pressure equation on a rectangle is solved directly: its matrix is a sum of one matrix in x and one in y, whose
    eigenvectors are waves, or are computed once, so that a solve takes two fast transforms or four small matrix
    products. An obstacle closes :math:`k` faces, a change of rank :math:`k`, which the Woodbury formula adds exactly.
    This stores one number a cell and closed face: 13 MB for a cylinder on 128 × 256 cells, but 0.4 GB and 20 s of
    set-up for 408 faces on 512 × 512. Gradients pass through all operations, batches and GPUs work.

    On an obstacle the tangential velocity is zero on the surface: faces inside it, half a cell away, get minus the
    value of the fluid's face on the other side, as beyond a wall. A face inside that has fluid on both sides (a plate
    one cell thick) gets minus their mean, and faces at corners, which lie on the surface, zero. A plate of two cells or
    more is therefore of second order, a staircase as good as its shape. Scalars do not pass the surface of an obstacle:
    what is looked up inside is the nearest value of the fluid, and diffusion sees no gradient across. Cells inside keep
    their value. A plate of one cell is too thin for that: it has one value for both sides, and advection leaks.

    Args:
        shape: cells ``(y, x)``.
        dx: edge length of the square cells.
        x, y: what bounds the flow in this direction: ``"periodic"``, or one kind for both sides, or a pair of kinds for
            the lower and the upper side. ``"wall"`` does not slip; ``"slip"`` does; ``"inflow"`` prescribes ``inflow``;
            ``"outflow"`` has zero gradient of the velocity and zero pressure one cell outside. What is carried in from
            beyond an inflow side has the velocity ``inflow``.
        inflow: velocity ``(u, v)`` at inflow sides, into the domain.
        obstacle: boolean mask of solid cells, shape ``(y, x)``; the fluid does not slip on it.
        dtype, device: of everything computed; ``torch.float32`` or ``torch.float64``.

    Raises:
        ValueError: if a kind is unknown, one side only is periodic, the cell size is not positive, the dtype has 16
            bits, the inflow is not finite, has no side to enter by or does not enter there, the obstacle has the wrong
            shape or type or lies at an inflow, or fluid flows into a region and nowhere out of it.

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
        self.shape, self.dx = tuple(shape), float(dx)
        if not (math.isfinite(self.dx) and self.dx > 0):
            raise ValueError(f"The cell size must be positive, got {dx}.")
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"A flow is computed in torch.float32 or torch.float64, not {dtype}: {SHORT}")
        self.sides = {"y": sides_of(y), "x": sides_of(x)}
        kinds = {*self.sides["x"], *self.sides["y"]}
        if "inflow" in kinds and "outflow" not in kinds:
            raise ValueError("Fluid that flows in must flow out: make one side 'outflow'.")
        self.inflow = inflow_of(inflow, self.sides)
        if obstacle is None:
            obstacle = torch.zeros(self.shape, dtype=torch.bool)
        obstacle = torch.as_tensor(obstacle)
        if obstacle.shape != self.shape or obstacle.dtype != torch.bool:
            found = f"{obstacle.dtype} {tuple(obstacle.shape)}"
            raise ValueError(f"The obstacle must be a boolean mask of shape {self.shape}, got {found}.")
        check_ways_out(obstacle.cpu().numpy(), self.sides)
        self.dtype, self.device = dtype, torch.device(device)
        self.obstacle = obstacle.to(device).clone()
        self._solid = bool(obstacle.any())
        self._masks, self._values = self._boundary_faces(obstacle.cpu())
        self._ghosts = {kind: self._ghost_faces(obstacle.cpu().numpy(), kind) for kind in ("u", "v")}
        self._ghosts["centre"] = self._ghost_cells(obstacle.cpu().numpy())
        self._open = tuple(self._cast(faces) for faces in open_faces(obstacle.cpu(), self.sides))
        self._rings = {kind: self._ring_of(kind) for kind in ("u", "v", "centre")}
        self._factor(obstacle.cpu())
        self._spectrum = self._plan_transforms()
        if self.device.type == "cpu":  # what the kernels need
            self._periodic = tuple("periodic" in self.sides[name] for name in "xy")
            self._mask_arrays, self._value_arrays = arrays(*self._masks), arrays(*self._values)
            self._tables = self._table("u"), self._table("v")

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

    def _ghost_faces(self, obstacle, kind):
        """Flat indices of the faces inside the obstacle that have fluid beside them, and of these with weights.

        Returns:
            Indices (n,) of faces inside, (n, 2) of their tangential neighbours, and weights (n, 2).
        """
        normal, tangent = {"u": (1, 0), "v": (0, 1)}[kind]
        across = "wrap" if "periodic" in self.sides["yx"[normal]] else "edge"
        padded = np.pad(obstacle, [(int(axis == normal),) * 2 for axis in (0, 1)], mode=across)
        inside = np.delete(padded, 0, normal) & np.delete(padded, -1, normal)
        free = (self._masks["uv".index(kind)] > 0).cpu().numpy()
        index = np.arange(free.size).reshape(free.shape)
        beside = []  # for the lower and the upper neighbour: its index, and whether it lies in the fluid
        for shift, edge in ((1, 0), (-1, -1)):
            neighbour, fluid = np.roll(index, shift, tangent), np.roll(free, shift, tangent)
            if "periodic" not in self.sides["yx"[tangent]]:
                np.moveaxis(fluid, tangent, 0)[edge] = False
            beside.append((neighbour, fluid))
        neighbours, fluid = (np.stack(parts, -1) for parts in zip(*beside, strict=True))
        ghosts = inside & fluid.any(-1)
        weights = fluid[ghosts] / fluid[ghosts].sum(-1, keepdims=True)
        indices = (torch.as_tensor(array, device=self.device) for array in (index[ghosts], neighbours[ghosts]))
        return *indices, self._cast(torch.as_tensor(-weights))

    def _ghost_cells(self, obstacle):
        """The same for cells in the obstacle: the mean of the nearest cells in the fluid, as many as are equally near.

        Returns:
            Indices (n,) of cells inside, (n, k) of the nearest in the fluid, and weights (n, k).
        """
        inside = np.argwhere(obstacle)
        # the nearest one lies at the surface
        surface = np.argwhere(~obstacle & ndimage.binary_dilation(obstacle, np.ones((3, 3)), border_value=1))
        if not len(inside) or not len(surface):
            empty = torch.zeros(0, 1, dtype=torch.long, device=self.device)
            return empty[:, 0], empty, self._cast(empty)
        lengths = [n if "periodic" in self.sides[name] else 0 for n, name in zip(self.shape, "yx", strict=True)]
        distance, order = spatial.KDTree(surface, boxsize=lengths).query(inside, min(8, len(surface)))
        distance, order = distance.reshape(len(inside), -1), order.reshape(len(inside), -1)
        nearest = distance <= distance[:, :1] + 1e-9
        order, nearest = (part[:, : nearest.sum(-1).max()] for part in (order, nearest))
        weights = nearest / nearest.sum(-1, keepdims=True)
        number = np.arange(obstacle.size).reshape(obstacle.shape)
        cells = number[tuple(inside.T)], number[tuple(surface.T)][order]
        return *(torch.as_tensor(array, device=self.device) for array in cells), self._cast(torch.as_tensor(weights))

    def _ring_of(self, kind, inflow=None):
        """What lies outside the sides (lower x, upper x, lower y, upper y) of a field of this kind.

        Returns:
            For each side the index of the value that is repeated, its factor, and what is added to it.
        """
        rings = []
        for axis, name in ((1, "x"), (0, "y")):
            normal = kind == ("u" if name == "x" else "v")
            last = self.shape[axis] + (kind != "centre" and normal) - 1
            for side, edge, inner in zip(self.sides[name], (0, last), (1, last - 1), strict=True):
                if side == "periodic":  # a normal component holds the first face twice
                    opposite = last - edge
                    rings.append(((last - inner) if normal else opposite, 1.0, 0.0))
                elif side == "inflow" and (kind != "centre" or inflow is not None):
                    rings.append((edge, 0.0, inflow if kind == "centre" else self.inflow["uv".index(kind)]))
                elif kind == "centre" or side == "outflow" or (side == "slip" and not normal):
                    rings.append((edge, 1.0, 0.0))
                elif normal:  # odd about the wall, on which the outermost face lies
                    rings.append((inner, -1.0, 0.0))
                else:  # zero on the wall, half a cell away
                    rings.append((edge, -1.0, 0.0))
        return rings

    def _pair(self, velocity):
        """Returns the velocity, or says why it is none."""
        ny, nx = self.shape
        wanted = ((ny, nx + 1), (ny + 1, nx))
        found = [tuple(field.shape) for field in velocity]
        if (
            len(found) != 2
            or any(len(f) != 3 or f[1:] != w for f, w in zip(found, wanted, strict=False))
            or found[0][0] != found[1][0]
            or not found[0][0]
        ):
            raise ValueError(
                f"A velocity is a pair of shapes (batch, {ny}, {nx + 1}) and (batch, {ny + 1}, {nx}); got {found}."
            )
        for field in velocity:
            self._kept(field, "velocity")
        return velocity

    def _kept(self, field, name):
        """Raises ``ValueError`` if a tensor has another type, or lies elsewhere, than the flow."""
        if field.dtype in (torch.float16, torch.bfloat16):
            raise ValueError(f"The {name} is {field.dtype}: {SHORT} Convert it with .float().")
        if field.dtype != self.dtype or field.device.type != self.device.type:
            raise ValueError(
                f"The {name} is {field.dtype} on {field.device}, the flow {self.dtype} on {self.device}: convert it "
                "with .to(flow.dtype), .to(flow.device), or make the flow with this dtype and device."
            )

    def _field(self, field, kind, batch=None):
        """Returns a field of a kind, or says why it is none."""
        if kind not in ("u", "v", "centre"):
            raise ValueError(f'A field is of kind "u", "v" or "centre", not {kind!r}.')
        ny, nx = self.shape
        wanted = (ny + (kind == "v"), nx + (kind == "u"))
        if field.ndim != 3 or field.shape[1:] != wanted or (batch is not None and len(field) != batch):
            count = "batch" if batch is None else batch
            raise ValueError(
                f'A field of kind "{kind}" has shape ({count}, {wanted[0]}, {wanted[1]}); got {tuple(field.shape)}.'
            )
        self._kept(field, "field")
        return field

    def enforce(self, velocity):
        """Returns the velocity with the prescribed faces set: walls, obstacle and inflow.

        In a periodic direction the first and the last face are the same one: both get their mean.
        """
        fields = []
        for axis, name, field, mask, value in zip(
            (-1, -2), "xy", self._pair(velocity), self._masks, self._values, strict=True
        ):
            if "periodic" in self.sides[name]:
                n = field.shape[axis]
                face = (field.narrow(axis, 0, 1) + field.narrow(axis, n - 1, 1)) / 2
                field = torch.cat([face, field.narrow(axis, 1, n - 2), face], dim=axis)
            fields.append(field * mask + value)
        return tuple(fields)

    def rest(self, batch=1):
        """Returns the velocity that is zero but for the prescribed faces."""
        ny, nx = self.shape
        u = torch.zeros(batch, ny, nx + 1, dtype=self.dtype, device=self.device)
        v = torch.zeros(batch, ny + 1, nx, dtype=self.dtype, device=self.device)
        return self.enforce((u, v))

    def _pad(self, field, kind, inflow=None):
        """Adds a ring of values outside the domain to a field of kind "u", "v" or "centre", and those in the obstacle.

        A scalar has the value ``inflow`` outside an inflow side; ``None`` continues it.
        """
        ghosts, beside, weights = self._ghosts[kind]
        if len(ghosts):
            flat = field.flatten(1)
            field = flat.index_copy(1, ghosts, (flat[:, beside] * weights).sum(-1)).view_as(field)
        rings = self._rings[kind] if kind != "centre" or inflow is None else self._ring_of(kind, inflow)
        for axis, sides in ((-1, rings[:2]), (-2, rings[2:])):
            outside = []
            for source, factor, constant in sides:
                edge = field.narrow(axis, source, 1)
                outside.append(edge if factor == 1 else -edge if factor == -1 else torch.full_like(edge, constant))
            field = torch.cat([outside[0], field, outside[1]], dim=axis)
        return field

    def _table(self, kind, inflow=None):
        """The same for the kernels."""
        rings = self._rings[kind] if kind != "centre" or inflow is None else self._ring_of(kind, inflow)
        source, factor, constant = zip(*rings, strict=True)
        ghosts, beside, weights = (part.numpy() for part in self._ghosts[kind])
        number = weights.dtype
        return np.array(source), np.array(factor, number), np.array(constant, number), ghosts, beside, weights

    # --- advection and diffusion ---------------------------------------------------------------------------------

    def _velocity_at(self, velocity, kind):
        """Components x and y at the points of a field."""
        u, v = velocity
        if kind == "centre":
            return (u[..., 1:] + u[..., :-1]) / 2, (v[..., 1:, :] + v[..., :-1, :]) / 2
        if kind == "u":
            return u, mean_of_four(self._pad(v, "v")[..., 1:-1, :])
        return mean_of_four(self._pad(u, "u")[..., 1:-1]), v

    def _carrying(self, velocity, kind, dt, traces):
        """Components x and y with which the fluid comes to the points of a field in the time ``dt``."""
        carrying = self._velocity_at(velocity, kind)
        padded = [self._pad(field, name) for field, name in zip(velocity, "uv", strict=True)] if traces > 1 else []
        for _ in range(traces - 1):
            x, y = self._departure(carrying, dt / 2)
            # the points of u are half a cell off those of v and those at centres, in x and in y
            carrying = tuple(
                self._sample(
                    field, x + (name == "u") / 2 - (kind == "u") / 2, y + (name == "v") / 2 - (kind == "v") / 2
                )
                for field, name in zip(padded, "uv", strict=True)
            )
        return carrying

    def _departure(self, velocity, dt):
        """Indices (x, y) into the padded field from which each value comes; the velocity is that at its points."""
        vx, vy = velocity
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
        """Bilinear interpolation at indices; outside, the outermost ring continues; NaN at an index that is none."""
        ny, nx = padded.shape[-2:]
        grid = torch.stack([x * (2 / (nx - 1)) - 1, y * (2 / (ny - 1)) - 1], dim=-1)
        # at an index that is not a number torch reads any place in memory, or ends the process
        sampled = functional.grid_sample(
            padded[:, None], grid.nan_to_num(), mode="bilinear", padding_mode="border", align_corners=True
        )[:, 0]
        return sampled + 0 * (x + y)

    def semi_lagrangian(self, field, kind, velocity, *, dt, inflow=0.0, traces=1):
        r"""Moves a field by one step back along the velocity, linear interpolation.

        One trace goes back straight, with the velocity where the fluid arrives: an error of first order in time, which
        squeezes and stretches what turns in a vortex. Further traces go with the velocity half-way along the path
        before. They converge to the midpoint rule, :math:`\mathbf X = \mathbf x - \Delta t\,\mathbf u(\tfrac12(\mathbf
        x + \mathbf X))`, of second order in a steady flow, which keeps areas in a flow without divergence.

        Args:
            field: what moves: a component of a velocity or a scalar at cell centres.
            kind: ``"u"``, ``"v"`` or ``"centre"``.
            velocity: that moves it, a pair.
            dt: time step.
            inflow: value of a scalar beyond inflow sides.
            traces: how often the path is looked for, at least once.

        Raises:
            ValueError: if a shape, type or device does not fit, or ``traces`` is less than 1.
        """
        return self._carry("semi_lagrangian", field, kind, velocity, dt, inflow, traces)

    def mac_cormack(self, field, kind, velocity, *, dt, inflow=0.0, traces=1):
        """Semi-Lagrangian advection with its error estimated by a step back and removed, without new extrema.

        Arguments and errors as in :meth:`semi_lagrangian`.

        Source:
            Selle, Fedkiw, Kim, Liu, Rossignac, An unconditionally stable MacCormack method, J. Sci. Comput. 35 (2008).
        """
        return self._carry("mac_cormack", field, kind, velocity, dt, inflow, traces)

    def _carry(self, scheme, field, kind, velocity, dt, inflow, traces):
        velocity = self._pair(velocity)
        field = self._field(field, kind, len(velocity[0]))
        check_traces(traces)
        if traces == 1 and compiled(field, *velocity) and not any(isinstance(x, Tensor) for x in (dt, inflow)):
            moved = Carry.apply(self, (scheme, kind, dt, inflow), field, *velocity)
        else:
            moved = self._carry_in_torch(scheme, field, kind, velocity, dt, inflow, traces)
        return torch.where(self.obstacle, field, moved) if kind == "centre" and self._solid else moved

    def _carry_in_torch(self, scheme, field, kind, velocity, dt, inflow=0.0, traces=1):
        padded = self._pad(field, kind, inflow)
        x, y = self._departure(self._carrying(velocity, kind, dt, traces), dt)
        forward = self._sample(padded, x, y)
        if scheme == "semi_lagrangian":
            return forward
        there = self._departure(self._carrying(velocity, kind, -dt, traces), -dt)
        backward = self._sample(self._pad(forward, kind, inflow), *there)
        ny, nx = padded.shape[-2:]
        left, low = (i.detach().nan_to_num().floor().clamp(0, n - 2).long() for i, n in ((x, nx), (y, ny)))
        index = (low * (nx - 1) + left).flatten(1)
        # of the four values around a departure point
        lowest, highest = (
            over_four(padded, extreme).flatten(1).gather(1, index).view_as(forward)
            for extreme in (torch.minimum, torch.maximum)
        )
        corrected = forward + (field - backward) / 2
        # torch.clamp loses the gradient where both limits are equal
        return torch.where(corrected < lowest, lowest, torch.where(corrected > highest, highest, corrected))

    def advect(self, velocity, *, dt, scheme="semi_lagrangian", traces=1):
        """Returns the velocity moved by itself; ``scheme`` is ``"semi_lagrangian"`` or ``"mac_cormack"``."""
        if scheme not in SCHEMES:
            raise ValueError(f"A scheme is one of {', '.join(SCHEMES)}; got {scheme!r}.")
        return tuple(
            self._carry(scheme, field, kind, velocity, dt, 0.0, traces)
            for field, kind in zip(velocity, "uv", strict=True)
        )

    def diffuse(self, field, kind, *, dt, nu, inflow=0.0):
        r"""Explicit Euler step of diffusion; stable for :math:`\nu\Delta t/\Delta x^2 \le 1/4`.

        Args:
            field, kind, inflow: as in :meth:`semi_lagrangian`.
            dt: time step.
            nu: diffusivity, a number or one value an element of the batch, shape ``(batch,)``.

        Raises:
            ValueError: if the diffusivity is negative, not finite or has another shape, or the step is unstable; if a
                shape, type or device does not fit.
        """
        field = self._field(field, kind)
        return self._spread(field, kind, self._diffusion_number(nu, dt, field), inflow)

    def _diffusion_number(self, nu, dt, field):
        r""":math:`\nu\Delta t/\Delta x^2`, a number or shape (batch,)."""
        if not isinstance(nu, (Real, Tensor)):
            raise ValueError(f"nu is a number or a tensor of shape ({len(field)},), one value a flow; got {type(nu)}.")
        number = nu * (dt / self.dx**2)
        if isinstance(nu, Tensor):
            if nu.ndim > 1 or (nu.ndim == 1 and len(nu) != len(field)):
                raise ValueError(
                    f"nu is a number or has shape ({len(field)},), one value a flow; got {tuple(nu.shape)}."
                )
            number = number.to(field)
        # a look at values on a GPU would wait for it in every step
        if not (isinstance(nu, Tensor) and nu.is_cuda):
            least, most = (float(x) for x in number.detach().aminmax()) if isinstance(nu, Tensor) else (number, number)
            if not (least >= 0 and math.isfinite(most)):
                raise ValueError(f"nu must be finite and not negative, got {nu}.")
            if most > 0.25:
                raise ValueError(f"nu dt / dx² = {most:.2f} exceeds 1/4: take a smaller time step.")
        return number

    def _spread(self, field, kind, number, inflow=0.0):
        """Adds the diffusion number times the second differences."""
        p = self._pad(field, kind, inflow)
        if isinstance(number, Tensor):
            number = number.reshape(-1, 1, 1)
        if kind == "centre" and self._solid:
            across = [p[..., 1:-1, :].diff(dim=-1) * self._open[0], p[..., :, 1:-1].diff(dim=-2) * self._open[1]]
            return field + number * (across[0].diff(dim=-1) + across[1].diff(dim=-2))
        around = p[..., 1:-1, 2:] + p[..., 1:-1, :-2] + p[..., 2:, 1:-1] + p[..., :-2, 1:-1]
        return field + number * (around - 4 * field)

    def _advance_in_torch(self, velocity, number, dt, scheme, traces=1):
        """Advection and, where ``number`` is not None, diffusion of a velocity."""
        velocity = self.enforce(velocity)
        velocity = tuple(
            self._carry_in_torch(scheme, velocity["uv".index(kind)], kind, velocity, dt, traces=traces) for kind in "uv"
        )
        if number is None:
            return velocity
        return tuple(
            self._spread(field, kind, number) for field, kind in zip(self.enforce(velocity), "uv", strict=True)
        )

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

    def _plan_transforms(self):
        """The inverse eigenvalues of the pressure equation for the waves of fast transforms, or None without these.

        They take a wall or an outflow at both sides of a direction; a wall at one and an outflow at the other have no
        fast transform. On small grids matrix products are as fast, and a GPU has but the periodic ones.
        """
        kinds = [waves_of(self.sides[name]) for name in "yx"]
        here = self.device.type == "cpu" and min(self.shape) >= 48
        if None in kinds or not (kinds == ["periodic", "periodic"] or here):
            return None
        ly, lx = (eigenvalues(n, kind) for n, kind in zip(self.shape, kinds, strict=True))
        if kinds[1] == "periodic":
            lx = lx[: self.shape[1] // 2 + 1]
        elif kinds[0] == "periodic":
            ly = ly[: self.shape[0] // 2 + 1]
        total = ly[:, None] + lx
        inverse = torch.where(total.abs() < 1e-10, 0.0, 1 / total)
        return kinds, self._cast(inverse)

    def _solve_box(self, rhs):
        """The pressure without obstacle, for cells of size 1."""
        # functional transforms and torch.compile do not see through scipy
        if self._spectrum is None or not (self._spectrum[0] == ["periodic", "periodic"] or plain(rhs)):
            return self._qy @ (self._inverse * (self._qy.T @ rhs @ self._qx)) @ self._qx.T
        kinds, inverse = self._spectrum
        if kinds == ["periodic", "periodic"]:
            return torch.fft.irfft2(torch.fft.rfft2(rhs) * inverse, s=self.shape)
        return Transforms.apply(rhs, kinds, inverse)

    def solve_pressure(self, divergence):
        r"""Returns :math:`\phi = \Delta t\,p` with :math:`\nabla^2\phi` = ``divergence``, both ``(batch, y, x)``."""
        return self._solve(self._field(divergence, "centre") * self.dx**2)

    def _solve(self, rhs):
        """The pressure for cells of size 1."""
        phi = self._solve_box(rhs)
        a, b = self._closed
        if len(a):
            flat = phi.flatten(1)
            phi = phi - ((flat[:, a] - flat[:, b]) @ self._correction).view_as(phi)
        return phi

    def divergence(self, velocity) -> Tensor:
        """Returns the net outflow of each cell, shape ``(batch, y, x)``."""
        u, v = self._pair(velocity)
        return (u[..., 1:] - u[..., :-1] + v[..., 1:, :] - v[..., :-1, :]) / self.dx

    def project(self, velocity):
        """Returns the velocity without divergence that is nearest, with the boundary conditions met."""
        velocity = self._pair(velocity)
        return Project.apply(self, *velocity) if compiled(*velocity) else self._project_in_torch(velocity)

    def _project_in_torch(self, velocity):
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

    def step(self, velocity, *, dt, nu=0.0, force=None, scheme="semi_lagrangian", traces=1):
        """One time step: advection, diffusion, force, projection.

        Advection comes first, since the velocity is then free of divergence. The force comes after diffusion, as the
        pressure does: a flow in which both balance friction stays steady, also in the cells at a wall.

        Args:
            velocity: pair of shapes ``(batch, y, x + 1)`` and ``(batch, y + 1, x)``.
            dt: time step.
            nu: viscosity, a number or shape ``(batch,)``.
            force: acceleration on the faces, a pair like the velocity.
            scheme: ``"semi_lagrangian"`` or ``"mac_cormack"``.
            traces: see :meth:`semi_lagrangian`.

        Returns:
            The velocity one step later.

        Raises:
            ValueError: if the time step is not positive, or as in :meth:`diffuse` and :meth:`advect`.
        """
        if not (math.isfinite(dt) and dt > 0):
            raise ValueError(f"The time step must be positive, got {dt}.")
        if scheme not in SCHEMES:
            raise ValueError(f"A scheme is one of {', '.join(SCHEMES)}; got {scheme!r}.")
        check_traces(traces)
        velocity = self._pair(velocity)
        diffuses = not isinstance(nu, Real) or nu != 0
        number = self._diffusion_number(nu, dt, velocity[0]) if diffuses else None
        if diffuses:
            number = torch.as_tensor(number, dtype=self.dtype, device=self.device).expand(len(velocity[0]))
        inputs = velocity if number is None else (*velocity, number)
        if traces == 1 and compiled(*inputs) and not isinstance(dt, Tensor):
            velocity = Advance.apply(self, (dt, scheme), number, *velocity)
        else:
            velocity = self._advance_in_torch(velocity, number, dt, scheme, traces)
        if force is not None:
            velocity = tuple(field + dt * f for field, f in zip(velocity, self._pair(force), strict=True))
        return self.project(velocity)

    def to_centres(self, velocity) -> Tensor:
        """Returns the velocity at cell centres, shape ``(batch, 2, y, x)``, x component first."""
        return torch.stack(self._velocity_at(self._pair(velocity), "centre"), dim=1)

    def to_faces(self, field):
        """Returns a vector field given at cell centres, shape ``(batch, 2, y, x)``, on the faces, as a pair."""
        if field.ndim != 4 or field.shape[1] != 2:
            raise ValueError(f"A field at centres has shape (batch, 2, y, x), got {tuple(field.shape)}.")
        x, y = (self._pad(self._field(field[:, i], "centre"), "centre") for i in (0, 1))
        return (x[..., 1:-1, 1:] + x[..., 1:-1, :-1]) / 2, (y[..., 1:, 1:-1] + y[..., :-1, 1:-1]) / 2

    def vorticity(self, velocity) -> Tensor:
        r"""Returns :math:`\partial_x v - \partial_y u` at the inner cell corners, shape ``(batch, y - 1, x - 1)``."""
        u, v = self._pair(velocity)
        return (v[..., 1:-1, :].diff(dim=-1) - u[..., 1:-1].diff(dim=-2)) / self.dx


# --- the kernels as operations of torch ------------------------------------------------------------------------------


def plain(*tensors) -> bool:
    """Returns whether these tensors lie on the CPU and want plain reverse gradients at most."""
    if torch.compiler.is_compiling() or any(tensor.device.type != "cpu" for tensor in tensors):
        return False
    return not any(
        torch._C._functorch.is_functorch_wrapped_tensor(tensor) or forward_ad.unpack_dual(tensor).tangent is not None
        for tensor in tensors
    )


def compiled(*tensors) -> bool:
    """Returns whether the kernels can take these tensors."""
    return kernels is not None and plain(*tensors)


def arrays(*tensors):
    return tuple(tensor.detach().contiguous().numpy() for tensor in tensors)


def again(ctx, run, gradients):
    """The gradient by torch's own operations, for one that is to be differentiated itself."""
    # views: where one input was made from another, its gradient must not go on through that one's history
    inputs = [tensor if tensor is None else tensor.view_as(tensor) for tensor in ctx.saved_tensors]
    wanted = [tensor for tensor in inputs if tensor is not None and tensor.requires_grad]
    found = iter(torch.autograd.grad(run(*inputs), wanted, gradients, create_graph=True, allow_unused=True))
    return tuple(next(found) if tensor is not None and tensor.requires_grad else None for tensor in inputs)


class Advance(torch.autograd.Function):
    """Advection and diffusion of a velocity: ``apply(flow, (dt, scheme), number or None, u, v)``."""

    @staticmethod
    def forward(ctx, flow, settings, number, u, v):
        ctx.flow, ctx.settings = flow, settings
        ctx.save_for_backward(number, u, v)
        fields = arrays(u, v)
        moved = tuple(np.empty_like(field) for field in fields)
        kernels.advance(*fields, *Advance.options(flow, settings, number, fields), *moved)
        return tuple(torch.from_numpy(field) for field in moved)

    @staticmethod
    def options(flow, settings, number, fields):
        (dt, scheme), kind = settings, fields[0].dtype
        numbers = np.empty(0, kind) if number is None else arrays(number)[0]
        shift, corrected = kind.type(dt / flow.dx), scheme == "mac_cormack"
        return flow._mask_arrays, flow._value_arrays, flow._tables, flow._periodic, shift, corrected, numbers

    @staticmethod
    def backward(ctx, *gradients):
        number, u, v = ctx.saved_tensors
        if torch.is_grad_enabled():
            dt, scheme = ctx.settings
            return None, None, *again(ctx, lambda n, *uv: ctx.flow._advance_in_torch(uv, n, dt, scheme), gradients)
        fields = arrays(u, v)
        options = Advance.options(ctx.flow, ctx.settings, number, fields)
        found = tuple(np.empty_like(array) for array in (*fields, options[-1]))
        kernels.advance_adjoint(*arrays(*gradients), *fields, *options, *found)
        g_u, g_v, g_number = (torch.from_numpy(array) for array in found)
        return None, None, None if number is None else g_number, g_u, g_v


class Carry(torch.autograd.Function):
    """Advection of a field by a velocity: ``apply(flow, (scheme, kind, dt, inflow), field, u, v)``."""

    @staticmethod
    def forward(ctx, flow, settings, field, u, v):
        ctx.flow, ctx.settings = flow, settings
        ctx.save_for_backward(field, u, v)
        fields = arrays(field, u, v)
        moved = np.empty_like(fields[0])
        kernels.carry(*fields, *Carry.options(flow, settings, fields[0].dtype), moved)
        return torch.from_numpy(moved)

    @staticmethod
    def options(flow, settings, dtype):
        scheme, kind, dt, inflow = settings
        tables = *flow._tables, flow._table(kind, inflow)
        shift = dtype.type(dt / flow.dx)
        return tables, ("u", "v", "centre").index(kind), shift, flow._periodic, scheme == "mac_cormack"

    @staticmethod
    def backward(ctx, gradient):
        if torch.is_grad_enabled():
            scheme, kind, dt, inflow = ctx.settings
            return (
                None,
                None,
                *again(ctx, lambda f, *uv: ctx.flow._carry_in_torch(scheme, f, kind, uv, dt, inflow), gradient),
            )
        fields = arrays(*ctx.saved_tensors)
        found = tuple(np.zeros_like(field) for field in fields)
        options = Carry.options(ctx.flow, ctx.settings, fields[0].dtype)
        kernels.carry_adjoint(*arrays(gradient), *fields, *options, *found)
        return None, None, *(torch.from_numpy(field) for field in found)


class Project(torch.autograd.Function):
    """Projection of a velocity: ``apply(flow, u, v)``. The pressure equation is symmetric: its own adjoint."""

    @staticmethod
    def forward(ctx, flow, u, v):
        ctx.flow = flow
        ctx.save_for_backward(u, v)
        masks, values, periodic = flow._mask_arrays, flow._value_arrays, flow._periodic
        fields = arrays(u, v)
        out_u, out_v = (np.empty_like(field) for field in fields)
        outflow = np.empty((len(u), *flow.shape), out_u.dtype)
        kernels.divergence(*fields, masks, values, periodic, out_u, out_v, outflow)
        # outflow and gradient lack a factor of 1 / dx each, which the pressure of cells of size 1 makes good
        kernels.subtract_gradient(out_u, out_v, *arrays(flow._solve(torch.from_numpy(outflow))), masks, periodic)
        return torch.from_numpy(out_u), torch.from_numpy(out_v)

    @staticmethod
    def backward(ctx, *gradients):
        flow = ctx.flow
        if torch.is_grad_enabled():
            return None, *again(ctx, lambda *uv: flow._project_in_torch(uv), gradients)
        masks, periodic = flow._mask_arrays, flow._periodic
        fields = arrays(*gradients)
        outflow = np.empty((len(fields[0]), *flow.shape), fields[0].dtype)
        kernels.subtract_gradient_adjoint(*fields, masks, periodic, outflow)
        found = tuple(np.empty_like(field) for field in fields)
        kernels.divergence_adjoint(*fields, *arrays(flow._solve(torch.from_numpy(outflow))), masks, periodic, *found)
        return None, *(torch.from_numpy(field) for field in found)


class Transforms(torch.autograd.Function):
    """Division by eigenvalues between fast transforms, which is symmetric: ``apply(rhs, kinds (y, x), inverse)``."""

    @staticmethod
    def forward(ctx, rhs, kinds, inverse):
        ctx.kinds, ctx.inverse = kinds, inverse
        return torch.from_numpy(transform(rhs.detach().numpy(), kinds, inverse.numpy()))

    @staticmethod
    def backward(ctx, gradient):
        return Transforms.apply(gradient, ctx.kinds, ctx.inverse), None, None


def transform(rhs, kinds, inverse):
    axes = [(axis, kind) for axis, kind in zip((-2, -1), kinds, strict=True) if kind != "periodic"]
    waves = rhs
    for axis, kind in axes:
        waves = (fft.dct if kind == "even" else fft.dst)(waves, type=2 if kind == "even" else 1, axis=axis)
    if "periodic" in kinds:
        axis = kinds.index("periodic") - 2
        waves = fft.irfft(fft.rfft(waves, axis=axis) * inverse, rhs.shape[axis], axis=axis)
    else:
        waves = waves * inverse
    for axis, kind in axes:
        waves = (fft.idct if kind == "even" else fft.idst)(waves, type=2 if kind == "even" else 1, axis=axis)
    return waves


def mean_of_four(field) -> Tensor:
    """Returns the mean of each value and its upper, right and diagonal neighbours."""
    columns = field[..., 1:, :] + field[..., :-1, :]
    return (columns[..., 1:] + columns[..., :-1]) / 4


def over_four(field, extreme) -> Tensor:
    """Returns the lowest or highest of each value and its upper, right and diagonal neighbours."""
    columns = extreme(field[..., 1:, :], field[..., :-1, :])
    return extreme(columns[..., 1:], columns[..., :-1])


def check_traces(traces) -> None:
    if not traces >= 1:
        raise ValueError(f"The path has to be looked for at least once, got traces={traces}.")


def sides_of(kinds) -> tuple[str, str]:
    pair = (kinds, kinds) if isinstance(kinds, str) or kinds is None else tuple(kinds)
    if len(pair) != 2 or any(kind not in KINDS for kind in pair):
        raise ValueError(f"A boundary is one or two of {', '.join(KINDS)}; got {kinds!r}.")
    if (pair[0] == "periodic") != (pair[1] == "periodic"):
        raise ValueError("Both sides of a direction are periodic, or none.")
    return pair


def inflow_of(inflow, sides) -> tuple[float, float]:
    """Returns the velocity at inflow sides; raises ``ValueError`` if none enters there."""
    velocity = tuple(float(component) for component in inflow)
    if len(velocity) != 2 or not all(math.isfinite(component) for component in velocity):
        raise ValueError(f"The inflow is a velocity (u, v) of two finite numbers, got {inflow}.")
    # into the domain is up at the lower side and down at the upper one
    speeds = {
        f"{position} {name} side": speed * sign
        for name, speed in zip("xy", velocity, strict=True)
        for side, position, sign in zip(sides[name], ("lower", "upper"), (1, -1), strict=True)
        if side == "inflow"
    }
    if not speeds and any(velocity):
        raise ValueError(f"The inflow {velocity} has no side to enter by: make one side 'inflow'.")
    for side, speed in speeds.items():
        if speed <= 0:
            raise ValueError(f"With the inflow {velocity} nothing flows in at the {side}.")
    return velocity


def waves_of(sides):
    """Returns which waves the pressure has between two sides: "periodic", "even", "odd", or None of them."""
    if "periodic" in sides:
        return "periodic"
    return {0: "even", 1: None, 2: "odd"}[sides.count("outflow")]


def eigenvalues(n, kind) -> Tensor:
    """Returns those of :func:`second_difference`, in the order of the transforms, shape (n,)."""
    k = torch.arange(n, dtype=torch.float64)
    angle = {"periodic": 2 * k / n, "even": k / n, "odd": (k + 1) / (n + 1)}[kind] * math.pi
    return 2 * torch.cos(angle) - 2


def open_faces(obstacle, sides) -> tuple[Tensor, Tensor]:
    """Returns masks of the faces that do not touch a cell of the obstacle, shapes (y, x + 1) and (y + 1, x)."""
    masks = []
    for axis, name in ((1, "x"), (0, "y")):
        periodic = "periodic" in sides[name]
        first, last = obstacle.narrow(axis, 0, 1), obstacle.narrow(axis, obstacle.shape[axis] - 1, 1)
        ends = (last, first) if periodic else (first, last)
        padded = torch.cat([ends[0], obstacle, ends[1]], dim=axis)
        n = obstacle.shape[axis] + 1
        masks.append(~(padded.narrow(axis, 0, n) | padded.narrow(axis, 1, n)))
    return tuple(masks)


def check_ways_out(obstacle, sides) -> None:
    """Raises ``ValueError`` if fluid flows into an obstacle, or into a region that it cannot leave."""
    edges = {("x", 0): np.s_[:, 0], ("x", 1): np.s_[:, -1], ("y", 0): np.s_[0, :], ("y", 1): np.s_[-1, :]}
    at = {kind: [edges[n, i] for n in "xy" for i in (0, 1) if sides[n][i] == kind] for kind in KINDS}
    if any(obstacle[edge].any() for edge in at["inflow"]):
        raise ValueError("The obstacle lies at an inflow side: leave at least one cell of fluid in front of it.")
    regions, _ = ndimage.label(~obstacle)
    for name, first, last in (("x", regions[:, 0], regions[:, -1]), ("y", regions[0], regions[-1])):
        if "periodic" in sides[name]:  # what touches across the seam is one region
            for a, b in zip(first, last, strict=True):
                if a and b:
                    regions[regions == b] = a
    fed, drained = ({*np.concatenate([regions[e] for e in at[kind]] or [[0]])} - {0} for kind in ("inflow", "outflow"))
    if fed - drained:
        raise ValueError("The obstacle cuts the channel: fluid flows into a region that has no outflow.")


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
