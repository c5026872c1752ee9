"""The book's data sets: the copy in ``data/`` first, else a checked download; readers for the pbdl HDF5 layout."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path

import h5py
import numpy as np
import pooch

from pbdl_helpers import __version__

__all__ = ["Simulations", "fetch", "load", "read", "registry", "sha256", "write"]

ZERO = 1e-10  # what pbdl, too, takes for a deviation of zero
LAYOUT = ("PDE", "Fields", "Fields Scheme", "Constants", "Dt")


@dataclass(frozen=True)
class Simulations:
    """Simulations of one file in the pbdl layout.

    Attributes:
        sims: one array a simulation, each of shape ``(frames, fields, *space)``.
        constants: one dictionary a simulation: its attributes, such as viscosity or Reynolds number.
        attributes: what all of them share: ``PDE``, ``Fields``, ``Fields Scheme``, ``Constants``, ``Dt`` and more.
    """

    sims: list[np.ndarray]
    constants: list[dict]
    attributes: dict


def registry() -> dict:
    """Returns the registry: ``url`` of the folder with the files; ``files`` with ``sha256`` and ``bytes`` of each.

    In the address ``{version}`` stands for the tag of this package's release: a data set made anew is not what older
    packages download.
    """
    return json.loads(resources.files("pbdl_helpers").joinpath("registry.json").read_text(encoding="utf-8"))


def sha256(path) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local_folders() -> list[Path]:
    """Folders searched before a download: ``PBDL_DATA``, and ``data`` in checkouts of the book, this package's first.

    A checkout is known by the registry that lies in it: other people's folders called ``data`` are not touched.
    """
    here = Path.cwd()
    folders = [Path(os.environ["PBDL_DATA"])] if os.environ.get("PBDL_DATA") else []
    roots = [Path(__file__).resolve().parent.parent, here, *here.parents]
    return folders + [root / "data" for root in roots if (root / "pbdl_helpers" / "registry.json").is_file()]


def fetch(file: str) -> Path:
    """Returns the path of a registered file, from ``data/`` if it is there, else downloaded once and cached.

    The checksum is verified either way. A download is written under a temporary name and moved when it is complete
    and correct, so that an interrupted one leaves nothing behind. ``PBDL_DATA_URL`` overrides the registry's address;
    ``{version}`` in it stands for the tag of this package's release.

    Args:
        file: name in the registry, such as ``burgers.hdf5``.

    Raises:
        ValueError: if the name is not registered, or the file's checksum is wrong.
        FileNotFoundError: if it is not in ``data/`` and cannot be downloaded.
    """
    known = registry()
    if file not in known["files"]:
        raise ValueError(f"There is no data file {file!r}; the book has {', '.join(sorted(known['files'])) or 'none'}.")
    expected = known["files"][file]["sha256"]
    for folder in local_folders():
        path = folder / file
        if path.is_file():
            if sha256(path) != expected:
                raise ValueError(
                    f"{path} is not the file the book was made with (SHA-256 differs): it is truncated or altered. "
                    f"Restore it with `git checkout -- {file}` in {folder}, or move it away to download it again."
                )
            return path
    tag = f"v{__version__}"
    base = os.environ.get("PBDL_DATA_URL", known["url"]).replace("{version}", tag).rstrip("/") + "/"
    store = pooch.create(path=pooch.os_cache("pbdl") / tag, base_url=base, registry={file: f"sha256:{expected}"})
    try:
        return Path(store.fetch(file, downloader=download))
    except ValueError:
        raise ValueError(
            f"The download of {base}{file} does not have the expected SHA-256; nothing was kept."
        ) from None


def download(url, output_file, pooch_store) -> None:
    """Downloads as pooch does; whatever prevents it (address, proxy, network, disk) becomes one clear error."""
    try:
        pooch.HTTPDownloader()(url, output_file, pooch_store)
    except Exception as error:
        raise FileNotFoundError(
            f"{Path(url).name} is neither in data/ nor could it be downloaded from {url} "
            f"({type(error).__name__}: {error}). Check the network, the proxy and PBDL_DATA_URL; or clone the "
            "repository, or set PBDL_DATA to a folder that holds the file."
        ) from None


def load(name: str) -> Simulations:
    """Returns the data set ``data/NAME.hdf5``; see :func:`fetch` and :func:`read` for errors."""
    return read(fetch(f"{name}.hdf5"))


def read(path) -> Simulations:
    """Reads a file in the pbdl layout.

    Args:
        path: HDF5 file with group ``sims`` and data sets ``sim0``, ``sim1``, …, each frames × fields × space.

    Raises:
        FileNotFoundError: if there is no such file.
        PermissionError: if another program writes to it or did not close it, or it may not be read.
        ValueError: if it is truncated, no HDF5 file, or not in the pbdl layout, or if a value is not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No data file at {path}.")
    try:
        with h5py.File(path, "r") as file:
            data = parse(file)
    except OSError as error:
        if isinstance(error, PermissionError) or "unable to lock" in str(error) or "open for write" in str(error):
            raise PermissionError(
                f"{path} cannot be opened ({error}): does another program write to it? Close that and try again; "
                "if it crashed, fetch the file again."
            ) from None
        raise ValueError(f"{path} is truncated or no HDF5 file ({error}); fetch it again.") from None
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not in the pbdl layout: {error}") from None
    check_layout(path, data.sims, data.constants, data.attributes)
    return data


def parse(file: h5py.File) -> Simulations:
    """Returns what a file in the pbdl layout holds; of the errors of h5py's that another layout brings many kinds."""
    group = file.get("sims")
    if not isinstance(group, h5py.Group):
        raise ValueError("group 'sims' missing.")
    missing = [name for name in LAYOUT if name not in group.attrs]
    if missing:
        raise ValueError(f"attributes {missing} missing.")
    names = [f"sim{i}" for i in range(len(group))]
    if not names or not all(isinstance(group.get(name), h5py.Dataset) for name in names):
        raise ValueError(f"data sets must be named sim0, sim1, … without a gap; found {list(group)}.")
    attributes = dict(group.attrs)
    if not isinstance(attributes["Fields Scheme"], str):
        raise ValueError(f"'Fields Scheme' must be a text, one letter a field; found {attributes['Fields Scheme']!r}.")
    attributes["Constants"] = [str(name) for name in np.atleast_1d(attributes["Constants"])]
    return Simulations(
        [np.asarray(group[name][()]) for name in names], [dict(group[name].attrs) for name in names], attributes
    )


def check_layout(path, sims: list[np.ndarray], constants: list[dict], attributes: dict) -> None:
    """Raises ValueError, with the file's name, for shapes, types, values and constants that are not allowed."""
    fields = len(attributes["Fields Scheme"])
    for i, (sim, values) in enumerate(zip(sims, constants, strict=True)):
        if sim.ndim < 3 or sim.shape != sims[0].shape or sim.shape[1] != fields or 0 in sim.shape:
            raise ValueError(
                f"{path}: sim{i} has shape {sim.shape}; needed is (frames, {fields} fields, space…), alike in all sims."
            )
        if sim.dtype not in (np.float16, np.float32):
            raise ValueError(f"{path}: sim{i} is {sim.dtype}; store float16 or float32.")
        if not np.isfinite(sim).all():
            raise ValueError(f"{path}: sim{i} holds NaN or infinity.")
        for name in attributes["Constants"]:
            value = values.get(name)
            if np.ndim(value) or not np.issubdtype(type(value), np.number) or not np.isfinite(value):
                raise ValueError(f"{path}: the constant {name!r} of sim{i} is no finite number: {value!r}.")


def write(path, sims: list[np.ndarray], constants: list[dict], **attributes) -> Path:
    """Writes simulations in the pbdl layout, gzip with shuffle, under a temporary name first.

    The statistics with which the package pbdl normalises are stored, too: it would otherwise write them into the file
    when it first reads it, and the checksum would no longer hold.

    Args:
        path: file to write.
        sims: one float16 or float32 array a simulation, shape ``(frames, fields, *space)``.
        constants: one dictionary of numbers a simulation, all with the same keys; these become ``Constants``.
        attributes: ``PDE``, ``Fields``, ``Fields_Scheme``, ``Dt`` and any more but ``Constants``; underscores stand for
            spaces.

    Returns:
        The path written.

    Raises:
        ValueError: if shapes, types, constants or attributes do not fit the layout, or a value is not finite.
    """
    path = Path(path)
    attributes = {key.replace("_", " "): value for key, value in attributes.items()}
    if "Constants" in attributes:
        raise ValueError(f"{path}: the attribute Constants is made from the keys of the constants; leave it out.")
    missing = [name for name in LAYOUT if name not in attributes and name != "Constants"]
    if missing or not sims or len(sims) != len(constants):
        raise ValueError(f"{path}: needs at least one sim, constants for each, and {', '.join(missing) or 'no more'}.")
    attributes["Constants"] = names = sorted(constants[0])
    for i, values in enumerate(constants):
        if sorted(values) != names:
            raise ValueError(f"{path}: sim{i} has the constants {sorted(values)}, sim0 has {names}; give all the same.")
    check_layout(path, sims, constants, attributes)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        with h5py.File(temporary, "w", libver="latest", track_order=True) as file:
            group = file.create_group("sims", track_order=True)
            group.attrs.update(attributes)
            for i, (sim, values) in enumerate(zip(sims, constants, strict=True)):
                data = group.create_dataset(f"sim{i}", data=sim, compression="gzip", shuffle=True, track_times=False)
                data.attrs.update(values)
            for name, values in statistics(sims, constants, attributes["Fields Scheme"]).items():
                file[name] = values
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def statistics(sims: list[np.ndarray], constants: list[dict], scheme: str) -> dict:
    """Returns what the package pbdl 1.0 normalises with, under its names for it.

    Means and deviations of a field are averages over simulations of those of each; ``norm_fields_std`` takes the length
    of a vector, whose components share a letter of the ``Fields Scheme``. Where pbdl divides by a deviation or a range
    of zero, as for a constant that does not vary, the file says one instead: it would get NaN.
    """
    axes = (0, *range(2, sims[0].ndim))
    groups = [[i for i, _ in group] for _, group in groupby(enumerate(scheme), key=lambda pair: pair[1])]
    sims = [sim.astype(np.float32, copy=False) for sim in sims]  # squares leave the range of float16
    lengths = [np.stack([np.linalg.norm(sim[:, group], axis=1) for group in groups], axis=1) for sim in sims]
    deviations = np.mean([length.std(axes, keepdims=True)[0] for length in lengths], axis=0)
    table = np.array([[values[name] for name in sorted(values)] for values in constants], dtype=float)
    low = np.min([sim.min(axes, keepdims=True)[0] for sim in sims], axis=0)
    high = np.max([sim.max(axes, keepdims=True)[0] for sim in sims], axis=0)
    least, most = table.min(axis=0), table.max(axis=0)
    return {
        "norm_fields_sca_mean": np.mean([sim.mean(axes, keepdims=True)[0] for sim in sims], axis=0),
        "norm_fields_sca_std": one_for_zero(np.mean([sim.std(axes, keepdims=True)[0] for sim in sims], axis=0)),
        "norm_fields_sca_min": low,
        "norm_fields_sca_max": np.where(high - low < ZERO, low + 1, high),
        "norm_fields_std": one_for_zero(np.repeat(deviations, [len(group) for group in groups], axis=0)),
        "norm_const_mean": table.mean(axis=0),
        "norm_const_std": one_for_zero(table.std(axis=0)),
        "norm_const_min": least,
        "norm_const_max": np.where(most - least < ZERO, least + 1, most),
    }


def one_for_zero(deviations: np.ndarray) -> np.ndarray:
    return np.where(deviations < ZERO, 1, deviations)
