"""Recipe of data/burgers.hdf5: a Burgers run of 32 steps, and the exact solution at the same times. Takes a second."""

import math
from pathlib import Path

import numpy as np
import torch

from pbdl_helpers import burgers, datasets

N, STEPS, NU = 128, 32, 0.01 / math.pi

x = burgers.cell_centres(N)
run = burgers.rollout(-torch.sin(math.pi * x), STEPS, dx=2 / N, dt=1 / STEPS, nu=NU).numpy()
exact = np.stack([burgers.cole_hopf(x.numpy(), step / STEPS, NU) for step in range(STEPS + 1)])
datasets.write(
    Path(__file__).parents[1] / "burgers.hdf5",
    [states[:, None].astype(np.float32) for states in (run, exact)],
    [{"Viscosity": NU}, {"Viscosity": NU}],
    PDE="Burgers",
    Fields=["Velocity"],
    Fields_Scheme="v",
    Dt=1 / STEPS,
    Sims=["semi-Lagrangian run", "exact solution (Cole-Hopf)"],
)
