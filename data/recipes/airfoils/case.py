"""One case of the data set `airfoils`: profile → gmsh mesh → OpenFOAM (simpleFoam, Spalart-Allmaras) → 128 × 128 grid.

`case.py INDEX OUTPUT.npz` computes case INDEX of `plan.py`; the output appears when the case has ended, with the reason
in `rejected` if it is not fit for use.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from string import Template

import numpy as np
import plan
import profiles
from matplotlib.path import Path as Polygon

NU = 1e-5  # m²/s
NU_TILDA = 3 * NU  # of the free stream: no turbulence comes from outside
HALF_WIDTH = 5.0  # of the domain, in chords, as in the source; the profile lies in its centre
SIZE_WALL, SIZE_WINDOW, SIZE_FAR = 0.012, 0.03, 0.6  # edge lengths of the triangles, in chords
FIRST_LAYER, LAYERS, GROWTH = 5e-4, 12, 1.25  # quadrilaterals at the wall: y+ of 5 to 100 with a wall function
ITERATIONS = 500  # at most, as in the source; simpleFoam stops earlier at the residuals of template/system/fvSolution
AVERAGE_FROM = 250  # iteration from which the mean of a flow that does not settle is taken
LAST = 100  # iterations over which the forces of a steady flow hardly change
LIFT_SPREAD, DRAG_SPREAD = 0.01, 0.002  # largest minus smallest coefficient in these
RESOLUTION = 128
TEMPLATES = Path(__file__).parent / "template"


def offset(outline) -> np.ndarray:
    """Returns the outer edge of the wall layers: each point moves along its normal, smoothly around the tail."""
    edges = np.roll(outline, -1, axis=0) - outline
    directions = np.unwrap(np.arctan2(-edges[:, 0], edges[:, 1]))
    turns = np.r_[directions, directions + 2 * np.pi]  # once around is one full turn
    normals = (turns[len(outline) - 1 : 2 * len(outline) - 1] - 2 * np.pi + directions) / 2
    for _ in range(40):
        before, after = np.roll(normals, 1), np.roll(normals, -1)
        before[0] -= 2 * np.pi
        after[-1] += 2 * np.pi
        normals = (before + 2 * normals + after) / 4
    thickness = FIRST_LAYER * (GROWTH**LAYERS - 1) / (GROWTH - 1)
    return outline + thickness * np.stack([np.cos(normals), np.sin(normals)], axis=1)


def folds(outline) -> bool:
    """Returns whether a quadrilateral between a closed outline, shape (n, 2), and its offset is turned inside out."""
    inner, outer = outline, offset(outline)
    corners = np.stack([inner, outer, np.roll(outer, -1, axis=0), np.roll(inner, -1, axis=0)])
    edges = np.roll(corners, -1, axis=0) - corners
    before = np.roll(edges, 1, axis=0)
    turns = before[..., 0] * edges[..., 1] - before[..., 1] * edges[..., 0]
    return bool((turns <= 0).any())


def geometry(outline) -> str:
    """Returns gmsh's description of the mesh around an outline of shape (n, 2)."""
    n, h = len(outline), HALF_WIDTH
    corners = np.array([(0.5 - h, -h), (0.5 + h, -h), (0.5 + h, h), (0.5 - h, h)])
    lines = []

    def loop(points, start):
        m = len(points)
        for i, (x, y) in enumerate(points):
            lines.append(f"Point({start + i}) = {{{x:.9f}, {y:.9f}, 0}};")
        for i in range(m):
            lines.append(f"Line({start + i}) = {{{start + i}, {start + (i + 1) % m}}};")

    wall, outer, far, ray, quad = 1, n + 1, 2 * n + 1, 3 * n + 1, 4 * n + 1
    loop(outline, wall)
    loop(offset(outline), outer)
    loop(corners, far)
    for i in range(n):  # one column of quadrilaterals on each edge of the wall
        lines.append(f"Line({ray + i}) = {{{wall + i}, {outer + i}}};")
    for i in range(n):
        j = (i + 1) % n
        lines.append(f"Curve Loop({quad + i}) = {{{wall + i}, {ray + j}, {-(outer + i)}, {-(ray + i)}}};")
        lines.append(f"Plane Surface({quad + i}) = {{{quad + i}}};")
    lines += [
        f"Transfinite Curve {{{wall}:{outer + n - 1}}} = 2;",
        f"Transfinite Curve {{{ray}:{ray + n - 1}}} = {LAYERS + 1} Using Progression {GROWTH};",
        f"Transfinite Surface {{{quad}:{quad + n - 1}}};",
        f"Recombine Surface {{{quad}:{quad + n - 1}}};",
        f"Curve Loop(1) = {{{outer}:{outer + n - 1}}};",
        f"Curve Loop(2) = {{{far}:{far + 3}}};",
        "Plane Surface(1) = {2, 1};",
        # triangles grow with the distance from the wall and stay fine in the window that is sampled
        "Field[1] = Distance;",
        f"Field[1].CurvesList = {{{outer}:{outer + n - 1}}};",
        "Field[2] = MathEval;",
        f'Field[2].F = "{SIZE_WALL} + 0.08 * F1 + 0.02 * F1^2";',
        "Field[3] = Box;",
        f"Field[3].VIn = {SIZE_WINDOW}; Field[3].VOut = {SIZE_FAR}; Field[3].Thickness = 4;",
        "Field[3].XMin = -0.5; Field[3].XMax = 1.6; Field[3].YMin = -1; Field[3].YMax = 1;",
        "Field[4] = Min; Field[4].FieldsList = {2, 3};",
        "Background Field = 4;",
        "Mesh.Algorithm = 6; Mesh.MeshSizeExtendFromBoundary = 0; Mesh.MeshSizeFromPoints = 0;",
        f"out[] = Extrude {{0, 0, 1}} {{ Surface{{1, {quad}:{quad + n - 1}}}; Layers{{1}}; Recombine; }};",
        f'Physical Surface("back") = {{1, {quad}:{quad + n - 1}}};',
        f"m = {n + 6};",  # entries of the first surface in out[]: top, volume, outer edges, far field
        'Physical Surface("farfield") = {out[2]:out[5]};',
        "top[] = {out[0]}; wall[] = {}; volume[] = {out[1]};",
        f"For i In {{0:{n - 1}}}",
        "  top[] += out[m + 6 * i]; volume[] += out[m + 6 * i + 1]; wall[] += out[m + 6 * i + 2];",
        "EndFor",
        'Physical Surface("front") = top[];',
        'Physical Surface("airfoil") = wall[];',
        'Physical Volume("fluid") = volume[];',
    ]
    return "\n".join(lines) + "\n"


def window() -> np.ndarray:
    """Returns the sample points, shape (y, x, 2): x in [-0.5, 1.5), y in [-1, 1), as in the source."""
    i = np.arange(RESOLUTION) / RESOLUTION
    x, y = np.meshgrid(2 * (i - 0.5) + 0.5, 2 * (i - 0.5))
    return np.stack([x, y], axis=-1)


def run(command, folder) -> None:
    """Runs a program, its output into a log; raises RuntimeError with the log's end if it fails."""
    log = folder / f"log.{Path(command[0]).name}"
    with log.open("w") as file:
        code = subprocess.run(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT, env=environment()).returncode
    if code:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{log.read_text()[-1500:]}")


def environment() -> dict:
    root = os.environ.get("WM_PROJECT_DIR", "/usr/share/openfoam")
    return {**os.environ, "WM_PROJECT_DIR": root, "FOAM_ETC": f"{root}/etc"}


def samples(folder) -> dict:
    """Returns name of the field → position → values, from raw sample files such as points_p_pMean.xy."""
    found = {}
    for path in folder.glob("points_*.xy"):
        names = path.stem.split("_")[1:]
        rows = np.loadtxt(path)
        width = (rows.shape[1] - 3) // len(names)
        for i, name in enumerate(names):
            found[name] = {tuple(row[:2].round(5)): row[3 + i * width : 3 + (i + 1) * width] for row in rows}
    return found


def fill(text, values) -> str:
    return Template(text).substitute(values)


def solve(outline, speed, angle, folder, nu_tilda=NU_TILDA) -> dict:
    """Computes a case in an empty folder.

    Args:
        outline: closed, counter-clockwise, shape (n, 2).
        speed: of the free stream, m/s.
        angle: of attack, degrees; positive ones lift.
        folder: where to compute.
        nu_tilda: working variable of the turbulence model in the free stream, m²/s.

    Returns:
        ``steady``; ``fields`` (p, ux, uy, mask), shape (4, y, x), of the last iteration if the flow is steady, else the
        mean from ``AVERAGE_FROM`` on; ``forces``, shape (iterations, 2), drag and lift coefficient; ``residuals`` at
        the end; ``iterations``; ``cells``.

    Raises:
        RuntimeError: if the wall layers would fold, or a program fails.
    """
    if folds(outline):
        raise RuntimeError("the wall layers fold")
    shutil.copytree(TEMPLATES, folder)
    points = window()
    body = Polygon(np.vstack([outline, outline[:1]])).contains_points(points.reshape(-1, 2)).reshape(points.shape[:2])
    radians = np.deg2rad(angle)
    values = {
        "ux": f"{speed * np.cos(radians):.8g}",
        "uy": f"{speed * np.sin(radians):.8g}",
        "speed": f"{speed:.8g}",
        "drag": f"({np.cos(radians):.8g} {np.sin(radians):.8g} 0)",
        "lift": f"({-np.sin(radians):.8g} {np.cos(radians):.8g} 0)",
        "nu": f"{NU:g}",
        "nutilda": f"{nu_tilda:g}",
        "iterations": str(ITERATIONS),
        "average_from": str(AVERAGE_FROM),
        "points": "\n".join(f"({x:.6f} {y:.6f} 0.5)" for x, y in points[~body]),
    }
    for path in folder.glob("*/*"):
        path.write_text(fill(path.read_text(), values))
    (folder / "mesh.geo").write_text(geometry(outline))
    run(["gmsh", "-3", "-format", "msh2", "-o", "mesh.msh", "mesh.geo"], folder)
    run(["gmshToFoam", "mesh.msh"], folder)
    boundary = folder / "constant" / "polyMesh" / "boundary"
    text = boundary.read_text()
    for patch, kind in (("front", "empty"), ("back", "empty"), ("airfoil", "wall")):
        text = re.sub(rf"({patch}\s*\{{\s*type\s+)patch", rf"\g<1>{kind}", text)
    boundary.write_text(text)
    run(["simpleFoam"], folder)
    log = (folder / "log.simpleFoam").read_text()
    forces = np.loadtxt(next((folder / "postProcessing" / "forces").rglob("coefficient*.dat")))[:, [1, 3]]
    drag, lift = np.ptp(forces[-LAST:], axis=0)
    steady = lift <= LIFT_SPREAD and drag <= DRAG_SPREAD
    kind = "" if steady else "Mean"
    sampling = folder / "system" / "sampleDict"
    sampling.write_text(sampling.read_text().replace("fields (p U pMean UMean)", f"fields (p{kind} U{kind})"))
    run(["postProcess", "-latestTime", "-dict", "system/sampleDict", "-fields", f"(p{kind} U{kind})"], folder)
    data = samples(next((folder / "postProcessing" / "window").iterdir()))
    pressure, velocity = data["p" + kind], data["U" + kind]
    fields = np.zeros((4, *body.shape))
    fields[3] = body
    for row, column in zip(*np.nonzero(~body), strict=True):
        position = tuple(points[row, column].round(5))
        fields[0, row, column] = pressure[position][0]
        fields[1:3, row, column] = velocity[position][:2]
    residuals = {
        name: float(re.findall(rf"Solving for {name}, Initial residual = (\S+),", log)[-1])
        for name in ("p", "Ux", "Uy", "nuTilda")
    }
    cells = int(re.search(r"(\d+) cells|nCells: *(\d+)", boundary.with_name("owner").read_text())[2])
    counts = {"iterations": len(forces), "cells": cells}
    return {"steady": bool(steady), "fields": fields, "forces": forces, "residuals": residuals, **counts}


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
    output = Path(output)
    temporary = output.with_suffix(".part.npz")
    np.savez_compressed(temporary, **record)
    os.replace(temporary, output)
    state = record["rejected"][:60] or ("steady" if record["steady"] else "mean of iterations")
    print(index, case["profile"], f"{record['seconds']:.0f} s", state, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
