"""What the scripts and the tests know about notebooks: where they are, their source hash, how to execute one."""

import hashlib
import json
import os
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
CLAIMS_MIME = "application/vnd.pbdl.claims+json"
PACKAGES = ("torch", "phiflow", "phiml", "numpy", "matplotlib")
CELL_TIMEOUT = 1200  # seconds


def find() -> list[Path]:
    """Returns all notebooks of the book, sorted by path."""
    return sorted(p for p in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def read(path):
    return nbformat.read(path, as_version=4)


def write(notebook, path) -> None:
    temporary = Path(path).with_suffix(".ipynb.part")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)


def source_hash(notebook) -> str:
    """Returns the SHA-256 of the code cells in order: what decides whether stored outputs are still true."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def claims(notebook) -> list[dict]:
    """Returns the records that ``Claims`` left in the outputs."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[CLAIMS_MIME] for output in outputs if CLAIMS_MIME in output.get("data", {})]


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def execute(path, on_cell=None, **environment: str):
    """Executes a notebook in a fresh kernel, in its own folder, and returns it with outputs and ``metadata.pbdl``.

    Args:
        path: the notebook; it is not written.
        on_cell: called with the number of code cells done and their total.
        environment: added to the kernel's environment.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = read(path)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for i in code:
        notebook.cells[i].outputs, notebook.cells[i].execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=40"],  # the kernel warns of unencrypted local sockets otherwise
        resources={"metadata": {"path": str(Path(path).parent)}},
    )
    if on_cell:
        client.on_cell_executed = lambda cell_index, **_: (
            cell_index in code and on_cell(code.index(cell_index) + 1, len(code))
        )
    start = time.perf_counter()
    client.execute(env={**os.environ, "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", **environment})
    notebook.metadata["pbdl"] = {
        "source_sha256": source_hash(notebook),
        "seconds": round(time.perf_counter() - start, 1),
        "cpu": cpu_model(),
        "versions": {name: version(name) for name in PACKAGES},
        "date": date.today().isoformat(),
    }
    return notebook
