"""Executes notebooks in place: `run.py [NOTEBOOK …]`, by default all whose code changed since their last run.

A notebook whose cell fails is left as it was.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

import notebooks


def changed(path) -> bool:
    notebook = notebooks.read(path)
    return notebook.metadata.get("pbdl", {}).get("source_sha256") != notebooks.source_hash(notebook)


def run(path, position) -> bool:
    name = os.path.relpath(path)
    bar = tqdm(desc=name, position=position, unit="cell", leave=True, disable=None)

    def advance(done, total):
        bar.total = total
        bar.update(done - bar.n)

    try:
        notebook = notebooks.execute(path, advance)
    except CellExecutionError as error:
        bar.close()
        print(f"FAILED {name}: the file is left as it was.\n{error}", file=sys.stderr)
        return False
    bar.close()
    notebooks.write(notebook, path)
    print(f"{name}: {notebook.metadata.pbdl.seconds} s")
    return True


def main(names) -> int:
    paths = [Path(name).resolve() for name in names] or [path for path in notebooks.find() if changed(path)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        print(f"No such notebook: {', '.join(map(str, missing))}", file=sys.stderr)
        return 2
    if not paths:
        print("All notebooks are up to date.")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, paths, range(len(paths))))
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
