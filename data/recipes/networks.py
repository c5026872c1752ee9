"""Recipe of the trained networks: `python data/recipes/networks.py solver_in_the_loop` (or another of NETWORKS).

It runs the notebook's own cells (those with the tag "recipe") and then its function `train` for each of its VARIANTS
and SEEDS (or the variant's own "seeds"), two at a time; a file each in _artifacts/NAME/, so that a stopped run goes on
where it was. Twenty minutes to an hour and a half on two cores, three and a half for fluid_control, minutes where
there is a GPU. All networks of a notebook end in data/NAME.safetensors.
"""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from torch import nn

from pbdl_helpers import checkpoints
from tools import ROOT, notebooks

# name of the file → notebook, what makes a network there, which options it takes
NETWORKS = {
    "solver_in_the_loop": ("differentiable_physics/solver_in_the_loop", "Correction", ("width", "source")),
    "airfoils_unet": ("surrogates/airfoils", "UNet", ("width", "group")),
    "architectures": ("surrogates/architectures", "build", ("kind",)),
    "score_matching": ("probabilistic/score_matching", "build", ("bounded",)),
    "heat_sip": ("improved_gradients/heat_sip", "UNet", ()),
    "helmholtz_hodge": ("physical_losses/helmholtz_hodge", "build", ("kind",)),
    "fluid_control": ("differentiable_physics/fluid_control", "build", ("kind",)),
}


def cells(name) -> dict:
    """Returns the names that the notebook's cells for training define."""
    space = {"__name__": "recipe"}
    for cell in notebooks.read(ROOT / "notebooks" / f"{NETWORKS[name][0]}.ipynb").cells:
        if "recipe" in cell.metadata.get("tags", []):
            exec(cell.source, space)
    return space


def seeds(space, variant) -> list[int]:
    return space["VARIANTS"][variant].get("seeds", space["SEEDS"])


def empty(name, space) -> nn.ModuleDict:
    """Returns untrained networks: variant → one for each seed."""
    _, kind, options = NETWORKS[name]
    return nn.ModuleDict(
        {
            variant: nn.ModuleList(
                space[kind](**{key: value for key, value in values.items() if key in options})
                for _ in seeds(space, variant)
            )
            for variant, values in space["VARIANTS"].items()
        }
    )


def part(name, variant, seed):
    file = variant.replace(" ", "_").replace(",", "").replace("'", "")
    return ROOT / "_artifacts" / name / f"{file}_{seed}.safetensors"


def summary(history) -> dict:
    """Returns what is kept of a training: the notebook's curve, or of a list of losses the first and the last ones."""
    if isinstance(history[0], float):
        last = history[-50:]
        return {"first_loss": history[0], "last_loss": sum(last) / len(last)}
    return {"curve": history}


def train(job) -> str:
    name, variant, seed = job
    path = part(name, variant, seed)
    if path.exists():
        return f"{path.name} is there"
    space = cells(name)
    settings = {key: value for key, value in space["VARIANTS"][variant].items() if key != "seeds"}
    start = time.perf_counter()
    network, history = space["train"](seed, **settings)
    seconds = time.perf_counter() - start
    settings = {**settings, **summary(history)}
    checkpoints.save(path, network, settings=settings, seed=seed, steps=settings["updates"], seconds=seconds)
    return f"{path.name}: {seconds:.0f} s, {str(summary(history))[-60:]}"


def main(name) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    space = cells(name)
    jobs = [(name, variant, seed) for variant in space["VARIANTS"] for seed in seeds(space, variant)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:  # a forked process could not use a GPU
        for line in pool.map(train, jobs):
            print(line, flush=True)
    networks, seconds, settings = empty(name, space), {}, {}
    for _, variant, seed in jobs:
        found = checkpoints.load(part(name, variant, seed), networks[variant][seeds(space, variant).index(seed)])
        seconds[f"{variant} {seed}"] = round(found["seconds"])
        settings[f"{variant} {seed}"] = found["settings"]
    for parameter in networks.parameters():  # half the size; changes errors by less than a thousandth of their value
        parameter.data = parameter.data.half()
    checkpoints.save(
        ROOT / "data" / f"{name}.safetensors",
        networks,
        settings={"seconds": seconds, "variants": settings},
        seed=0,
        steps=sum(values["updates"] for values in settings.values()),
        seconds=sum(seconds.values()),
    )


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in NETWORKS]:
        sys.exit(f"Name one of {', '.join(NETWORKS)}.")
    main(sys.argv[1])
