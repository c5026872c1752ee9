"""One stalled case with two eddy viscosities of the free stream: `viscosity.py`, into data/airfoils_viscosity.hdf5.

The free stream of the source brings 0.14 m²/s at all speeds, 14,000 times the viscosity of air; ours three times.
"""

import tempfile
from pathlib import Path

import case
import numpy as np
import plan
import profiles
from collect import ATTRIBUTES, simulation

from pbdl_helpers import datasets
from tools import ROOT

INDEX = 108  # of the plan: a test case beyond stall
NU_TILDA = (case.NU_TILDA, 0.14)  # m²/s


def pad(history) -> np.ndarray:
    """Fills up a history that ended early, since the flow had converged, with NaN."""
    return np.pad(history, ((0, case.ITERATIONS - len(history)), (0, 0)), constant_values=np.nan)


def main() -> None:
    chosen = plan.cases()[INDEX]
    outline = profiles.outline(chosen["profile"])
    sims, constants, histories = [], [], []
    for nu_tilda in NU_TILDA:
        with tempfile.TemporaryDirectory() as scratch:
            result = case.solve(outline, chosen["speed"], chosen["angle"], Path(scratch) / "case", nu_tilda)
        sims.append(simulation(result))
        histories.append(result["forces"])
        values = {name: chosen[name] for name in ("speed", "angle")}
        constants.append({**values, "nu_tilda": nu_tilda, "steady": float(result["steady"])})
    histories = np.stack([pad(history) for history in histories])  # (viscosities, iterations, drag and lift)
    datasets.write(
        ROOT / "data" / "airfoils_viscosity.hdf5",
        sims,
        constants,
        **ATTRIBUTES,
        Profiles=[chosen["profile"]] * len(NU_TILDA),
        Drag=histories[..., 0],
        Lift=histories[..., 1],
    )


if __name__ == "__main__":
    main()
