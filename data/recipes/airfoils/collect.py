"""Collects finished cases into the two files of the set: `collect.py FOLDER CASE.npz …`."""

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import case
import numpy as np
import openfoam
import plan
import profiles

from pbdl_helpers import datasets

STEPS = 2048  # stored values are multiples of the field's power of two / STEPS
NUMBERS = (
    *("speed", "angle", "steady", "drag", "lift", "drag_spread", "lift_spread"),
    *("residual_p", "residual_Ux", "residual_Uy", "residual_nuTilda"),
)

ATTRIBUTES = {
    "PDE": "Reynolds-averaged Navier-Stokes, Spalart-Allmaras",
    "Fields": ["pressure", "velocity x", "velocity y", "mask"],
    "Fields_Scheme": "pvvm",
    "Dt": 0.0,
    "Viscosity": case.NU,
    "Window": [-0.5, 1.5, -1.0, 1.0],
}


def simulation(record) -> np.ndarray:
    """Returns one frame, shape (1, 4, y, x)."""
    *fields, mask = record["fields"]
    return np.stack([*(openfoam.quantise(field, STEPS) for field in fields), mask.astype(np.float32)])[None]


def constants(index, record) -> dict:
    values = {name: float(record[name]) for name in NUMBERS}
    counts = {name: int(record[name]) for name in ("iterations", "cells")}
    return {**values, **counts, "case": index}


def reason(record) -> str:
    """Returns why a case is left out, in a few words, or "accepted".

    The check for folds came after the first cases: some profiles that it refuses had ended well.
    """
    if case.folds(profiles.outline(str(record["profile"]))):
        return "the wall layers fold"
    return str(record["rejected"]).split(":")[0] or "accepted"


def main(target, files) -> None:
    """Takes the first accepted cases in the order of the plan, so that the order of the run does not matter."""
    files = {int(Path(file).stem.split("_")[1]): file for file in files}
    records = {index: np.load(files[index]) for index in sorted(files)}
    for split, name, wanted in (("training", "airfoils", plan.TRAINING), ("test", "airfoils_test", plan.TEST)):
        reasons = {index: reason(record) for index, record in records.items() if record["split"] == split}
        accepted = {index: records[index] for index, why in reasons.items() if why == "accepted"}
        accepted = dict(islice(accepted.items(), wanted))
        print(f"{name}: {len(accepted)} of {len(reasons)} cases, {dict(Counter(reasons.values()))}")
        if not accepted:
            raise SystemExit(f"No {split} case was accepted; compute more of them (CASES=n).")
        datasets.write(
            Path(target) / f"{name}.hdf5",
            [simulation(record) for record in accepted.values()],
            [constants(index, record) for index, record in accepted.items()],
            **ATTRIBUTES,
            Profiles=[str(record["profile"]) for record in accepted.values()],
            # the lower end, since other programs ran beside
            Seconds=float(np.quantile([record["seconds"] for record in accepted.values()], 0.1)),
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
