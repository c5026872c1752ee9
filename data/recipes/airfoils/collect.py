"""Collects finished cases into the two files of the set: `collect.py FOLDER CASE.npz …`."""

import sys
from collections import Counter
from pathlib import Path

import case
import numpy as np
import plan
import profiles

from pbdl_helpers import datasets

STEPS = 2048  # stored values are multiples of the field's power of two / STEPS
NUMBERS = (
    *("speed", "angle", "steady", "drag", "lift", "drag_spread", "lift_spread"),
    *("residual_p", "residual_Ux", "residual_Uy", "residual_nuTilda"),
)


def quantise(field) -> np.ndarray:
    """Rounds to 2 STEPS equal steps over the field's range: noise far below the solver's error, compresses well."""
    step = 2.0 ** np.ceil(np.log2(np.abs(field).max())) / STEPS
    return (np.round(field / step) * step).astype(np.float32)


def simulation(record) -> np.ndarray:
    """Returns one frame, shape (1, 4, y, x)."""
    *fields, mask = record["fields"]
    return np.stack([*map(quantise, fields), mask.astype(np.float32)])[None]


def constants(record) -> dict:
    values = {name: float(record[name]) for name in NUMBERS}
    return {**values, "iterations": int(record["iterations"]), "cells": int(record["cells"])}


def reason(record) -> str:
    """Returns why a case is left out, in a few words, or "accepted".

    The check for folds came after the first cases: some profiles that it refuses had ended well.
    """
    if case.folds(profiles.outline(str(record["profile"]))):
        return "the wall layers fold"
    return str(record["rejected"]).split(":")[0] or "accepted"


def main(target, files) -> None:
    """Takes the first accepted cases in the order of the plan, so that the order of the run does not matter."""
    records = [np.load(file) for file in sorted(files, key=lambda file: int(Path(file).stem.split("_")[1]))]
    for split, name, wanted in (("training", "airfoils", plan.TRAINING), ("test", "airfoils_test", plan.TEST)):
        candidates = [record for record in records if record["split"] == split]
        reasons = [reason(record) for record in candidates]
        accepted = [record for record, why in zip(candidates, reasons, strict=True) if why == "accepted"][:wanted]
        print(f"{name}: {len(accepted)} of {len(candidates)} cases, {dict(Counter(reasons))}")
        if not accepted:
            raise SystemExit(f"No {split} case was accepted; compute more of them (CASES=n).")
        datasets.write(
            Path(target) / f"{name}.hdf5",
            [simulation(record) for record in accepted],
            [constants(record) for record in accepted],
            PDE="Reynolds-averaged Navier-Stokes, Spalart-Allmaras",
            Fields=["pressure", "velocity x", "velocity y", "mask"],
            Fields_Scheme="pvvm",
            Dt=0.0,
            Viscosity=case.NU,
            Window=[-0.5, 1.5, -1.0, 1.0],
            Profiles=[str(record["profile"]) for record in accepted],
            Seconds=float(np.median([record["seconds"] for record in accepted])),
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
