"""Physics of the stored set `cylinder_transonic`: compressible flow past a cylinder, with vortices and shocks."""

import numpy as np
import pytest

from pbdl_helpers import datasets

DATA = datasets.load("cylinder_transonic")
FINE = datasets.load("cylinder_transonic_fine")
GAMMA, DT = 1.4, 0.5


def column(name):
    return np.array([constants[name] for constants in DATA.constants])


MACH = column("Mach")


def fields(index):
    """Returns velocity x, velocity y, density and pressure of a simulation, shape (4, frames, y, x)."""
    return DATA.sims[index].astype(float).swapaxes(0, 1)


def local_mach(u, v, density, pressure):
    return np.sqrt((u**2 + v**2) * density / (GAMMA * pressure))


def total_pressure(mach):
    """Pressure at rest of a free stream with pressure 1 / 1.4, without losses."""
    return (1 + (GAMMA - 1) / 2 * mach**2) ** (GAMMA / (GAMMA - 1)) / GAMMA


def test_split_and_layout():
    split = {name: MACH[DATA.attributes[name]] for name in ("Training", "Inside", "Outside")}
    assert sorted(np.concatenate(list(split.values()))) == sorted(MACH)
    low, high = split["Training"].min(), split["Training"].max()
    assert len(split["Training"]) == 10
    assert ((split["Inside"] > low) & (split["Inside"] < high)).all()
    assert ((split["Outside"] < low) | (split["Outside"] > high)).all()
    assert all(sim.shape == (200, 4, 32, 64) for sim in DATA.sims)
    assert all(sim.shape == (60, 4, 64, 128) for sim in FINE.sims)
    assert DATA.attributes["Dt"] == FINE.attributes["Dt"] == DT


def test_fine_samples_average_to_the_coarse_ones():
    """Away from the cylinder; both are rounded."""
    for sim, constants in zip(FINE.sims, FINE.constants, strict=True):
        index = np.argmin(np.abs(MACH - constants["Mach"]))
        mean = sim.reshape(60, 4, 32, 2, 64, 2).mean(axis=(3, 5))[..., 16:]
        assert np.abs(mean - DATA.sims[index][:60, ..., 16:]).max() < 0.01


@pytest.mark.parametrize("index", range(len(MACH)))
def test_free_stream_is_recovered_ahead_of_the_cylinder(index):
    """Nothing is lost on the way there: entropy and total enthalpy are those of the free stream, whose density is 1."""
    u, v, density, pressure = (field[..., :3].mean(axis=0) for field in fields(index))
    assert GAMMA * pressure / density**GAMMA == pytest.approx(1, abs=0.02)
    enthalpy = GAMMA / (GAMMA - 1) * pressure / density + (u**2 + v**2) / 2
    assert enthalpy == pytest.approx(1 / (GAMMA - 1) + MACH[index] ** 2 / 2, rel=0.02)


def test_pressure_of_stagnation():
    """The far boundaries hold the temperature; the pressure ahead settles up to 3 % too high at Mach 0.8 and 0.85."""
    found = np.array([fields(i)[3].mean(axis=0).max() for i in range(len(MACH))])
    assert found == pytest.approx(total_pressure(MACH), rel=0.04)


def shocks(index):
    """Looks beside the wake, at |y| > 0.8, for flow along x that turns from supersonic to subsonic within two cells.

    Returns:
        Of each frame's strongest such place the density ratio, and the ratio across a normal shock there; one column a
        frame that has any, shape (2, frames).
    """
    height = np.abs(np.linspace(-3, 3, 65)[1::2])
    u, v, density, pressure = fields(index)[..., height > 0.8, :]
    mach = local_mach(u, v, density, pressure)
    before, after = mach[..., :-2], mach[..., 2:]
    jump = np.where((before > 1) & (after < 1), density[..., 2:] / density[..., :-2], 1).reshape(len(mach), -1)
    place = jump.argmax(axis=1)[:, None]
    before = np.take_along_axis(before.reshape(jump.shape), place, axis=1)[:, 0]
    normal = (GAMMA + 1) * before**2 / (2 + (GAMMA - 1) * before**2)  # Rankine and Hugoniot
    return np.stack([jump.max(axis=1), normal])[:, jump.max(axis=1) > 1]


def test_shocks_only_above_the_critical_mach_number():
    for index in np.nonzero(MACH < 0.55)[0]:
        assert shocks(index).shape[1] < 5
    for index in np.nonzero(MACH > 0.65)[0]:
        jump, normal = shocks(index)
        assert len(jump) > 190
        assert jump.mean() > 1.3
        assert jump.mean() == pytest.approx(normal.mean(), rel=0.15)


def test_strouhal_number_is_plausible():
    """Known for this range from experiments: 0.18 to 0.22; plane laminar flow sheds a little faster."""
    strouhal = 1 / (column("period") * MACH)
    regular = MACH < 0.87  # beyond, the lift is irregular and small
    assert strouhal[regular].min() > 0.18
    assert strouhal[regular].max() < 0.26


def test_mean_is_symmetric():
    for index in range(len(MACH)):
        whole = column("period")[index] / DT
        density = fields(index)[2][: round(int(200 / whole) * whole)]
        mean, spread = density.mean(axis=0), density.std(axis=0)
        assert np.abs(mean - mean[::-1]).max() < 0.3 * spread.max()


def period(signal):
    """Returns the mean time between upward crossings of the mean."""
    signal = signal - signal.mean()
    before = np.nonzero((signal[1:] > 0) & (signal[:-1] <= 0))[0]
    return np.diff(before + signal[before] / (signal[before] - signal[before + 1])).mean() * DT


def test_shedding_has_settled():
    """Period and amplitude in the wake are those of the lift, and the same in both halves of the frames.

    The mean drag is not settled at the highest Mach numbers, as the data page says.
    """
    for index in range(len(MACH)):
        across = fields(index)[1][:, 16, 24]  # velocity y behind the cylinder, at x = 3
        first, second = across[:100], across[100:]
        assert second.std() == pytest.approx(first.std(), rel=0.15)
        assert period(second) == pytest.approx(period(first), rel=0.1)
        assert period(across) == pytest.approx(column("period")[index], rel=0.05)
