"""Device, seeds and scale of a notebook run, in one call."""

from __future__ import annotations

import ctypes
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
        device: where tensors live, the CPU or a CUDA device.
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

        ``make run`` and nbval set ``TQDM_DISABLE=1``, so that stored outputs never hold a bar; ``0`` leaves it on.

        Args:
            iterable: what the loop runs over.
            options: passed on to ``tqdm``, for instance ``desc`` or ``total``.
        """
        from tqdm.auto import tqdm

        return tqdm(
            iterable,
            leave=False,
            disable=os.environ.get("TQDM_DISABLE", "0").lower() not in ("", "0", "false"),
            **options,
        )

    def record(self, update):
        """Returns a faster form of a training update: on a GPU it is recorded once as a CUDA graph, then replayed.

        A step of many small kernels takes a GPU less time than Python needs to launch them. Elsewhere the update comes
        back as it is.

        Args:
            update: function of tensors, always of the same shapes, that returns a tensor. It must not depend on values
                of Python that change from call to call; an optimiser in it needs ``capturable=True`` and a tensor as
                rate.

        Returns:
            A function like ``update``. Its first three calls on a GPU run as usual, to warm up.
        """
        return Recorded(update) if self.device.type == "cuda" else update


class Recorded:
    """A function of tensors as a CUDA graph; see :meth:`Run.record`."""

    def __init__(self, function):
        self.function, self.calls, self.stream = function, 0, torch.cuda.Stream()

    def __call__(self, *tensors):
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = self.run(tensors)
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def run(self, tensors):
        self.calls += 1
        if self.calls <= 3:
            return self.function(*tensors)
        if self.calls == 4:
            self.inputs = [tensor.clone() for tensor in tensors]
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.output = self.function(*self.inputs)
        for own, new in zip(self.inputs, tensors, strict=True):
            own.copy_(new)
        self.graph.replay()
        return self.output.clone()


def setup(seed: int = 0, device: str | None = None) -> Run:
    """Seeds python, numpy and torch, picks a device, reads the scale, and prints one line about it.

    Environment: ``PBDL_SEED`` (an integer) is added to ``seed``; ``PBDL_SCALE`` is ``book`` (default) or ``full``;
    ``PBDL_DEVICE`` overrides the choice, which is a CUDA device where there is one, else the CPU. Apple's GPU ("mps")
    is refused: it has no double precision, which exact references and gradient checks need. Torch runs on one thread
    unless ``OMP_NUM_THREADS`` says otherwise: on the small tensors of this book a second one costs more than it gains.
    On Linux the process keeps the memory of freed tensors for the next ones, which doubles the speed of large networks.

    Args:
        seed: seed of the notebook.
        device: name of a torch device, such as ``"cpu"`` or ``"cuda:1"``.

    Returns:
        The :class:`Run` with device, seed and scale.

    Raises:
        ValueError: if the scale, the seed offset or the device is unknown, absent or refused.
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
    torch.set_num_threads(threads(os.environ.get("OMP_NUM_THREADS", "")))
    keep_freed_memory()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)
    print(f"{scale} scale, seed {seed}, {chosen.type}, torch {torch.__version__.split('+')[0]}")
    return Run(chosen, seed, scale == "full")


def threads(setting: str) -> int:
    """Returns the number of threads that ``OMP_NUM_THREADS`` asks for: the first of its list, 1 if it names none."""
    first = setting.split(",")[0].strip()
    return max(1, int(first)) if first.isdecimal() else 1


def keep_freed_memory() -> None:
    """Makes glibc keep freed memory, and do so for blocks of up to 1 GiB; nothing happens with another C library.

    By default every tensor of more than 32 MiB is a new mapping: the kernel clears all its pages at their first use, in
    each operation again, which took half of the time of a convolutional network's training step on a CPU.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt:
        mallopt(-3, 2**30)  # M_MMAP_THRESHOLD: larger blocks are mapped
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: how much free memory is kept


def pick_device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "mps":
            raise NotImplementedError("it has no double precision")
        torch.zeros(1, device=device, dtype=torch.float64)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"Device {name!r} cannot be used ({reason}); try 'cpu' or 'cuda'.") from None
    return device
