"""Proves the notebooks with nbval, the longest first: `python -m tools.nbval [BASE]`.

With BASE, a git revision, only those that changed since then, unless something changed that all of them use.
"""

import os
import subprocess
import sys

from tools import ROOT, notebooks

USED_BY_ALL = ("pbdl_helpers/", "data/", "requirements.txt", "pyproject.toml", "tools/nbval.py")
TIMEOUT = f"--nbval-cell-timeout={notebooks.CELL_TIMEOUT}"
PARALLEL = ("-n", "2", "--dist=loadscope", "--no-loadscope-reorder")
OPTIONS = ("--nbval-lax", "--nbval-current-env", TIMEOUT, "-p", "no:cacheprovider", "-q", *PARALLEL)


def changed(base) -> list[str]:
    """Returns the files that differ between a revision and the working tree."""
    command = ["git", "-c", "core.quotePath=false", "diff", "--name-only", "--merge-base", base]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout.splitlines()


def choose(paths, files) -> list:
    """Returns those of the notebooks ``paths`` that a change of ``files`` (relative to the root) can touch."""
    if any(file.startswith(USED_BY_ALL) for file in files):
        return list(paths)
    return [path for path in paths if path.relative_to(ROOT).as_posix() in files]


def longest_first(paths) -> list:
    return sorted(paths, key=lambda path: -notebooks.seconds(notebooks.read(path)))


def main(arguments) -> int:
    paths = notebooks.find()
    if arguments:
        paths = choose(paths, changed(arguments[0]))
    if not paths:
        print("No notebook changed.")
        return 0
    command = [sys.executable, "-m", "pytest", *OPTIONS, *longest_first(paths)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "TQDM_DISABLE": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
