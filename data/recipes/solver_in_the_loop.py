"""Recipe of data/solver_in_the_loop.safetensors: trains all networks of the notebook solver_in_the_loop.

It runs the notebook's own cells (those with the tag "recipe") and then its function `train` for every variant and seed,
two at a time; a file each in _artifacts/solver_in_the_loop/, so that a stopped run goes on where it was. About half an
hour on two cores. `python data/recipes/solver_in_the_loop.py`
"""

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor

from torch import nn

from pbdl_helpers import checkpoints
from tools import ROOT, notebooks

NOTEBOOK = ROOT / "notebooks" / "differentiable_physics" / "solver_in_the_loop.ipynb"
PARTS = ROOT / "_artifacts" / "solver_in_the_loop"


def cells() -> dict:
    """Returns the names that the notebook's cells for training define."""
    space = {"__name__": "recipe"}
    for cell in notebooks.read(NOTEBOOK).cells:
        if "recipe" in cell.metadata.get("tags", []):
            exec(cell.source, space)
    return space


def part(variant, seed):
    return PARTS / f"{variant.replace(' ', '_').replace(',', '').replace(chr(39), '')}_{seed}.safetensors"


def train(job) -> str:
    variant, seed = job
    path = part(variant, seed)
    if path.exists():
        return f"{path.name} is there"
    space = cells()
    settings = space["VARIANTS"][variant]
    start = time.perf_counter()
    network, losses = space["train"](seed, **settings)
    seconds = time.perf_counter() - start
    last = sum(losses[-50:]) / 50
    settings = {**settings, "first_loss": losses[0], "last_loss": last}
    checkpoints.save(path, network, settings=settings, seed=seed, steps=len(losses), seconds=seconds)
    return f"{path.name}: {seconds:.0f} s, loss {losses[0]:.3f} to {last:.4f}"


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    PARTS.mkdir(parents=True, exist_ok=True)
    space = cells()
    jobs = [(variant, seed) for seed in space["SEEDS"] for variant in space["VARIANTS"]]
    with ProcessPoolExecutor(2) as pool:
        for line in pool.map(train, jobs):
            print(line, flush=True)
    networks, seconds, settings = nn.ModuleDict(), {}, {}
    for variant, values in space["VARIANTS"].items():
        networks[variant] = nn.ModuleList()
        for seed in space["SEEDS"]:
            options = {name: values[name] for name in ("width", "source") if name in values}
            network = space["Correction"](**options)
            found = checkpoints.load(part(variant, seed), network)
            networks[variant].append(network)
            seconds[f"{variant} {seed}"] = round(found["seconds"])
            settings[f"{variant} {seed}"] = found["settings"]
    total = sum(seconds.values())
    checkpoints.save(
        ROOT / "data" / "solver_in_the_loop.safetensors",
        networks,
        settings={"seconds": seconds, "variants": settings},
        seed=0,
        steps=sum(values["updates"] for values in space["VARIANTS"].values()) * len(space["SEEDS"]),
        seconds=total,
    )
    print(json.dumps(seconds, indent=1))


if __name__ == "__main__":
    main()
