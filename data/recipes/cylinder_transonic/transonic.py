"""The data set `cylinder_transonic`: compressible flow past a cylinder at Mach numbers from 0.5 to 0.9.

`transonic.py case INDEX OUTPUT.npz` computes one Mach number, `transonic.py collect OUTPUT.hdf5 CASE.npz …` makes the
file. Units: diameter, speed of sound and density of the free stream are 1, so that its pressure is 1 / 1.4.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import openfoam

from pbdl_helpers import datasets

GAMMA = 1.4
REYNOLDS = 1e4
TRAINING = (0.53, 0.57, 0.61, 0.64, 0.70, 0.72, 0.75, 0.80, 0.85, 0.90)
INSIDE, OUTSIDE = (0.67, 0.78), (0.50,)
MACH = TRAINING + INSIDE + OUTSIDE
FINE = (0.70, 0.67)  # also stored at the full resolution
DT = 0.5  # diameters per speed of sound
START, FRAMES, FINE_FRAMES = 50.0, 200, 60
DOMAIN = (-20.0, 40.0, -30.0, 30.0)
WINDOW = (-1.5, 10.5, -3.0, 3.0)
SHAPE = (64, 128)  # of the samples, (y, x)
REST = np.array([0.0, 0.0, 1.0, 1 / GAMMA])[:, None, None]  # what stands in the cylinder
EDGES = 120  # of the cylinder's outline
ONSET = np.arange(1.0, 9.0)  # times at which the forces on the body are kept, to compare a brief run with
STEPS = 256
TEMPLATES = Path(__file__).parent / "template"


def outline() -> np.ndarray:
    angle = 2 * np.pi * np.arange(EDGES) / EDGES
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1) / 2


def mesh() -> str:
    return openfoam.geometry(
        outline(),
        domain=DOMAIN,
        sides=("farfield",) * 4,
        first_layer=0.015,
        layers=6,
        growth=1.15,
        size="0.035 + 0.08 * F1 + 0.02 * F1^2",
        boxes=[(-1.0, 6.0, -1.5, 1.5, 0.1, 3.0, 12), (-2.0, 11.0, -2.8, 2.8, 0.15, 3.0, 10)],
        quads=True,
    )


def grid(shape) -> np.ndarray:
    """Returns the centres of the cells of the window, shape (y, x, 2)."""
    x0, x1, y0, y1 = WINDOW
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    return np.stack(np.meshgrid(x0 + (x1 - x0) * x, y0 + (y1 - y0) * y), axis=-1)


def fluid(shape) -> np.ndarray:
    return np.linalg.norm(grid(shape), axis=-1) > 0.5 * np.cos(np.pi / EDGES) + 1e-3


def fill(fields) -> np.ndarray:
    """Sets velocity 0, density 1 and the free stream's pressure in the cylinder; fields (frames, 4, y, x)."""
    return np.where(fluid(fields.shape[-2:]), fields, REST)


def coarsen(fields) -> np.ndarray:
    """Averages the fluid among 2 × 2 points; all points in the cylinder give :data:`REST`."""
    *lead, ny, nx = fields.shape
    weight = np.broadcast_to(fluid((ny, nx)), fields.shape)
    blocks = [part.reshape(*lead, ny // 2, 2, nx // 2, 2).sum(axis=(-3, -1)) for part in (weight * fields, weight)]
    return np.where(blocks[1] > 0, blocks[0] / np.maximum(blocks[1], 1), REST)


def solve(mach, folder, **changes) -> dict:
    """Computes a case in a new folder; `changes` are other values of the templates' names.

    Returns:
        ``fields`` (ux, uy, density, pressure), shape (frames, 4, y, x); ``forces``, rows (time, drag, lift); ``cells``.
    """
    points, mask = grid(SHAPE), fluid(SHAPE)
    values = {
        "mach": mach,
        "disturbance": 0.05 * mach,
        "pressure": 1 / GAMMA,
        "molar_mass": 8314.47 * GAMMA,
        "viscosity": mach / REYNOLDS,
        "courant": 0.35,
        "start": START + DT / 2,
        "end": START + FRAMES * DT,
        "interval": DT,
        "points": openfoam.listed(points[mask]),
    }
    cells = openfoam.prepare(TEMPLATES, folder, {**values, **changes}, mesh())
    openfoam.run(["rhoCentralFoam"], folder)
    flow = openfoam.samples(folder / "postProcessing" / "window", mask, points, {"p_rho": 2, "U": 3})
    fields = fill(flow[:, [2, 3, 1, 0]])
    return {"fields": fields.astype(np.float32), "forces": openfoam.forces(folder), "cells": cells}


def compute(index, output) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        result = solve(MACH[index], Path(scratch) / "case")
    seconds = time.perf_counter() - start
    openfoam.save(output, **result, seconds=seconds)
    print(f"Mach {MACH[index]}: {len(result['fields'])} frames, {result['cells']} cells, {seconds:.0f} s", flush=True)


def forces_at(times, forces) -> np.ndarray:
    """Returns (drag, lift) at these times, shape (times, 2), from rows (time, drag, lift)."""
    return np.stack([np.interp(times, forces[:, 0], column) for column in forces[:, 1:].T], axis=1)


def quantised(fields) -> np.ndarray:
    """Rounds each of the four fields over all frames, shape (frames, 4, y, x)."""
    return np.stack([openfoam.quantise(field, STEPS) for field in fields.swapaxes(0, 1)], axis=1)


def collect(output, files) -> None:
    sims, fine, constants, onset, seconds = [], [], [], [], []
    for mach, file in zip(MACH, files, strict=False):
        record = np.load(file)
        time_, drag, lift = record["forces"][record["forces"][:, 0] > START].T
        values = {"drag": drag.mean(), "lift_amplitude": np.ptp(lift) / 2, "period": openfoam.period(time_, lift)}
        constants.append({"Mach": mach, **values})
        seconds.append(float(record["seconds"]))
        onset.append(forces_at(ONSET, record["forces"]))
        sims.append(quantised(coarsen(record["fields"])))
        if mach in FINE:
            fine.append(quantised(record["fields"][:FINE_FRAMES]))
    attributes = {
        "PDE": "Navier-Stokes, compressible, laminar",
        "Fields": ["velocity x", "velocity y", "density", "pressure"],
        "Fields_Scheme": "vvdp",
        "Dt": DT,
        "Window": list(WINDOW),
        "Reynolds": REYNOLDS,
    }
    extra = {"Onset_Times": ONSET, "Onset": np.array(onset), "Cells": int(record["cells"]), "Seconds": seconds}
    splits = {"Training": TRAINING, "Inside": INSIDE, "Outside": OUTSIDE}
    indices = {name: [MACH.index(mach) for mach in split] for name, split in splits.items()}
    datasets.write(output, sims, constants, **attributes, **indices, **extra)
    if fine:
        chosen = [values for values in constants if values["Mach"] in FINE]
        datasets.write(Path(output).with_stem("cylinder_transonic_fine"), fine, chosen, **attributes)


if __name__ == "__main__":
    if sys.argv[1] == "case":
        compute(int(sys.argv[2]), sys.argv[3])
    else:
        collect(sys.argv[2], sys.argv[3:])
