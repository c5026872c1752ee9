"""Makes the data set `wake`: flow past a cylinder on a fine grid, all Reynolds numbers as one batch, averaged 4 × 4.

`wake.py OUTPUT.hdf5 [COUNT [FRAMES [START_UP]]]`: the first COUNT Reynolds numbers (default: all), FRAMES frames of
each after START_UP frames that are left out. All of it takes about three minutes on one core. OUTPUT_fine.hdf5 gets
the first two frames of the test cases on the fine grid, from which other solvers can start.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pbdl_helpers import datasets
from pbdl_helpers.fluids import Flow

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from openfoam import quantise

WIDTH, HEIGHT = 100.0, 200.0  # of the channel
CENTRE, RADIUS = (50.0, 50.0), 10.0  # of the cylinder, (x, y)
SPEED = 1.0  # of the inflow, along y
SHAPE = (64, 32)  # stored cells (y, x)
FINER = 4  # in space and in time
DT = 1.0  # between stored frames
START_UP = 2000  # frames computed and left out, until the vortex street is established
FRAMES = 300
SEED = 0
# the six of the training set, then the four of the test set: two inside the range and one beyond either end
REYNOLDS = [97.65625 * 2**k for k in range(6)] + [73.2421875 * 4**k for k in range(4)]
STEPS = 1024  # velocities are rounded to multiples of 2 / 1024 in units of the inflow: they compress well


def cylinder(shape) -> torch.Tensor:
    """Returns the mask of the cells whose centre is in the cylinder, shape (y, x)."""
    ny, nx = shape
    y, x = (torch.arange(ny) + 0.5) * HEIGHT / ny, (torch.arange(nx) + 0.5) * WIDTH / nx
    return (x - CENTRE[0]) ** 2 + (y[:, None] - CENTRE[1]) ** 2 < RADIUS**2


def channel(shape, **options) -> Flow:
    """Returns the flow's geometry on a grid (y, x): walls at the sides, inflow below, outflow above."""
    sides = {"x": "wall", "y": ("inflow", "outflow"), "inflow": (0.0, SPEED)}
    return Flow(shape, WIDTH / shape[1], obstacle=cylinder(shape), **sides, **options)


def coarsen(velocity):
    """Averages the fine faces that make up a coarse face: this keeps the flow through it, so the divergence stays."""
    u, v = velocity
    u = u[..., ::FINER].unflatten(-2, (-1, FINER)).mean(-2)
    v = v[..., ::FINER, :].unflatten(-1, (-1, FINER)).mean(-1)
    return u, v


def pack(velocity) -> np.ndarray:
    """Returns both components in one array (batch, 2, y + 1, x + 1); the row and the column that one lacks are zero."""
    u, v = velocity
    ny, nx = v.shape[-2] - 1, u.shape[-1] - 1
    packed = torch.zeros(len(u), 2, ny + 1, nx + 1)
    packed[:, 0, :ny, :] = u
    packed[:, 1, :, :nx] = v
    return packed.numpy()


def simulate(reynolds, frames, start_up) -> tuple[np.ndarray, np.ndarray]:
    """Returns the stored frames, shape (batch, frames, 2, y + 1, x + 1), and the first two on the fine grid."""
    flow = channel((SHAPE[0] * FINER, SHAPE[1] * FINER))
    nu = torch.tensor([SPEED * 2 * RADIUS / number for number in reynolds])
    generator = torch.Generator().manual_seed(SEED)
    u, v = flow.rest(len(reynolds))
    noise = 0.1 * torch.randn(1, *u.shape[1:], generator=generator)  # the same for all, breaks the symmetry
    velocity = flow.project((u + noise, v + SPEED))
    stored, fine = [], []
    for frame in tqdm(range(start_up + frames), unit="frame", disable=None):
        for _ in range(FINER):
            velocity = flow.step(velocity, dt=DT / FINER, nu=nu, scheme="mac_cormack")
        if frame >= start_up:
            stored.append(pack(coarsen(velocity)))
            if len(fine) < 2:
                fine.append(pack(velocity))
    return np.stack(stored, axis=1), np.stack(fine, axis=1)


def save(output, sims, cases, dt, dx) -> None:
    datasets.write(
        output,
        [np.stack([quantise(component, STEPS) for component in sim.swapaxes(0, 1)], axis=1) for sim in sims],
        [{"Reynolds": REYNOLDS[case]} for case in cases],
        PDE="incompressible Navier-Stokes",
        Fields=["VelocityX", "VelocityY"],
        Fields_Scheme="VV",
        Dt=dt,
        Dx=dx,
        Training=[i for i, case in enumerate(cases) if case < 6],
        Test=[i for i, case in enumerate(cases) if case >= 6],
        Viscosity="2 r U / Reynolds, with r = 10, U = 1",
    )


def main(output, count=10, frames=FRAMES, start_up=START_UP) -> None:
    torch.set_num_threads(1)
    start = time.perf_counter()
    reynolds = REYNOLDS[:count]
    with torch.no_grad():
        sims, fine = simulate(reynolds, frames, start_up)
    output = Path(output)
    save(output, sims, range(count), DT, WIDTH / SHAPE[1])
    if count > 6:
        test = range(6, count)
        save(output.with_stem(output.stem + "_fine"), fine[6:], test, DT, WIDTH / SHAPE[1] / FINER)
    print(f"{output}: {sims.shape} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
