"""What commands, tests and the site know about notebooks: where they are, their source hash, how to execute one."""

import asyncio
import hashlib
import itertools
import json
import os
import platform
import re
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.reader import NotJSONError
from nbformat.validator import ValidationError

from pbdl_helpers.claims import MIME
from tools import ROOT

PACKAGES = ("torch", "phiflow", "phiml", "numpy", "matplotlib")
CELL_TIMEOUT = 300  # seconds
DEAD = "Most often the machine had too little memory: close other programs, or run one notebook at a time."
# what the machine needs: where programs, caches and temporary files are, how it reaches the network, which kernels of
# a library its processor takes
KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"),
    *("SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
)
STATED = {
    **{"PBDL_SCALE": "book", "PBDL_SEED": "0", "PBDL_DEVICE": "cpu"},
    **{"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "LC_ALL": "C.UTF-8", "PYTHONNOUSERSITE": "1"},
}
TEMPLATE = ROOT / "notebooks" / "_template.ipynb"  # what a new chapter starts from; not part of the book


def find() -> list[Path]:
    """Returns all notebooks of the book, sorted by path."""
    found = (ROOT / "notebooks").rglob("*.ipynb")
    return sorted(p for p in found if p != TEMPLATE and not {".ipynb_checkpoints", "_artifacts"} & {*p.parts})


def read(path):
    return nbformat.read(path, as_version=4)


def write(notebook, path) -> None:
    temporary = Path(path).with_suffix(".ipynb.part")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def recipe(notebook) -> list:
    """Returns the cells that train the networks in ``data/``: those with the tag "recipe"."""
    return [cell for cell in code_cells(notebook) if "recipe" in cell.metadata.get("tags", [])]


def hash_of(cells) -> str:
    """Returns the SHA-256 of the sources of cells in order."""
    return hashlib.sha256(json.dumps([cell.source for cell in cells]).encode()).hexdigest()


def source_hash(notebook) -> str:
    """Returns the SHA-256 of the code cells in order: what decides whether stored outputs are still true.

    The first one, the bootstrap cell, does not count: it names the book's address and prints nothing.
    """
    return hash_of(code_cells(notebook)[1:])


def claims(notebook) -> list[dict]:
    """Returns the records that ``Claims`` left in the outputs."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.data[MIME] for output in outputs if MIME in output.get("data", {})]


def title(notebook) -> str:
    """Returns the heading of a notebook's first cell."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def kept(notebook) -> dict:
    """Returns the outputs that ``plotting.keep`` named, by name."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return {o.metadata["scrapbook"]["name"]: o for o in outputs if "scrapbook" in o.get("metadata", {})}


def key_picture(notebook) -> str:
    """Returns the picture that a notebook opens with, as base64 text: the first that its first cell places.

    Raises:
        KeyError: if the notebook has none, or was not executed.
    """
    key = re.search(r"\{glue:figure\} *(\S+)|$", notebook.cells[0].source)[1]
    return kept(notebook)[key].data["image/png"]


def name(path) -> str:
    """Returns a notebook's name in claims and tables: its path in ``notebooks`` without suffix."""
    return Path(path).relative_to(ROOT / "notebooks").with_suffix("").as_posix()


def seconds(notebook) -> float:
    """Returns how long the recorded run took; a notebook that never ran counts as the longest allowed."""
    return notebook.metadata.get("pbdl", {}).get("seconds", CELL_TIMEOUT)


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which Ctrl-C stops the program: nbclient would take it over and stop one kernel only."""

    def add_signal_handler(self, *_):
        raise RuntimeError("Ctrl-C belongs to the program.")


def run(coroutine):
    """Runs a coroutine that executes notebooks; when it is interrupted, their kernels are shut down first."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(coroutine)


def explain(error: BaseException) -> str:
    """Returns what went wrong in an execution, for people: the failed cell, the time limit, or the broken file."""
    cell = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
    if isinstance(error, CellExecutionError):
        return f"{cell}\n{error}" if cell else str(error)
    if isinstance(error, CellTimeoutError):
        return f"{cell}a cell took more than {CELL_TIMEOUT} s"
    if isinstance(error, DeadKernelError):
        return f"{cell}the kernel was killed or crashed. {DEAD}"
    if isinstance(error, (NotJSONError, ValidationError, AttributeError)):
        return f"it is no notebook ({type(error).__name__}): is it cut off, or does it hold a merge conflict (<<<<<<<)?"
    return f"{cell}{type(error).__name__}: {error}"


class OwnKernel(KernelSpecManager):
    """Knows one kernel, that of a given Python: no kernel spec of the user's is looked for, nor what it sets."""

    def __init__(self, python):
        super().__init__()
        self.python = str(python)

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(
            argv=[self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            metadata={"kernel_provisioner": {"provisioner_name": "local-provisioner"}},
        )


def environment(python=sys.executable) -> dict:
    """Returns the environment in which notebooks are executed, whatever the shell's variables are.

    Of the shell's variables it has those that say where things are on this machine (``KEPT``). Scale, seed and device
    are the book's; ``pbdl_helpers`` is this checkout's, unless the kernel is another environment's.
    """
    names = (name for name in os.environ if name.upper() in KEPT or name.startswith("PIP_"))
    own = {"PYTHONPATH": str(ROOT)} if str(python) == sys.executable else {}
    return {name: os.environ[name] for name in names} | STATED | own


async def execute(path, *, on_cell=None, python=sys.executable, folder=None, cell_timeout=CELL_TIMEOUT, **variables):
    """Executes a notebook in a fresh kernel and returns it with outputs and ``metadata.pbdl``; the file stays.

    Neither kernel specs nor settings of IPython nor variables of the user's shell matter; see :func:`environment`.

    Args:
        path: the notebook.
        on_cell: called with the number of code cells done and their total.
        python: the kernel's Python.
        folder: where the kernel runs; by default the notebook's folder.
        cell_timeout: seconds a cell may take.
        variables: added to the kernel's environment.

    Raises:
        Exception: of many kinds, with a note that names the cell; see :func:`explain`.
    """
    notebook = read(path)
    code = code_cells(notebook)
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    manager = AsyncKernelManager(kernel_spec_manager=OwnKernel(python))
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=cell_timeout,
        record_timing=False,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=40"],  # the kernel warns of unencrypted local sockets otherwise
        resources={"metadata": {"path": str(folder or Path(path).parent)}},
    )
    done, begun = itertools.count(1), []
    client.on_cell_start = lambda cell, **_: cell.cell_type == "code" and begun.append(cell)
    if on_cell:
        client.on_cell_executed = lambda cell, **_: cell.cell_type == "code" and on_cell(next(done), len(code))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ipython-", ignore_cleanup_errors=True) as profile:
        kernel = {**environment(python), "IPYTHONDIR": profile, **variables}
        try:
            await client.async_execute(env=kernel, cleanup_kc=True)  # the client leaves kernels not its own running
        except Exception as error:
            if asyncio.current_task().cancelling():  # nbclient takes Ctrl-C for a kernel that died
                raise asyncio.CancelledError from None
            if begun:
                first_line = begun[-1].source.strip().split("\n")[0]
                error.add_note(f"code cell {len(begun)} of {len(code)} ({first_line})")
            raise
    notebook.metadata["pbdl"] = {
        "source_sha256": source_hash(notebook),
        "seconds": round(time.perf_counter() - start, 1),
        "cpu": cpu_model(),
        "scale": kernel["PBDL_SCALE"],
        "seed": int(kernel["PBDL_SEED"]),
        "device": kernel["PBDL_DEVICE"],
        "versions": {name: version(name) for name in PACKAGES},
        "date": date.today().isoformat(),
    }
    return notebook
