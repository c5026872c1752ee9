"""Trains the controllers on a GPU, by the recipe cells of fluid_control.txt: python drafts/19_control/train.py OUT SECONDS."""

import importlib
import os
import re
import sys
import time
import types
from pathlib import Path
from unittest.mock import MagicMock

begin = time.perf_counter()
os.environ["TQDM_DISABLE"] = "1"
import torch

try:
    import tqdm.auto
except ImportError:
    sys.modules["tqdm"] = types.ModuleType("tqdm")
    sys.modules["tqdm.auto"] = types.SimpleNamespace(tqdm=lambda iterable, **_: iterable)
for name in ("checkpoints", "datasets", "plotting", "claims"):
    try:
        importlib.import_module(f"pbdl_helpers.{name}")
    except ImportError as error:
        print("stub for", name, error)
        sys.modules[f"pbdl_helpers.{name}"] = MagicMock()
        setattr(importlib.import_module("pbdl_helpers"), name, MagicMock())
try:
    import matplotlib.pyplot
except ImportError:
    sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = MagicMock()

text = (Path(__file__).parent / "notebook.txt").read_text()
parts = re.split(r"^#%% (md|code)(.*)\n", text, flags=re.M)
space = {"__name__": "recipe"}
for kind, meta, source in zip(parts[1::3], parts[2::3], parts[3::3]):
    if kind == "code" and '"recipe"' in meta:
        exec(source, space)
out, limit, updates = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
batch, pre = (32, 600) if updates > 20 else (2, 2)
torch.backends.cudnn.benchmark = True


def clock():
    return time.perf_counter() - begin


# a run of two commands: the second one goes on with the jobs that the first had no time for
done = set(sys.argv[4:])
for kind, seed, count, rate in (
    ("planner", 0, updates, 2e-3),
    ("planner", 1, updates, 2e-3),
    ("direct", 0, updates, 1e-3),
    ("shortcut", 0, updates, 2e-3),
    ("planner", 0, 0, 2e-3),
    ("planner", 1, 0, 2e-3),
    ("direct", 1, updates, 1e-3),
    ("shortcut", 1, updates, 2e-3),
):
    name = f"{kind}-{seed}{'' if count else '-start'}"
    if name in done or clock() + 15 + 0.1 * count > limit:
        print("skipped", name)
        continue
    start = clock()
    controller, curve = space["train"](seed, kind, count, batch, pre, rate)
    seconds = clock() - start
    for row in curve:
        print(name, *row, flush=True)
    print(f"{name} {count} rate {rate}: {seconds:.1f} s, in all {clock():.1f}", flush=True)
    weights = {k: v.cpu() for k, v in controller.state_dict().items()}
    saved = {"weights": weights, "curve": curve, "seconds": seconds, "rate": rate, "updates": count}
    torch.save(saved, out / f"{name}.pt")
