"""Draws the figures of the page on data from the stored sets into book/figures: `data_figures.py`."""

import matplotlib.pyplot as plt
import numpy as np

from notebooks import ROOT
from pbdl_helpers import datasets, plotting


def period(signal) -> float:
    """Returns the mean time between upward zero crossings of a signal sampled at unit intervals."""
    before = np.nonzero((signal[1:] > 0) & (signal[:-1] <= 0))[0]
    return np.diff(before + signal[before] / (signal[before] - signal[before + 1])).mean()


def wake():
    data = datasets.load("wake")
    dx = data.attributes["Dx"]
    reynolds = np.array([constants["Reynolds"] for constants in data.constants])
    order = np.argsort(reynolds)
    figure, axes = plt.subplots(1, 5, figsize=(11, 4.2), width_ratios=[1, 1, 1, 1, 2.2])
    for ax, index in zip(axes, order[[0, 3, 6, 9]], strict=False):
        u, v = data.sims[index][-1, 0, :64, :], data.sims[index][-1, 1, :, :32]
        vorticity = (np.diff(v[1:-1], axis=-1) - np.diff(u[:, 1:-1], axis=-2)) / dx
        drawn = ax.imshow(vorticity, vmin=-0.4, vmax=0.4, cmap="RdBu_r", extent=(0, 100, 0, 200))
        ax.set(title=f"Re = {reynolds[index]:.0f}", xlabel="x")
        ax.grid(False)
    axes[0].set_ylabel("y")
    figure.colorbar(drawn, ax=axes[:4], label="vorticity", pad=0.01)
    gap = 1 / 0.8  # mean velocity beside the cylinder
    measured = [20 / (period(data.sims[i][:, 0, 28, 16]) * gap) for i in order]
    curve = np.geomspace(70, 1500, 100)
    axes[4].semilogx(reynolds[order] * gap, measured, "o", color=plotting.COLORS["solver"], label="stored data")
    formula = 0.2731 - 1.1129 / np.sqrt(curve) + 0.4821 / curve
    axes[4].semilogx(curve, formula, "--", color=plotting.COLORS["reference"], label="free cylinder")
    axes[4].set(xlabel="Re of the gap velocity", ylabel="Strouhal number of the gap velocity", ylim=(0.1, 0.3))
    axes[4].legend()
    return figure


def main() -> None:
    plotting.style()
    for draw in (wake,):
        draw().savefig(ROOT / "book" / "figures" / f"data_{draw.__name__}.png", dpi=100)


if __name__ == "__main__":
    main()
