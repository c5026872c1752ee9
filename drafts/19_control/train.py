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

text = (Path(__file__).parent / "fluid_control.txt").read_text()
parts = re.split(r"^#%% (md|code)(.*)\n", text, flags=re.M)
space = {"__name__": "recipe"}
for kind, meta, source in zip(parts[1::3], parts[2::3], parts[3::3]):
    if kind == "code" and "recipe" in meta:
        exec(source, space)
out, limit = Path(sys.argv[1]), float(sys.argv[2])
small = len(sys.argv) > 3
BATCH, PRE, TRY = (2, 2, 3) if small else (32, 600, 200)


def clock():
    return time.perf_counter() - begin


def job(kind, seed, updates, pre=PRE):
    start = clock()
    controller, curve = space["train"](seed, kind, updates, BATCH, pre)
    seconds = clock() - start
    for row in curve:
        print(kind, seed, *row, flush=True)
    print(f"{kind} {seed} {updates} rate {space['RATE']}: {seconds:.1f} s, in all {clock():.1f}", flush=True)
    weights = {k: v.cpu() for k, v in controller.state_dict().items()}
    saved = {"weights": weights, "curve": curve, "seconds": seconds, "rate": space["RATE"], "updates": updates}
    torch.save(saved, out / f"{kind}-{seed}{'' if updates else '-start'}.pt")
    return curve[-1][3], seconds


tries = {}
for rate in (1e-3, 2e-3, 4e-3):
    space["RATE"] = rate
    tries[rate] = job("planner", 0, TRY, PRE // 2)
finite = {rate: error if error == error else 9.0 for rate, (error, _) in tries.items()}
best = min(finite, key=finite.get)
space["RATE"] = best
_, start_seconds = job("planner", 0, 0)
each = (min(seconds for _, seconds in tries.values()) - start_seconds / 2 - 2.0) / TRY
updates = int((limit - clock() - 5 * start_seconds) / (3.8 * each))
print("best rate", best, "each", each, "updates", updates, flush=True)
for kind, seed in (("planner", 0), ("planner", 1), ("shortcut", 0), ("direct", 0)):
    job(kind, seed, updates)
job("planner", 1, 0)
