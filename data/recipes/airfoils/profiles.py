"""Airfoil outlines of the UIUC collection, as the package `aerosandbox` ships them."""

import importlib.util
import re
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

N_SURFACE = 110  # edges a side, denser at nose and tail
THICKNESS = (0.05, 0.3)  # of the profiles taken, in chords
TAIL_GAP = 0.02  # largest distance between the ends of the two sides, in chords


def folder() -> Path:
    """Returns where the outlines are; raises FileNotFoundError if the package is missing."""
    spec = importlib.util.find_spec("aerosandbox")
    if spec is None:
        raise FileNotFoundError("The outlines come with aerosandbox: pip install --no-deps aerosandbox==4.2.10")
    return Path(spec.origin).parent / "geometry" / "airfoil" / "airfoil_database"


def read(path) -> np.ndarray:
    """Returns the outline in Selig's order (trailing edge, upper side, nose, lower side), chord 1, shape (n, 2)."""
    rows = [
        re.findall(r"[-+.\deE]+", line)
        for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    ]
    points = np.array([[float(v) for v in row[:2]] for row in rows if len(row) >= 2])
    if len(points) < 20:
        raise ValueError(f"{path} has too few points.")
    keep = np.r_[True, np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6]
    points = points[keep]
    nose = points[:, 0].argmin()
    if nose in (0, len(points) - 1) or np.abs(points).max() > 1.6:
        raise ValueError(f"{path} is not an outline in Selig's format.")
    if points[: nose + 1, 1].mean() < points[nose:, 1].mean():  # some files start on the lower side
        points = points[::-1]
        nose = points[:, 0].argmin()
    tail = (points[0] + points[-1]) / 2
    return (points - points[nose]) / (tail[0] - points[nose, 0])


def resample(points) -> np.ndarray:
    """Returns a closed outline of ``2 N_SURFACE`` points, counter-clockwise from the trailing edge."""
    angle = np.linspace(0, np.pi, N_SURFACE + 1)
    spacing = 0.7 * (1 - np.cos(angle)) / 2 + 0.3 * angle / np.pi
    nose = points[:, 0].argmin()
    sides = []
    for side in (points[: nose + 1], points[nose:]):
        arc = np.r_[0, np.cumsum(np.linalg.norm(np.diff(side, axis=0), axis=1))]
        sides.append(PchipInterpolator(arc, side)(arc[-1] * spacing))
    sides[0][0] = sides[1][-1] = (points[0] + points[-1]) / 2  # close the trailing edge
    return np.concatenate([sides[0][:-1], sides[1][:-1]])


def outline(name) -> np.ndarray:
    """Returns the resampled outline of a profile; raises ValueError if it is not fit for a mesh."""
    points = read(folder() / f"{name}.dat")
    if np.linalg.norm(points[0] - points[-1]) > TAIL_GAP:
        raise ValueError(f"{name} has a thick trailing edge.")
    closed = resample(points)
    upper, lower = closed[: N_SURFACE + 1], np.vstack([closed[N_SURFACE:], closed[:1]])
    x = np.linspace(0.02, 0.98, 97)
    gap = np.interp(x, upper[::-1, 0], upper[::-1, 1]) - np.interp(x, lower[:, 0], lower[:, 1])
    if gap.min() <= 0.001 or not THICKNESS[0] <= gap.max() <= THICKNESS[1]:
        raise ValueError(f"{name} is too thin, too thick, or crosses itself.")
    return closed


def names() -> list[str]:
    """Returns the profiles that are fit for a mesh, sorted."""
    fit = []
    for path in sorted(folder().glob("*.dat")):
        try:
            outline(path.stem)
        except ValueError:
            continue
        fit.append(path.stem)
    return fit
