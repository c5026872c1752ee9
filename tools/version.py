"""Raises the version of the helpers, wherever it stands: `python -m tools.version 0.3.0`.

`python -m tools.version --check` fails if helpers or data differ from the release of today's version: that one's wheel
and data are what published notebooks load, so a change needs a new version. Without that release all is well.
"""

import re
import subprocess
import sys

import nbformat

from pbdl_helpers import __version__
from tools import ROOT, notebooks
from tools.files import write_all

INIT = ROOT / "pbdl_helpers" / "__init__.py"
RELEASED = ("pbdl_helpers", "data", ":!data/recipes")  # what a notebook outside of a checkout loads


def write(version) -> int:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        print(f"Not a version: {version}. It looks like 0.3.0.", file=sys.stderr)
        return 2
    texts = {INIT: INIT.read_text(encoding="utf-8").replace(f'"{__version__}"', f'"{version}"')}
    for path in (notebooks.TEMPLATE, *notebooks.find()):
        notebook = notebooks.read(path)
        bootstrap = notebooks.code_cells(notebook)[0]
        for before, after in (("/v", "/"), ("pbdl_helpers-", "-py3")):
            bootstrap.source = bootstrap.source.replace(before + __version__ + after, before + version + after)
        texts[path] = nbformat.writes(notebook) + "\n"
    write_all(texts)
    print(f"{len(texts)} files: version {version}. Run `make check`.")
    return 0


def check() -> int:
    tag = f"v{__version__}"
    git = ["git", "-C", str(ROOT), "-c", "core.quotePath=false"]
    if subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}"], stdout=subprocess.DEVNULL
    ).returncode:
        return 0
    command = [*git, "diff", "--name-only", tag, "--", *RELEASED]
    changed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.splitlines()
    if changed:
        print(f"Changed since {tag} was released: {', '.join(changed)}. Run: make version VERSION=…", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(check() if sys.argv[1] == "--check" else write(sys.argv[1]))
