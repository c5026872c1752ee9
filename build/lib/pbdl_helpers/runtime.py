"""Device, seeds and scale of a notebook run, in one call."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Run", "setup"]

SCALES = ("book", "full")


@dataclass(frozen=True)
class Run:
    """Settings of one notebook run, made by :func:`setup`.

    Attributes:
        device: where tensors live.
        seed: the seed in force, ``PBDL_SEED`` included.
        full: True at the published scale, False at the book's scale.
    """

    device: torch.device
    seed: int
    full: bool

    def pick(self, *, book, full):
        """Returns ``book`` or ``full``, whichever scale is in force.

        Example:
            >>> Run(torch.device("cpu"), seed=0, full=False).pick(book=10, full=1000)
            10
        """
        return full if self.full else book

    def progress(self, iterable: Iterable, **options):
        """Wraps a loop in a progress bar that vanishes when the loop ends.

        ``make run`` and nbval set ``TQDM_DISABLE=1``, so that stored outputs never hold a bar.

        Args:
            iterable: what the loop runs over.
            options: passed on to ``tqdm``, for instance ``desc`` or ``total``.
        """
        from tqdm.auto import tqdm

        return tqdm(iterable, leave=False, disable="TQDM_DISABLE" in os.environ, **options)


def setup(seed: int = 0, device: str | None = None) -> Run:
    """Seeds python, numpy and torch, picks a device, reads the scale, and prints one line about it.

    Environment: ``PBDL_SEED`` (an integer) is added to ``seed``; ``PBDL_SCALE`` is ``book`` (default) or ``full``;
    ``PBDL_DEVICE`` overrides the choice cuda, then mps, then cpu. Torch runs on one thread unless ``OMP_NUM_THREADS``
    says otherwise: on the small tensors of this book a second thread costs more than it gains.

    Args:
        seed: seed of the notebook.
        device: name of a torch device; by default the fastest one present.

    Returns:
        The :class:`Run` with device, seed and scale.

    Raises:
        ValueError: if the scale, the seed offset or the device is unknown or absent.
    """
    scale = os.environ.get("PBDL_SCALE", "book")
    if scale not in SCALES:
        raise ValueError(f"PBDL_SCALE={scale!r} is unknown: use one of {', '.join(SCALES)}.")
    offset = os.environ.get("PBDL_SEED", "0")
    try:
        seed = seed + int(offset)
    except ValueError:
        raise ValueError(f"PBDL_SEED={offset!r} is not an integer: set it to a whole number such as 3.") from None

    # PhiFlow's pressure solves use sparse matrices; torch warns at their first use that they are new and unchecked.
    warnings.filterwarnings("ignore", message="Sparse (CSR|CSC) tensor support is in beta")
    warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
    chosen = pick_device(device or os.environ.get("PBDL_DEVICE"))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    print(f"{scale} scale, seed {seed}, {chosen.type}, torch {torch.__version__.split('+')[0]}")
    return Run(chosen, seed, scale == "full")


def pick_device(name: str | None) -> torch.device:
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"Device {name!r} cannot be used ({reason}); try 'cpu', 'cuda' or 'mps'.") from None
    return device
