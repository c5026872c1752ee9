"""Installs what the browser tests need from npm (MathJax in place of its CDN, axe-core): `python -m tools.node`."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import ROOT

MANIFEST = ROOT / "tests" / "browser" / "package.json"
LOCK = MANIFEST.with_name("package-lock.json")  # exact versions, with hashes
BUILD = ROOT / "_build"


def folder() -> Path:
    """Returns the folder of the installed packages, named after manifest and lock: new ones are a new folder."""
    digest = hashlib.sha256(MANIFEST.read_bytes() + LOCK.read_bytes()).hexdigest()[:12]
    return BUILD / f"node-{digest}"


def modules() -> Path:
    """Returns the folder ``node_modules``; raises FileNotFoundError if they are not installed."""
    path = folder() / "node_modules"
    if not path.is_dir():
        raise FileNotFoundError("MathJax and axe-core are not installed: run `make node`.")
    return path


def install() -> None:
    """Installs into a temporary folder that gets its name when it is complete: an interrupted try leaves no trace."""
    target = folder()
    if target.is_dir():
        return
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="node-part-", dir=BUILD) as scratch:
        work = Path(scratch) / "work"
        work.mkdir()
        for file in (MANIFEST, LOCK):
            shutil.copy(file, work)
        command = [shutil.which("npm") or "npm", "ci", "--silent", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=work, check=True)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # another process was faster: its folder is as good
                raise


def main() -> int:
    if shutil.which("npm") is None:
        print("npm is missing: the browser tests will be skipped (Debian: apt-get install npm).", file=sys.stderr)
        return 0
    install()
    return 0


if __name__ == "__main__":
    sys.exit(main())
