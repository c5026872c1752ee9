"""Writes size and SHA-256 of every file in data/ into the registry of pbdl_helpers: `python -m tools.register`."""

import json

from pbdl_helpers import datasets
from tools import ROOT
from tools.files import write_all

SUFFIXES = (".hdf5", ".safetensors")


def stored() -> list:
    """Returns the data sets and checkpoints in data/, wherever they lie below it."""
    return sorted(path for path in (ROOT / "data").rglob("*") if path.suffix in SUFFIXES)


def main() -> None:
    path = ROOT / "pbdl_helpers" / "registry.json"
    registry = json.loads(path.read_text(encoding="utf-8"))
    files = {file.relative_to(ROOT / "data").as_posix(): file for file in stored()}
    registry["files"] = {
        name: {"sha256": datasets.sha256(file), "bytes": file.stat().st_size} for name, file in files.items()
    }
    write_all({path: json.dumps(registry, indent=2) + "\n"})
    total = sum(entry["bytes"] for entry in registry["files"].values())
    print(f"{len(files)} files, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
