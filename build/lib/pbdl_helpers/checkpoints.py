"""Trained weights as safetensors files with a provenance header; never pickle."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

__all__ = ["load", "save"]


def save(path, model: nn.Module, *, settings: dict, seed: int, steps: int, seconds: float) -> Path:
    """Writes a model's weights and where they come from.

    Args:
        path: file to write, suffix ``.safetensors``; written under a temporary name first.
        model: the trained network.
        settings: everything needed to train it again (JSON types).
        seed: seed of the training run.
        steps: optimiser steps taken.
        seconds: wall time of the training.

    Returns:
        The path written.

    Raises:
        ValueError: if the suffix is wrong.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"A checkpoint is named *.safetensors, got {path.name}.")
    provenance = {"settings": settings, "seed": seed, "steps": steps, "seconds": seconds, "commit": current_commit()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        save_file(tensors, temporary, metadata={"pbdl": json.dumps(provenance)})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load(path, model: nn.Module) -> dict:
    """Reads weights into a model and returns their provenance.

    Args:
        path: file written by :func:`save`.
        model: network of the same architecture; its weights are replaced, on the device they are on.

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
    if "pbdl" not in metadata:
        raise ValueError(f"{path} carries no provenance: write checkpoints with pbdl_helpers.checkpoints.save.")
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit this network: {error}") from None
    return json.loads(metadata["pbdl"])


def current_commit() -> str | None:
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
