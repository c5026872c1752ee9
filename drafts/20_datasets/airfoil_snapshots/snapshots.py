"""The data set `airfoil_snapshots`: states of a steady flow solver that does not settle, at eleven Reynolds numbers.

`snapshots.py case INDEX OUTPUT.npz` computes one Reynolds number, `snapshots.py collect OUTPUT.hdf5 CASE.npz …` makes
the file. Profile, mesh and solver are those of `airfoils`; as in the source, the free stream carries so much eddy
viscosity that low speeds are damped to a steady state and high ones are not.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RECIPES = Path(__file__).parents[1]
sys.path[:0] = [str(RECIPES), str(RECIPES / "airfoils")]
import case
import openfoam
import profiles

from pbdl_helpers import datasets

PROFILE, ANGLE = "raf30", 20.0
SPEEDS = [5.0 + 10.0 * k for k in range(11)]  # m/s; every second one is for training
ITERATIONS = 3500
FIRST, STRIDE = 2540, 40  # iterations stored: 2540, 2580, …, 3500
SETTINGS = {
    "nutilda": "0.14",
    "iterations": ITERATIONS,
    "interval": 20,
    **dict.fromkeys(case.RESIDUALS, "1e-20"),  # never reached: the iteration goes on
}
STEPS = 4096


def coarsen(fields) -> np.ndarray:
    """128 → 32 points a side as the source does: the mean of the central 2 × 2 of each 4 × 4."""
    return (fields[..., 1::4, :] + fields[..., 2::4, :])[..., 1::4] / 4 + (
        fields[..., 1::4, :] + fields[..., 2::4, :]
    )[..., 2::4] / 4


def compute(index, output) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        result = case.solve(profiles.outline(PROFILE), SPEEDS[index], ANGLE, Path(scratch) / "case", **SETTINGS)
    iterations = ITERATIONS - SETTINGS["interval"] * np.arange(len(result["fields"]))[::-1]
    stored = (iterations >= FIRST) & ((iterations - FIRST) % STRIDE == 0)
    drag, lift = result["forces"][FIRST:].T
    seconds = time.perf_counter() - start
    openfoam.save(
        output,
        fields=coarsen(result["fields"][stored]),
        drag=drag.mean(),
        lift=lift.mean(),
        lift_std=lift.std(),
        cells=result["cells"],
        seconds=seconds,
    )
    print(f"{SPEEDS[index]} m/s: {stored.sum()} states, lift {lift.mean():.3f} ± {lift.std():.4f}, {seconds:.0f} s")


def collect(output, files) -> None:
    records = [np.load(file) for file in files]
    sims, constants = [], []
    for speed, record in zip(SPEEDS, records, strict=False):
        *flow, mask = record["fields"].swapaxes(0, 1)
        flow = [openfoam.quantise(field, STEPS) for field in flow]
        sims.append(np.stack([*flow, mask.astype(np.float32)], axis=1))
        values = {name: float(record[name]) for name in ("drag", "lift", "lift_std")}
        constants.append({"Reynolds": speed / case.NU, "speed": speed, "angle": ANGLE, **values})
    datasets.write(
        output,
        sims,
        constants,
        PDE="Reynolds-averaged Navier-Stokes, Spalart-Allmaras",
        Fields=["pressure", "velocity x", "velocity y", "mask"],
        Fields_Scheme="pvvm",
        Dt=float(STRIDE),  # iterations, not seconds
        Viscosity=case.NU,
        Window=[-0.5, 1.5, -1.0, 1.0],
        Training=[i for i in range(len(sims)) if i % 2 == 1],
        Test=[i for i in range(len(sims)) if i % 2 == 0],
    )


if __name__ == "__main__":
    if sys.argv[1] == "case":
        compute(int(sys.argv[2]), sys.argv[3])
    else:
        collect(sys.argv[2], sys.argv[3:])
