"""Trained weights as safetensors files with a provenance header; never pickle."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

__all__ = ["load", "save"]


def save(path, model: nn.Module, *, settings: dict, seed: int, steps: int, seconds: float) -> Path:
    """Writes a model's weights and where they come from.

    Args:
        path: file to write, suffix ``.safetensors``; written under a temporary name first.
        model: the trained network.
        settings: everything needed to train it again: what JSON can hold, and scalars of numpy and torch.
        seed: seed of the training run.
        steps: optimiser steps taken.
        seconds: wall time of the training.

    Returns:
        The path written.

    Raises:
        ValueError: if the suffix is wrong, a weight is not finite, or a setting cannot be written as JSON.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"A checkpoint is named *.safetensors, got {path.name}.")
    provenance = {"settings": settings, "seed": seed, "steps": steps, "seconds": seconds, "commit": book_commit()}
    try:
        header = json.dumps(provenance, default=to_json, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The settings of {path.name} cannot be written as JSON: {error}.") from None
    # each tensor gets memory of its own: safetensors refuses tied weights, which share theirs
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in model.state_dict().items()}
    bad = [name for name, value in tensors.items() if not value.isfinite().all()]
    if bad:
        raise ValueError(f"{', '.join(bad)} hold NaN or infinity; nothing was written. Did the training diverge?")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        save_file(tensors, temporary, metadata={"pbdl": header})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load(path, model: nn.Module) -> dict:
    """Reads weights into a model and returns their provenance.

    Args:
        path: file written by :func:`save`.
        model: network of the same architecture; its weights are replaced, on the device they are on and in the
            precision they have, all or none.

    Returns:
        Dictionary with ``settings``, ``seed``, ``steps``, ``seconds``, ``commit``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, carries no provenance, or belongs to another architecture.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No checkpoint at {path}. `git checkout -- {path}` restores one that the book ships.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error}); fetch or train it again.") from None
    try:
        provenance = json.loads(metadata["pbdl"])
        complete = provenance.keys() >= {"settings", "seed", "steps", "seconds", "commit"}
    except (AttributeError, KeyError, ValueError):
        complete = False
    if not complete:
        raise ValueError(f"{path} carries no provenance: write checkpoints with pbdl_helpers.checkpoints.save.")
    own = model.state_dict()
    problems = [f"it lacks {name}" for name in own.keys() - tensors.keys()]
    problems += [f"the network lacks {name}" for name in tensors.keys() - own.keys()]
    problems += [
        f"{name} has shape {tuple(tensors[name].shape)}, here {tuple(own[name].shape)}"
        for name in own.keys() & tensors.keys()
        if tensors[name].shape != own[name].shape
    ]
    problems += [
        f"{name} is {tensors[name].dtype}, here {own[name].dtype}"
        for name in own.keys() & tensors.keys()
        if tensors[name].is_floating_point() != own[name].is_floating_point()
    ]
    if problems:
        raise ValueError(f"{path} does not fit this network, which is unchanged: {'; '.join(sorted(problems))}.")
    model.load_state_dict(tensors)
    return provenance


def to_json(value):
    """Returns a scalar of numpy or torch as Python's own; raises TypeError for anything else."""
    if isinstance(value, np.generic) or (isinstance(value, torch.Tensor) and value.ndim == 0):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def book_commit() -> str | None:
    """Returns the commit of the book's checkout, with ``-dirty`` if files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():  # an installed package may lie inside somebody else's repository
        return None
    command = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
