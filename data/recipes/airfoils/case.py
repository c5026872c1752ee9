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
HALF_WIDTH = 5.0  # of the domain, in chords, as in the source; the profile lies in its centre
SIZE_WALL, SIZE_WINDOW, SIZE_FAR = 0.012, 0.03, 0.6  # edge lengths of the triangles, in chords
FIRST_LAYER, LAYERS, GROWTH = 5e-4, 12, 1.25  # quadrilaterals at the wall: y+ of 5 to 100 with a wall function
ITERATIONS = 1000  # at most; simpleFoam stops earlier when the residuals of template/system/fvSolution are reached
LAST = 100  # iterations over which the forces must be steady
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


def read_points(path, columns) -> dict:
    """Returns position → values of a raw sample file."""
    return {tuple(row[:2].round(5)): row[3 : 3 + columns] for row in np.loadtxt(path)}


def fill(text, values) -> str:
    return Template(text).substitute(values)


def solve(outline, speed, angle, folder) -> dict:
    """Computes a case in an empty folder.

    Args:
        outline: closed, counter-clockwise, shape (n, 2).
        speed: of the free stream, m/s.
        angle: of attack, degrees; positive ones lift.
        folder: where to compute.

    Returns:
        ``fields`` (p, ux, uy, mask), shape (4, y, x); ``forces``, shape (iterations, 2), drag and lift coefficient;
        ``residuals`` at the end; ``iterations``; ``cells``.

    Raises:
        RuntimeError: if a program fails.
    """
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
        "nutilda": f"{3 * NU:g}",
        "iterations": str(ITERATIONS),
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
    run(["simpleFoam", "-postProcess", "-latestTime", "-dict", "system/sampleDict"], folder)
    sample = next((folder / "postProcessing" / "window").iterdir())
    pressure, velocity = read_points(sample / "points_p.xy", 1), read_points(sample / "points_U.xy", 3)
    fields = np.zeros((4, *body.shape))
    fields[3] = body
    for row, column in zip(*np.nonzero(~body), strict=True):
        position = tuple(points[row, column].round(5))
        fields[0, row, column] = pressure[position][0]
        fields[1:3, row, column] = velocity[position][:2]
    forces = np.loadtxt(next((folder / "postProcessing" / "forces").rglob("coefficient*.dat")))[:, [1, 3]]
    residuals = {
        name: float(re.findall(rf"Solving for {name}, Initial residual = (\S+),", log)[-1])
        for name in ("p", "Ux", "Uy", "nuTilda")
    }
    cells = int(re.search(r"(\d+) cells|nCells: *(\d+)", boundary.with_name("owner").read_text())[2])
    return {"fields": fields, "forces": forces, "residuals": residuals, "iterations": len(forces), "cells": cells}


def rejection(result) -> str:
    """Returns why a result is not fit for use, or an empty string: the rule that `data/README.md` states."""
    drag, lift = np.ptp(result["forces"][-LAST:], axis=0)
    if not np.isfinite(result["fields"]).all():
        return "not finite"
    if lift > LIFT_SPREAD or drag > DRAG_SPREAD:
        return f"forces not steady: lift varies by {lift:.3f}, drag by {drag:.4f} over the last {LAST} iterations"
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
            record["drag"], record["lift"] = record.pop("forces")[-LAST:].mean(axis=0)
            record.update({f"residual_{name}": value for name, value in record.pop("residuals").items()})
        except RuntimeError as error:
            record["rejected"] = f"failed: {error}"
    record["seconds"] = time.perf_counter() - start
    output = Path(output)
    temporary = output.with_suffix(".part.npz")
    np.savez(temporary, **record)
    os.replace(temporary, output)
    print(index, case["profile"], f"{record['seconds']:.0f} s", record["rejected"] or "accepted", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
