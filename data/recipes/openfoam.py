"""What the OpenFOAM recipes share: a mesh around a body, case templates, program runs, samples, rounding."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from string import Template

import numpy as np


def offset(outline, *, first_layer, layers, growth) -> np.ndarray:
    """Returns the outer edge of the wall layers: each point moves along its normal, smoothly around a sharp tail."""
    edges = np.roll(outline, -1, axis=0) - outline
    directions = np.unwrap(np.arctan2(-edges[:, 0], edges[:, 1]))
    turns = np.r_[directions, directions + 2 * np.pi]  # once around is one full turn
    normals = (turns[len(outline) - 1 : 2 * len(outline) - 1] - 2 * np.pi + directions) / 2
    for _ in range(40):
        before, after = np.roll(normals, 1), np.roll(normals, -1)
        before[0] -= 2 * np.pi
        after[-1] += 2 * np.pi
        normals = (before + 2 * normals + after) / 4
    thickness = first_layer * (growth**layers - 1) / (growth - 1)
    return outline + thickness * np.stack([np.cos(normals), np.sin(normals)], axis=1)


def geometry(outline, *, domain, sides, first_layer, layers, growth, size, boxes, quads=False) -> str:
    """Returns gmsh's description of a plane mesh, one cell thick, in a rectangle around a body.

    Args:
        outline: of the body, closed, counter-clockwise, shape (n, 2); its patch is called ``body``.
        domain: (x0, x1, y0, y1) of the rectangle.
        sides: names of the patches at y0, x1, y1, x0; the same name may occur several times.
        first_layer: thickness of the cells at the wall.
        layers: of quadrilaterals on the body.
        growth: thickness of a layer over that of the one before.
        size: edge length of the other cells as a gmsh expression of F1, the distance from the wall layers.
        boxes: of finer cells, each (x0, x1, y0, y1, size inside, size outside, width of the transition).
        quads: quadrilaterals everywhere, not only in the wall layers.
    """
    n = len(outline)
    x0, x1, y0, y1 = domain
    lines = []

    def loop(points, start):
        m = len(points)
        for i, (x, y) in enumerate(points):
            lines.append(f"Point({start + i}) = {{{x:.9f}, {y:.9f}, 0}};")
        for i in range(m):
            lines.append(f"Line({start + i}) = {{{start + i}, {start + (i + 1) % m}}};")

    wall, outer, far, ray, quad = 1, n + 1, 2 * n + 1, 3 * n + 1, 4 * n + 1
    loop(outline, wall)
    loop(offset(outline, first_layer=first_layer, layers=layers, growth=growth), outer)
    loop([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], far)
    for i in range(n):  # one column of quadrilaterals on each edge of the wall
        lines.append(f"Line({ray + i}) = {{{wall + i}, {outer + i}}};")
    for i in range(n):
        j = (i + 1) % n
        lines.append(f"Curve Loop({quad + i}) = {{{wall + i}, {ray + j}, {-(outer + i)}, {-(ray + i)}}};")
        lines.append(f"Plane Surface({quad + i}) = {{{quad + i}}};")
    lines += [
        f"Transfinite Curve {{{wall}:{outer + n - 1}}} = 2;",
        f"Transfinite Curve {{{ray}:{ray + n - 1}}} = {layers + 1} Using Progression {growth};",
        f"Transfinite Surface {{{quad}:{quad + n - 1}}};",
        f"Recombine Surface {{{quad}:{quad + n - 1}}};",
        f"Curve Loop(1) = {{{outer}:{outer + n - 1}}};",
        f"Curve Loop(2) = {{{far}:{far + 3}}};",
        "Plane Surface(1) = {2, 1};",
        "Field[1] = Distance;",
        f"Field[1].CurvesList = {{{outer}:{outer + n - 1}}};",
        "Field[2] = MathEval;",
        f'Field[2].F = "{size}";',
    ]
    for k, (left, right, bottom, top, inside, outside, width) in enumerate(boxes, 3):
        lines += [
            f"Field[{k}] = Box;",
            f"Field[{k}].VIn = {inside}; Field[{k}].VOut = {outside}; Field[{k}].Thickness = {width};",
            f"Field[{k}].XMin = {left}; Field[{k}].XMax = {right};",
            f"Field[{k}].YMin = {bottom}; Field[{k}].YMax = {top};",
        ]
    last = len(boxes) + 3
    lines += [
        f"Field[{last}] = Min; Field[{last}].FieldsList = {{2:{last - 1}}};",
        f"Background Field = {last};",
        "Mesh.Algorithm = 6;",
        "Mesh.MeshSizeExtendFromBoundary = 0; Mesh.MeshSizeFromPoints = 0;",
        "Recombine Surface {1};" if quads else "",
        f"out[] = Extrude {{0, 0, 1}} {{ Surface{{1, {quad}:{quad + n - 1}}}; Layers{{1}}; Recombine; }};",
        f'Physical Surface("back") = {{1, {quad}:{quad + n - 1}}};',
        f"m = {n + 6};",  # entries of the first surface in out[]: top, volume, outer edges, far field
    ]
    for name in dict.fromkeys(sides):
        faces = ", ".join(f"out[{2 + k}]" for k in range(4) if sides[k] == name)
        lines.append(f'Physical Surface("{name}") = {{{faces}}};')
    lines += [
        "top[] = {out[0]}; wall[] = {}; volume[] = {out[1]};",
        f"For i In {{0:{n - 1}}}",
        "  top[] += out[m + 6 * i]; volume[] += out[m + 6 * i + 1]; wall[] += out[m + 6 * i + 2];",
        "EndFor",
        'Physical Surface("front") = top[];',
        'Physical Surface("body") = wall[];',
        'Physical Volume("fluid") = volume[];',
    ]
    return "\n".join(lines) + "\n"


def environment(folder) -> dict:
    """Returns the variables for a program in ``folder``, which it reads from PWD: the shell's may hold a space."""
    root = os.environ.get("WM_PROJECT_DIR", "/usr/share/openfoam")
    return {**os.environ, "WM_PROJECT_DIR": root, "FOAM_ETC": f"{root}/etc", "PWD": str(Path(folder).resolve())}


def run(command, folder) -> str:
    """Runs a program and returns its output; raises RuntimeError with the output's end if it fails."""
    if re.search(r"\s", str(Path(folder).resolve())):
        raise ValueError(
            f"OpenFOAM cannot work in {str(folder)!r}: the path holds a space. Set TMPDIR to another folder."
        )
    log = folder / f"log.{Path(command[0]).name}"
    with log.open("w", encoding="utf-8") as file:
        options = {"cwd": folder, "stdout": file, "stderr": subprocess.STDOUT, "env": environment(folder)}
        code = subprocess.run(command, **options).returncode
    text = log.read_text(encoding="utf-8")
    if code:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{text[-1500:]}")
    return text


def prepare(templates, folder, values, mesh) -> int:
    """Makes a case: templates with their ``$names`` filled in, and the mesh of a gmsh description.

    Returns:
        The number of cells.
    """
    shutil.copytree(templates, folder)
    for path in folder.glob("*/*"):
        path.write_text(Template(path.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
    (folder / "mesh.geo").write_text(mesh, encoding="utf-8")
    run(["gmsh", "-3", "-format", "msh2", "-o", "mesh.msh", "mesh.geo"], folder)
    run(["gmshToFoam", "mesh.msh"], folder)
    boundary = folder / "constant" / "polyMesh" / "boundary"
    text = boundary.read_text(encoding="utf-8")
    for patch, kind in (("front", "empty"), ("back", "empty"), ("body", "wall")):
        text = re.sub(rf"({patch}\s*\{{\s*type\s+)patch", rf"\g<1>{kind}", text)
    boundary.write_text(text, encoding="utf-8")
    return int(re.search(r"nCells: *(\d+)", boundary.with_name("owner").read_text("latin-1"))[1])


def listed(points) -> str:
    """Returns points (n, 2) as OpenFOAM's list, at half the height of the one layer of cells."""
    return "\n".join(f"({x:.6f} {y:.6f} 0.5)" for x, y in points)


def samples(folder, fluid, points, columns) -> np.ndarray:
    """Reads what a ``sets`` function wrote at every time.

    Args:
        folder: of the function, with one folder a time.
        fluid: mask of the points that were sampled, shape (y, x).
        points: all points, shape (y, x, 2).
        columns: name of the file → number of values in it.

    Returns:
        Shape (times, values, y, x), zero where there is no fluid.
    """
    times = sorted(folder.iterdir(), key=lambda path: float(path.name))
    result = np.zeros((len(times), sum(columns.values()), *fluid.shape))
    for frame, time in enumerate(times):
        first = 0
        for name, count in columns.items():
            rows = np.loadtxt(time / f"points_{name}.xy", ndmin=2)
            if len(rows) != fluid.sum() or not np.allclose(rows[:, :2], points[fluid], atol=1e-4):
                raise RuntimeError(
                    f"{folder} has {len(rows)} of {fluid.sum()} sample points: some lie outside the mesh."
                )
            result[frame, first : first + count, fluid] = rows[:, 3:]
            first += count
    return result


def forces(folder) -> np.ndarray:
    """Reads what a ``forceCoeffs`` function named ``forces`` wrote: rows (time, drag, lift)."""
    return np.loadtxt(next((folder / "postProcessing" / "forces").rglob("coefficient*.dat")))[:, [0, 1, 3]]


def period(times, signal) -> float:
    """Returns the mean time between upward crossings of the mean, 0 if there are fewer than two of them."""
    signal = signal - signal.mean()
    before = np.nonzero((signal[1:] > 0) & (signal[:-1] <= 0))[0]
    share = signal[before] / (signal[before] - signal[before + 1])
    crossings = times[before] + share * (times[before + 1] - times[before])
    return float(np.diff(crossings).mean()) if len(crossings) > 1 else 0.0


def save(output, **record) -> None:
    """Writes a case's result under a temporary name and moves it, so that a stopped run leaves nothing half-written."""
    temporary = Path(output).with_suffix(".part.npz")
    np.savez(temporary, **record)
    os.replace(temporary, output)


def quantise(field, steps) -> np.ndarray:
    """Rounds to multiples of (next power of two of the largest magnitude) / ``steps``: such numbers compress well."""
    step = 2.0 ** np.ceil(np.log2(np.abs(field).max())) / steps
    return (np.round(field / step) * step).astype(np.float32)
