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


def conditions(speed, forces) -> dict:
    drag, lift = forces
    forces = {"drag": drag.mean(), "lift": lift.mean(), "lift_std": lift.std()}
    return {"Reynolds": speed / case.NU, "speed": speed, "angle": ANGLE, **forces}


def collect_cycle(output, files) -> None:
    records = [np.load(file) for file in files]
    speeds = [SPEEDS[index] for index in TESTED][: len(records)]
    forces = [record["forces"] for record in records]
    datasets.write(
        output,
        [quantised(record) for record in records],
        [conditions(speed, values[CYCLE_FIRST:].T) for speed, values in zip(speeds, forces, strict=True)],
        **ABOUT | {"Dt": float(CYCLE_STRIDE)},
        Lift=np.array([values[CYCLE_FIRST - 1 :: CYCLE_STRIDE, 1] for values in forces], np.float32),  # of each state
        Seconds=float(np.median([record["seconds"] for record in records])),
    )


def collect(output, files) -> None:
    sims, constants, histories, seconds = [], [], [], []
    for (speed, nu_tilda), file in zip(RUNS, files, strict=False):
        record = np.load(file)
        drag, lift = record["forces"][FIRST:].T
        histories.append(record["forces"][HISTORY - 1 :: HISTORY, 1])
        seconds.append(float(record["seconds"]))
        if nu_tilda != NU_TILDA:
            continue
        sims.append(quantised(record))
        constants.append(conditions(speed, (drag, lift)))
    datasets.write(
        output,
        sims,
        constants,
        **ABOUT,
        Training=[i for i in range(len(sims)) if i % 2 == 1],
        Test=[i for i in range(len(sims)) if i % 2 == 0],
        Lift=np.array(histories[: len(SPEEDS)], np.float32),  # after every tenth iteration
        Compared=COMPARED,
        LiftCompared=np.array(histories[len(SPEEDS) :], np.float32),
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
