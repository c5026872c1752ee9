"""Executes notebooks in place: `python -m tools.run [NOTEBOOK …]`, by default all whose code changed since their run.

A notebook that fails, takes too long or is interrupted stays as it was; the others go on. What is stored is the book's
own run: variables such as PBDL_SCALE, kernel specs and settings of the user's have no effect.
"""

import asyncio
import os
import sys
from pathlib import Path

from tqdm import tqdm

from tools import notebooks


def changed(path) -> bool:
    """Tells whether a notebook's code is not that of its recorded run; one that can't be read :func:`run` will name."""
    try:
        notebook = notebooks.read(path)
    except Exception:
        return True
    return notebook.metadata.get("pbdl", {}).get("source_sha256") != notebooks.source_hash(notebook)


async def run(path, position, turn) -> bool:
    name = os.path.relpath(path)
    async with turn:
        bar = tqdm(desc=name, position=position, unit="cell", disable=None)

        def advance(done, total):
            bar.total = total
            bar.update(done - bar.n)

        try:
            notebook = await notebooks.execute(path, on_cell=advance)
            notebooks.write(notebook, path)
        except Exception as error:
            print(f"FAILED {name}: the file is left as it was.\n{notebooks.explain(error)}", file=sys.stderr)
            return False
        finally:
            bar.close()
        print(f"{name}: {notebook.metadata.pbdl.seconds} s", flush=True)
        return True


async def run_all(paths) -> list[bool]:
    turn = asyncio.Semaphore(2)
    return await asyncio.gather(*(run(path, i, turn) for i, path in enumerate(paths)))


def main(names) -> int:
    paths = [Path(name).resolve() for name in names] or [path for path in notebooks.find() if changed(path)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        print(f"No such notebook: {', '.join(map(str, missing))}", file=sys.stderr)
        return 2
    if not paths:
        print("All notebooks are up to date.")
    ignored = [name for name in notebooks.STATED if name.startswith("PBDL_") and name in os.environ]
    if ignored:
        print(f"{', '.join(ignored)} of your shell: not used, stored outputs are the book's.", file=sys.stderr)
    try:
        return 0 if all(notebooks.run(run_all(paths))) else 1
    except KeyboardInterrupt:
        print("Interrupted: notebooks that had not ended are left as they were.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
