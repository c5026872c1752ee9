"""The file `airfoil_samples.safetensors`: flows drawn from the networks of the chapter airfoil_uncertainty.

A DDPM takes 200 network calls a sample, too long for a notebook. `samples.py draw INDEX OUTPUT` draws with one
network, by all ways that the notebook's PLANS name, `samples.py collect OUTPUT PART …` puts all into one file. The
functions are the notebook's own (its cells with the tag "recipe"). Kept are coefficients of the 60 leading modes of all
stored states, and the size of what these modes leave: 6 speeds × 64 samples × 62 numbers for each network and way.
"""

import os
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[3]))
sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
import networks

from pbdl_helpers import checkpoints, datasets

NAME = "airfoil_uncertainty"
COUNT = 64  # samples for each speed


def drawing(space) -> list[tuple[str, int]]:
    """Returns variant and seed of each network that draws."""
    return [(variant, seed) for variant, seed in networks.pairs(space) if variant in space["PLANS"]]


def jobs() -> list[tuple[str, int]]:
    """Returns the same, in the order of the jobs' numbers."""
    return drawing(networks.cells(NAME))


def modes(space) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the mean of all stored states, (3072,), and their leading modes, (60, 3072), orthonormal."""
    every = torch.cat([*space["flows"], *space["truth"]]).flatten(1).double()
    centre = every.mean(0)
    basis = torch.linalg.svd(every - centre, full_matrices=False).Vh[:60]
    return centre.float(), basis.float().contiguous()


def compressed(fields, centre, basis) -> torch.Tensor:
    """Returns 62 numbers for each field of a set, (samples, 62).

    Coefficients of the modes; length of what the modes leave of the set's mean; and for each field the root mean square
    of what is then left, which is taken to be independent between fields.
    """
    deviation = fields.flatten(1) - centre
    coefficients = deviation @ basis.T
    rest = deviation - coefficients @ basis
    common = rest.mean(0)
    noise = (rest - common).square().mean(1, keepdim=True).sqrt()
    return torch.cat([coefficients, common.norm().expand(len(fields), 1), noise], dim=1)


def starts(space, seed) -> torch.Tensor:
    """Returns the noise from which all ways to sample begin, (6, 64, 3, 32, 32)."""
    shape = len(space["TESTED"]), COUNT, 3, 32, 32
    return torch.randn(shape, generator=torch.Generator().manual_seed(1000 + seed))


def drawn_by(space, variant, seed, network) -> dict:
    """Returns samples of one network: "variant seed way" → (6, 64, 62), float16."""
    centre, basis = modes(space)
    torch.manual_seed(2000 + seed)
    drawn, start = {}, time.perf_counter()
    for way in space["PLANS"][variant]:
        sampler, scales = space["SAMPLERS"][way.split(",")[0]]
        parts = []
        for case, noise in zip(space["TESTED"], starts(space, seed), strict=True):
            c = space["conditions"](case).expand_as(noise)
            fields = sampler(network, space["VARIANTS"][variant]["kind"], noise, c, scales)
            parts.append(compressed(fields, centre, basis))
        drawn[f"{variant} {seed} {way}"] = torch.stack(parts).half()
        print(f"{variant} {seed} {way}: {time.perf_counter() - start:.0f} s", flush=True)
    return drawn


def draw(index, output) -> None:
    space = networks.cells(NAME)
    variant, seed = drawing(space)[index]
    stored = networks.empty(NAME, space)
    checkpoints.load(datasets.fetch(f"{NAME}.safetensors"), stored)
    network = stored[variant][networks.seeds(space, variant).index(seed)]
    network = network.to(memory_format=torch.channels_last).requires_grad_(False)
    temporary = Path(f"{output}.part")
    save_file(drawn_by(space, variant, seed, network), temporary)
    os.replace(temporary, output)


def collect(output, parts) -> None:
    space = networks.cells(NAME)
    centre, basis = modes(space)
    drawn = {name: values for part in parts for name, values in load_file(part).items()}
    temporary = Path(f"{output}.part")
    save_file({"centre": centre, "basis": basis, **drawn}, temporary)
    os.replace(temporary, output)


if __name__ == "__main__":
    command, target, *others = sys.argv[1:]
    if command == "draw":
        draw(int(target), others[0])
    else:
        collect(target, others)
