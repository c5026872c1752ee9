"""Writes requirements.lock: every package of the tested environment, with hashes: `python -m tools.lock` (`make lock`).

torch and what only torch brings (CUDA) are left out: their files differ from one package index to another.
"""

import re
import subprocess
import sys
from pathlib import Path

from tools import ROOT

OF_TORCH = r"torch|triton|cuda-.*|nvidia-.*"
HEADER = "# Made from requirements.txt by `make lock`, for `make env`. Without torch and CUDA: see tools/lock.py.\n"


def compiled(*options) -> str:
    """Returns what uv makes of requirements.txt, for every system and Python that the book runs on."""
    command = [Path(sys.executable).with_name("uv"), "pip", "compile", "requirements.txt", "--quiet", "--universal"]
    command += ["--python-version", "3.11", "--no-annotate", "--no-header", *options]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def main() -> None:
    names = re.findall(r"^([\w.-]+)==", compiled(), flags=re.M)
    left_out = [name for name in names if re.fullmatch(OF_TORCH, name)]
    text = compiled("--generate-hashes", *(f"--no-emit-package={name}" for name in left_out))
    text = re.sub(r"\n# The following packages were excluded.*", "\n", text, flags=re.S)
    (ROOT / "requirements.lock").write_text(HEADER + text.rstrip() + "\n", encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
