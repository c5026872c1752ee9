"""Recipe of the trained networks; `make networks NAME=solver_in_the_loop` (or another of NETWORKS) runs all of it.

A job runs the notebook's own cells (those with the tag "recipe") and then its function `train` for one of its VARIANTS
and SEEDS (or the variant's own "seeds"). Twenty minutes to an hour and a half on two cores, three and a half for
fluid_control, minutes where there is a GPU. All networks of a notebook end in data/NAME.safetensors, with a hash of the
cells that made them; of a variant with "keep": False only the log.

The jobs are `networks.py train NAME INDEX OUTPUT` and `networks.py collect NAME OUTPUT PART …`.
`networks.py stamp NAME` writes the hash of today's cells into the stored file: for an edit that changes no training,
such as a comment.
"""

import json
import os
import sys
import time

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from pbdl_helpers import checkpoints
from tools import ROOT, notebooks

# name of the file → notebook, what makes a network there, which options it takes
NETWORKS = {
    "solver_in_the_loop": ("differentiable_physics/solver_in_the_loop", "Correction", ("width", "source")),
    "airfoils_unet": ("surrogates/airfoils", "UNet", ("width", "group", "mirrored")),
    "architectures": ("surrogates/architectures", "build", ("kind",)),
    "airfoil_uncertainty": ("probabilistic/airfoil_uncertainty", "UNet", ("width", "outputs")),
    "score_matching": ("probabilistic/score_matching", "build", ("bounded",)),
    "smdp": ("probabilistic/smdp", "build", ("plain",)),
    "smdp_heat": ("probabilistic/smdp_heat", "build", ("kind",)),
    "heat_sip": ("improved_gradients/heat_sip", "UNet", ()),
    "helmholtz_hodge": ("physical_losses/helmholtz_hodge", "build", ("kind",)),
    "fluid_control": ("differentiable_physics/fluid_control", "build", ("kind",)),
    "burgers_pinn": ("physical_losses/burgers_pinn", "make_network", ()),
}

WHOLE = {"burgers_pinn"}  # errors of half precision would show beside theirs


def notebook(name):
    return notebooks.read(ROOT / "notebooks" / f"{NETWORKS[name][0]}.ipynb")


def cells_hash(name) -> str:
    """Returns the SHA-256 of the cells that train the networks."""
    return notebooks.hash_of(notebooks.recipe(notebook(name)))


def cells(name) -> dict:
    """Returns the names that the notebook's cells for training define, at the book's scale and seed."""
    os.environ.update({"PBDL_SCALE": "book", "PBDL_SEED": "0", "TQDM_DISABLE": "1"})
    space = {"__name__": "recipe"}
    for cell in notebooks.recipe(notebook(name)):
        exec(cell.source, space)
    return space


def seeds(space, variant) -> list[int]:
    return space["VARIANTS"][variant].get("seeds", space["SEEDS"])


def pairs(space) -> list[tuple[str, int]]:
    return [(variant, seed) for variant in space["VARIANTS"] for seed in seeds(space, variant)]


def jobs(name) -> list[tuple[str, int]]:
    """Returns variant and seed of each network of a notebook, in the order of their numbers."""
    return pairs(cells(name))


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
            if values.get("keep", True)
        }
    )


def summary(history) -> dict:
    """Returns what is kept of a training: the notebook's curve, or of a list of losses the first and the last ones."""
    if isinstance(history[0], float):
        last = history[-50:]
        return {"first_loss": history[0], "last_loss": sum(last) / len(last)}
    return {"curve": history}


def train(name, index, output) -> None:
    """Trains one network."""
    space = cells(name)
    variant, seed = pairs(space)[index]
    settings = {key: value for key, value in space["VARIANTS"][variant].items() if key not in ("seeds", "keep")}
    start = time.perf_counter()
    network, history = space["train"](seed, **settings)
    seconds = time.perf_counter() - start
    settings = {**settings, **summary(history)}
    checkpoints.save(output, network, settings=settings, seed=seed, steps=settings["updates"], seconds=seconds)
    print(f"{variant}, seed {seed}: {seconds:.0f} s, {str(summary(history))[-60:]}", flush=True)


def collect(name, output, parts) -> None:
    """Puts all networks of a notebook into one file."""
    space = cells(name)
    networks, seconds, settings = empty(name, space), {}, {}
    for (variant, seed), part in zip(pairs(space), parts, strict=True):
        if variant in networks:
            found = checkpoints.load(part, networks[variant][seeds(space, variant).index(seed)])
        else:
            found = provenance(part)
        seconds[f"{variant} {seed}"] = round(found["seconds"])
        settings[f"{variant} {seed}"] = found["settings"]
    if name not in WHOLE:
        for parameter in networks.parameters():  # half the size; changes errors by less than a thousandth
            parameter.data = parameter.data.half()
    checkpoints.save(
        output,
        networks,
        settings={"seconds": seconds, "variants": settings, "cells_sha256": cells_hash(name)},
        seed=0,
        steps=sum(values["updates"] for values in settings.values()),
        seconds=sum(seconds.values()),
    )


def header(name) -> dict:
    """Returns the provenance of the stored networks."""
    return provenance(ROOT / "data" / f"{name}.safetensors")


def provenance(path) -> dict:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["pbdl"])


def stamp(name) -> None:
    """Writes the hash of today's cells into the header of the stored networks; the weights stay as they are."""
    path, found = ROOT / "data" / f"{name}.safetensors", header(name)
    found["settings"]["cells_sha256"] = cells_hash(name)
    temporary = path.with_name(path.name + ".part")
    save_file(load_file(path), temporary, metadata={"pbdl": json.dumps(found)})
    os.replace(temporary, path)


if __name__ == "__main__":
    command, name, *rest = sys.argv[1:]
    if name not in NETWORKS:
        sys.exit(f"Name one of {', '.join(NETWORKS)}, not {name}.")
    if command == "train":
        train(name, int(rest[0]), rest[1])
    elif command == "collect":
        collect(name, rest[0], rest[1:])
    elif command == "stamp":
        stamp(name)
    else:
        sys.exit(__doc__)
