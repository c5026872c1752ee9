"""Recipe of data/burgers_pinn.hdf5: runs the notebook burgers_pinn, which makes it. Takes two to three minutes.

python data/recipes/burgers_pinn.py
"""

import shutil
import tempfile
from pathlib import Path

from tools import ROOT, notebooks

NOTEBOOK = ROOT / "notebooks" / "physical_losses" / "burgers_pinn.ipynb"

with tempfile.TemporaryDirectory() as folder:
    notebooks.run(notebooks.execute(NOTEBOOK, folder=folder))
    shutil.copy(Path(folder) / "_artifacts" / "burgers_pinn.hdf5", ROOT / "data")
