"""Proves the notebooks with nbval, the longest first: `python -m tools.nbval [BASE]`.

With BASE, a git revision, only those that changed since then, unless something changed that all of them use. As in
`make run`, variables and settings of the user's have no effect.
"""

import subprocess
import sys
import tempfile

from tools import ROOT, notebooks

USED_BY_ALL = ("pbdl_helpers/", "data/", "tools/", "requirements", "pyproject.toml")
USED_BY_NONE = ("data/recipes/",)
TIMEOUT = f"--nbval-cell-timeout={notebooks.CELL_TIMEOUT}"
PARALLEL = ("-n", "2", "--dist=loadscope", "--no-loadscope-reorder")
OPTIONS = (
    "--nbval-lax",
    "--nbval-current-env",
    TIMEOUT,
    "-p",
    "tools.nbval_plugin",
    "-p",
    "no:cacheprovider",
    "-q",
    *PARALLEL,
)


def git(*arguments) -> list[str]:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout.splitlines()


def changed(base) -> list[str] | None:
    """Returns the files that differ between a revision and the working tree, new ones that git does not know included.

    None if git does not have the revision: of a branch's first push (only zeros), or after a forced one.
    """
    try:
        git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}")
    except subprocess.CalledProcessError:
        return None
    return git("diff", "--name-only", "--merge-base", base) + git("ls-files", "--others", "--exclude-standard")


def choose(paths, files) -> list:
    """Returns those of the notebooks ``paths`` that a change of ``files`` (relative to the root) can touch."""
    files = [file for file in files if not file.startswith(USED_BY_NONE)]
    if any(file.startswith(USED_BY_ALL) for file in files):
        return list(paths)
    return [path for path in paths if path.relative_to(ROOT).as_posix() in files]


def longest_first(paths) -> list:
    return sorted(paths, key=lambda path: -notebooks.seconds(notebooks.read(path)))


def main(arguments) -> int:
    paths = notebooks.find()
    if arguments:
        files = changed(arguments[0])
        if files is None:
            print(f"git does not have the revision {arguments[0]}: all notebooks are run.")
        else:
            paths = choose(paths, files)
    if not paths:
        print("No notebook changed.")
        return 0
    command = [sys.executable, "-m", "pytest", *OPTIONS, *longest_first(paths)]
    with tempfile.TemporaryDirectory(prefix="ipython-", ignore_cleanup_errors=True) as profile:
        environment = {**notebooks.environment(), "IPYTHONDIR": profile}
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
