"""One case of the data set `airfoils`: profile → gmsh mesh → OpenFOAM (simpleFoam, Spalart-Allmaras) → 128 × 128 grid.

`case.py INDEX OUTPUT.npz` computes case INDEX of `plan.py`; the output appears when the case has ended, with the reason
in `rejected` if it is not fit for use.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import plan
import profiles
from matplotlib.path import Path as Polygon

sys.path.insert(0, str(Path(__file__).parents[1]))
import openfoam

NU = 1e-5  # m²/s
NU_TILDA = 3 * NU  # of the free stream: no turbulence comes from outside
HALF_WIDTH = 5.0  # of the domain, in chords, as in the source; the profile lies in its centre
SIZE_WALL, SIZE_WINDOW, SIZE_FAR = 0.012, 0.03, 0.6  # edge lengths of the triangles, in chords
WALL_LAYERS = {"first_layer": 5e-4, "layers": 12, "growth": 1.25}  # y+ of 5 to 100 with a wall function
ITERATIONS = 500  # at most, as in the source
AVERAGE_FROM = 250  # iteration from which the mean of a flow that does not settle is taken
RESIDUALS = {"p": 3e-4, "U": 5e-5, "nuTilda": 1e-4}  # where simpleFoam stops
LAST = 100  # iterations over which the forces of a steady flow hardly change
LIFT_SPREAD, DRAG_SPREAD = 0.01, 0.002  # largest minus smallest coefficient in these
RESOLUTION = 128
TEMPLATES = Path(__file__).parent / "template"


def folds(outline) -> bool:
    """Returns whether a quadrilateral between a closed outline, shape (n, 2), and its offset is turned inside out."""
    inner, outer = outline, openfoam.offset(outline, **WALL_LAYERS)
    corners = np.stack([inner, outer, np.roll(outer, -1, axis=0), np.roll(inner, -1, axis=0)])
    edges = np.roll(corners, -1, axis=0) - corners
    before = np.roll(edges, 1, axis=0)
    turns = before[..., 0] * edges[..., 1] - before[..., 1] * edges[..., 0]
    return bool((turns <= 0).any())


def mesh(outline) -> str:
    """Triangles grow with the distance from the wall and stay fine in the window that is sampled."""
    h = HALF_WIDTH
    return openfoam.geometry(
        outline,
        domain=(0.5 - h, 0.5 + h, -h, h),
        sides=("farfield",) * 4,
        size=f"{SIZE_WALL} + 0.08 * F1 + 0.02 * F1^2",
        boxes=[(-0.5, 1.6, -1, 1, SIZE_WINDOW, SIZE_FAR, 4)],
        **WALL_LAYERS,
    )


def window() -> np.ndarray:
    """Returns the sample points, shape (y, x, 2): x in [-0.5, 1.5), y in [-1, 1), as in the source."""
    i = np.arange(RESOLUTION) / RESOLUTION
    x, y = np.meshgrid(2 * (i - 0.5) + 0.5, 2 * (i - 0.5))
    return np.stack([x, y], axis=-1)


def body_mask(outline) -> np.ndarray:
    """Returns which samples of the window lie in the body, shape (y, x)."""
    points = window()
    polygon = Polygon(np.vstack([outline, outline[:1]]))
    return polygon.contains_points(points.reshape(-1, 2)).reshape(points.shape[:2])


def compute(
    outline, speed, angle, folder, *, nu_tilda, iterations, average_from, residuals, keep=1, every=None
) -> tuple:
    """Runs a case in an empty folder.

    Args:
        outline, speed, angle, folder, nu_tilda: as in :func:`solve`.
        iterations: at most.
        average_from: iteration from which means are taken.
        residuals: of p, U and nuTilda, at which the program stops earlier.
        keep, every: the last ``keep`` of the states after each ``every`` iterations stay; one, the last, by default.

    Returns:
        Number of cells; drag and lift coefficient of each iteration, shape (iterations, 2).

    Raises:
        RuntimeError: if the wall layers would fold, or a program fails.
    """
    if folds(outline):
        raise RuntimeError("the wall layers fold")
    radians = np.deg2rad(angle)
    values = {
        "ux": f"{speed * np.cos(radians):.8g}",
        "uy": f"{speed * np.sin(radians):.8g}",
        "speed": f"{speed:.8g}",
        "drag": f"({np.cos(radians):.8g} {np.sin(radians):.8g} 0)",
        "lift": f"({-np.sin(radians):.8g} {np.cos(radians):.8g} 0)",
        "nu": f"{NU:g}",
        "nutilda": f"{nu_tilda:g}",
        "iterations": iterations,
        "average_from": average_from,
        "interval": every or iterations,
        "keep": keep,
        **{f"residual_{name}": f"{value:g}" for name, value in residuals.items()},
        "points": openfoam.listed(window()[~body_mask(outline)]),
    }
    cells = openfoam.prepare(TEMPLATES, folder, values, mesh(outline))
    openfoam.run(["simpleFoam"], folder)
    return cells, openfoam.forces(folder)[:, 1:]


def sample(folder, mask, kind="", times="-latestTime") -> np.ndarray:
    """Returns stored states of a case, (p, ux, uy, mask), shape (times, 4, y, x); zero in the body.

    Args:
        folder: of the case.
        mask: of the body, shape (y, x).
        kind: "Mean" for the means.
        times: option of ``postProcess`` that selects them.
    """
    sampling = folder / "system" / "sampleDict"
    text = re.sub(r"fields \(.*\)", f"fields (p{kind} U{kind})", sampling.read_text(encoding="utf-8"), count=1)
    sampling.write_text(text, encoding="utf-8")
    openfoam.run(["postProcess", *times.split(), "-dict", "system/sampleDict", "-fields", f"(p{kind} U{kind})"], folder)
    columns = {f"p{kind}": 1, f"U{kind}": 3}
    flow = openfoam.samples(folder / "postProcessing" / "window", ~mask, window(), columns)[:, :3]
    return np.concatenate([flow, np.broadcast_to(mask, (len(flow), 1, *mask.shape))], axis=1)


def solve(outline, speed, angle, folder, nu_tilda=NU_TILDA) -> dict:
    """Computes a case in an empty folder.

    Args:
        outline: closed, counter-clockwise, shape (n, 2).
        speed: of the free stream, m/s.
        angle: of attack, degrees; positive ones lift.
        folder: where to compute.
        nu_tilda: working variable of the turbulence model in the free stream, m²/s.

    Returns:
        ``steady``; ``fields`` (p, ux, uy, mask), shape (4, y, x), of the last iteration if the forces are steady, else
        the mean from ``AVERAGE_FROM`` on, also where the residuals ended the run; ``forces``, shape (iterations, 2),
        drag and lift coefficient; ``residuals`` at the end; ``iterations``; ``cells``.

    Raises:
        RuntimeError: if the wall layers would fold, or a program fails.
    """
    limits = {"iterations": ITERATIONS, "average_from": AVERAGE_FROM, "residuals": RESIDUALS}
    cells, forces = compute(outline, speed, angle, folder, nu_tilda=nu_tilda, **limits)
    drag, lift = np.ptp(forces[-LAST:], axis=0)
    steady = bool(lift <= LIFT_SPREAD and drag <= DRAG_SPREAD)
    log = (folder / "log.simpleFoam").read_text(encoding="utf-8")
    residuals = {
        name: float(re.findall(rf"Solving for {name}, Initial residual = (\S+),", log)[-1])
        for name in ("p", "Ux", "Uy", "nuTilda")
    }
    fields = sample(folder, body_mask(outline), "" if steady else "Mean")[0]
    counts = {"iterations": len(forces), "cells": cells}
    return {"steady": steady, "fields": fields, "forces": forces, "residuals": residuals, **counts}


def rejection(result) -> str:
    """Returns why a result is not fit for use, or an empty string."""
    if not np.isfinite(result["fields"]).all() or np.abs(result["fields"][1:3]).max() > 10 * plan.SPEED[1]:
        return "not finite"  # or on its way there: no flow is ten times as fast as the fastest free stream
    return ""


def main(index, output) -> None:
    case = plan.cases()[index]
    start = time.perf_counter()
    record = {name: case[name] for name in ("profile", "speed", "angle", "split")}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            result = solve(profiles.outline(case["profile"]), case["speed"], case["angle"], Path(scratch) / "case")
            record["rejected"] = rejection(result)
            record.update(result)
            forces = record.pop("forces")
            span = slice(-LAST, None) if record["steady"] else slice(AVERAGE_FROM, None)
            record["drag"], record["lift"] = forces[span].mean(axis=0)
            record["drag_spread"], record["lift_spread"] = np.ptp(forces[-LAST:], axis=0)
            record["fields"] = record["fields"].astype(np.float32)
            record.update({f"residual_{name}": value for name, value in record.pop("residuals").items()})
        except RuntimeError as error:
            record["rejected"] = f"failed: {error}"
    record["seconds"] = time.perf_counter() - start
    openfoam.save(output, **record)
    state = record["rejected"][:60] or ("steady" if record["steady"] else "mean of iterations")
    print(index, case["profile"], f"{record['seconds']:.0f} s", state, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
