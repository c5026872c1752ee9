"""The data set `ellipse`: pressure on ellipses of varying thickness in a channel, with laminar vortex shedding.

`ellipse.py case INDEX OUTPUT.npz` computes one case, `ellipse.py collect OUTPUT.hdf5 CASE.npz …` makes the file.
Units: length of the ellipse, inflow velocity and density are 1.
"""

import functools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.stats import qmc

sys.path.insert(0, str(Path(__file__).parents[1]))
import openfoam

from pbdl_helpers import datasets

SEED = 0
NODES = 80
EDGES = 2 * NODES  # of the mesh on the ellipse
STEP, INTERVAL = 0.01, 10  # time step; steps between stored states
START, FRAMES = 30.0, 101
RE, THICKNESS, HEIGHT = (500, 1000), (0.5, 0.8), (5.0, 6.0)
SPLITS = {  # name: number of cases, ranges of Reynolds number and thickness
    "Train": (34, RE, THICKNESS),
    "InDist": (8, RE, THICKNESS),
    "LowRe": (3, (400, 500), THICKNESS),
    "HighRe": (3, (1000, 1100), THICKNESS),
    "Thin": (3, RE, (0.4, 0.5)),
    "Thick": (3, RE, (0.8, 0.9)),
}
TEMPLATES = Path(__file__).parent / "template"


@functools.cache
def cases() -> list[dict]:
    """Returns Reynolds number, thickness and channel height of each case, spread evenly in each split."""
    result = []
    for k, (split, (count, reynolds, thickness)) in enumerate(SPLITS.items()):
        low, high = zip(reynolds, thickness, HEIGHT, strict=True)
        points = qmc.scale(qmc.LatinHypercube(3, rng=SEED + k, optimization="random-cd").random(count), low, high)
        for values in points.round(4).tolist():
            result.append({"split": split, **dict(zip(("reynolds", "thickness", "height"), values, strict=True))})
    return result


def outline(thickness, n=EDGES) -> np.ndarray:
    """Returns an ellipse of length 1, counter-clockwise from its rear, n equal edges along the arc, shape (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, 20001)
    dense = np.stack([np.cos(angle), thickness * np.sin(angle)], axis=1) / 2
    arc = np.r_[0, np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))]
    angle = np.interp(arc[-1] * np.arange(n) / n, arc, angle)
    return np.stack([np.cos(angle), thickness * np.sin(angle)], axis=1) / 2


def edges() -> np.ndarray:
    """Returns the ring that joins each node to its neighbours, both ways, shape (2, 2 · nodes)."""
    node = np.arange(NODES)
    after = np.roll(node, -1)
    return np.stack([np.r_[node, after], np.r_[after, node]])


def mesh(thickness, height) -> str:
    return openfoam.geometry(
        outline(thickness),
        domain=(-4.5, 8.0, -height / 2, height / 2),
        sides=("walls", "outlet", "walls", "inlet"),
        first_layer=0.008,
        layers=9,
        growth=1.15,
        size="0.02 + 0.12 * F1",
        boxes=[(-0.6, 3.0, -0.8, 0.8, 0.06, 0.35, 3.0)],
        quads=True,
    )


def solve(reynolds, thickness, height, folder, **changes) -> dict:
    """Computes a case in a new folder; `changes` are other values of the templates' names.

    Returns:
        ``pressure``, shape (frames, nodes); ``forces``, rows (time, drag, lift); ``cells``.
    """
    values = {
        "viscosity": 1 / reynolds,
        "thickness": thickness,
        "step": STEP,
        "interval": INTERVAL,
        "start": START - STEP / 2,
        "end": START + (FRAMES - 1) * INTERVAL * STEP,
    }
    cells = openfoam.prepare(TEMPLATES, folder, {**values, **changes}, mesh(thickness, height))
    openfoam.run(["setFields"], folder)
    openfoam.run(["pimpleFoam"], folder)
    nodes = outline(thickness)[::2]
    folders = sorted((folder / "postProcessing" / "surface").iterdir(), key=lambda path: float(path.name))
    first = np.loadtxt(folders[0] / "p_body.raw")
    plane = np.nonzero(np.abs(first[:, 2]) < 1e-6)[0]  # the points at one side of the layer of cells
    distance = np.linalg.norm(first[plane, None, :2] - nodes, axis=-1)
    index = plane[distance.argmin(axis=0)]
    if distance.min(axis=0).max() > 1e-5:
        raise RuntimeError(f"{folder} has no pressure at some nodes.")
    pressure = np.stack([np.loadtxt(path / "p_body.raw")[index, 3] for path in folders])
    return {"pressure": pressure, "forces": openfoam.forces(folder), "cells": cells}


def compute(index, output) -> None:
    case = cases()[index]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        result = solve(case["reynolds"], case["thickness"], case["height"], Path(scratch) / "case")
    seconds = time.perf_counter() - start
    openfoam.save(output, **result, seconds=seconds)
    print(case, f"{result['cells']} cells, {seconds:.0f} s", flush=True)


def collect(output, files) -> None:
    sims, constants, nodes, splits = [], [], [], []
    for case, file in zip(cases(), files, strict=False):
        record = np.load(file)
        times, drag, lift = record["forces"][record["forces"][:, 0] > START - STEP / 2].T
        length = openfoam.period(times, lift)
        states = round(np.floor((FRAMES - 1) * STEP * INTERVAL / length) * length / (STEP * INTERVAL))
        sims.append(record["pressure"][:, None].astype(np.float32))
        values = {"Reynolds": case["reynolds"], "Thickness": case["thickness"], "Height": case["height"]}
        forces = {"drag": drag.mean(), "lift": lift.mean(), "lift_amplitude": np.ptp(lift) / 2}
        constants.append({**values, "period": length, "states": states, **forces, "cells": int(record["cells"])})
        nodes.append(outline(case["thickness"])[::2])
        splits.append(case["split"])
    datasets.write(
        output,
        sims,
        constants,
        PDE="Navier-Stokes, incompressible, laminar",
        Fields=["pressure"],
        Fields_Scheme="p",
        Dt=STEP * INTERVAL,
        Nodes=np.array(nodes),
        Edges=edges(),
        Split=splits,
        Training=[i for i, split in enumerate(splits) if split == "Train"],
        Test=[i for i, split in enumerate(splits) if split != "Train"],
    )


if __name__ == "__main__":
    if sys.argv[1] == "case":
        compute(int(sys.argv[2]), sys.argv[3])
    else:
        collect(sys.argv[2], sys.argv[3:])
