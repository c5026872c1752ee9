"""The data set `airfoil_snapshots`: states of a steady flow solver that does not settle, at eleven Reynolds numbers.

`snapshots.py case INDEX OUTPUT.npz` computes one run, `snapshots.py collect OUTPUT.hdf5 CASE.npz …` makes the file.
`cycle INDEX OUTPUT.npz` and `collect-cycle OUTPUT.hdf5 CYCLE.npz …` do the same for `airfoil_cycle`, at the six speeds
for tests: from 25 m/s on the iteration runs in a cycle of about 480 iterations, of which the 25 states show twelve
phases, each twice. Here two turns are stored, a state every eight iterations.
Profile, mesh and solver are those of `airfoils`. As in the source the free stream carries an eddy viscosity of 0.14
m²/s at all speeds: low ones are damped to a steady state, high ones are not. A few runs with little eddy viscosity are
kept as histories of the lift only, for comparison.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "airfoils"))
import case
import openfoam
import profiles

from pbdl_helpers import datasets

PROFILE, ANGLE = "raf30", 20.0
SPEEDS = [5.0 + 10.0 * k for k in range(11)]  # m/s; every second one is for training
TESTED = range(0, len(SPEEDS), 2)
NU_TILDA = 0.14  # m²/s
COMPARED = [5.0, 25.0, 55.0, 105.0]  # m/s, with the free stream of `airfoils`
RUNS = [(speed, NU_TILDA) for speed in SPEEDS] + [(speed, case.NU_TILDA) for speed in COMPARED]
ITERATIONS = 3500
FIRST, STRIDE, SNAPSHOTS = 2540, 40, 25  # iterations 2540, 2580, …, 3500
CYCLE_FIRST, CYCLE_LAST, CYCLE_STRIDE = 2544, 3504, 8  # iterations: 121 states, two turns
EVERY = 20  # iterations between states that the solver writes: 3500 is no multiple of 40
NEVER = dict.fromkeys(case.RESIDUALS, 1e-20)  # residuals that are not reached: the iteration goes on
HISTORY = 10  # iterations between stored values of the lift
STEPS = 2048  # stored values are multiples of the field's power of two / STEPS


ABOUT = {
    "PDE": "Reynolds-averaged Navier-Stokes, Spalart-Allmaras",
    "Fields": ["pressure", "velocity x", "velocity y", "mask"],
    "Fields_Scheme": "pvvm",
    "Dt": float(STRIDE),  # iterations, not seconds
    "Viscosity": case.NU,
    "Window": [-0.5, 1.5, -1.0, 1.0],
}


def coarsen(fields) -> np.ndarray:
    """128 → 32 points a side as the source does: the mean of the central 2 × 2 of each 4 × 4."""
    return sum(fields[..., i::4, j::4] for i in (1, 2) for j in (1, 2)) / 4


def solve(speed, nu_tilda, first, last, every, stride) -> dict:
    """Returns states (times, 4, 32, 32) from iteration ``first`` to ``last`` and the forces of all iterations.

    The solver writes after each ``every`` iterations, a divisor of ``first``; states ``stride`` apart are kept.
    """
    start = time.perf_counter()
    outline = profiles.outline(PROFILE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "case"
        options = {"nu_tilda": nu_tilda, "iterations": last, "average_from": first, "residuals": NEVER}
        keep = (last - first) // every + 1
        cells, forces = case.compute(outline, speed, ANGLE, folder, **options, keep=keep, every=every)
        states = case.sample(folder, case.body_mask(outline), times=f"-time {first}:{last}")
    states = coarsen(states[:: stride // every]).astype(np.float32)
    seconds = time.perf_counter() - start
    lift = forces[first:, 1]
    print(f"{speed} m/s: {len(states)} states, lift {lift.mean():.3f} ± {lift.std():.4f}, {seconds:.0f} s")
    return {"fields": states, "forces": forces, "cells": cells, "seconds": seconds}


def quantised(record):
    """Returns the states of a run as they are stored, (times, 4, 32, 32)."""
    *flow, mask = record["fields"].swapaxes(0, 1)
    return np.stack([*(openfoam.quantise(field, STEPS) for field in flow), mask], axis=1)


def conditions(speed) -> dict:
    """Returns what is known beforehand; the package pbdl gives all of it to a network."""
    return {"Reynolds": speed / case.NU, "speed": speed, "angle": ANGLE}


def outcomes(forces) -> dict:
    """Returns mean drag and mean and deviation of the lift over iterations, from a list of (iterations, 2)."""
    return {
        "MeanDrag": [float(values[:, 0].mean()) for values in forces],
        "MeanLift": [float(values[:, 1].mean()) for values in forces],
        "StdLift": [float(values[:, 1].std()) for values in forces],
    }


def collect_cycle(output, files) -> None:
    records = [np.load(file) for file in files]
    forces = [record["forces"] for record in records]
    datasets.write(
        output,
        [quantised(record) for record in records],
        [conditions(SPEEDS[index]) for index in TESTED[: len(records)]],
        **ABOUT | {"Dt": float(CYCLE_STRIDE)},
        Lift=np.array([values[CYCLE_FIRST - 1 :: CYCLE_STRIDE, 1] for values in forces], np.float32),  # of each state
        **outcomes([values[CYCLE_FIRST:] for values in forces]),
        Seconds=float(np.median([record["seconds"] for record in records])),
    )


def collect(output, files) -> None:
    records = [np.load(file) for file in files]
    histories = np.array([record["forces"][HISTORY - 1 :: HISTORY, 1] for record in records], np.float32)
    records, seconds = records[: len(SPEEDS)], [float(record["seconds"]) for record in records]
    datasets.write(
        output,
        [quantised(record) for record in records],
        [conditions(speed) for speed in SPEEDS[: len(records)]],
        **ABOUT,
        Training=[i for i in range(len(records)) if i not in TESTED],
        Test=[i for i in range(len(records)) if i in TESTED],
        Lift=histories[: len(SPEEDS)],  # after every tenth iteration
        Compared=COMPARED,
        LiftCompared=histories[len(SPEEDS) :],
        **outcomes([record["forces"][FIRST:] for record in records]),
        Seconds=float(np.median(seconds)),
    )


if __name__ == "__main__":
    command, target, *others = sys.argv[1:]
    if command == "case":
        speed, nu_tilda = RUNS[int(target)]
        openfoam.save(others[0], **solve(speed, nu_tilda, FIRST, ITERATIONS, EVERY, STRIDE))
    elif command == "cycle":
        span = CYCLE_FIRST, CYCLE_LAST, CYCLE_STRIDE, CYCLE_STRIDE
        openfoam.save(others[0], **solve(SPEEDS[int(target)], NU_TILDA, *span))
    elif command == "collect-cycle":
        collect_cycle(target, others)
    else:
        collect(target, others)
