"""What `make env` does with environments that cannot be used, in a small project with one package."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT, environment

PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "small"
version = "1"
[tool.setuptools]
py-modules = ["small"]
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "a project"
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "environment.py", root / "tools")
    pin, lock = (
        re.search(r"^setuptools==[^#]*?(?=\n\S|\Z)", (ROOT / name).read_text(encoding="utf-8"), flags=re.M)[0]
        for name in ("requirements.txt", "requirements.lock")
    )
    files = {"requirements.txt": pin, "requirements.lock": lock, "pyproject.toml": PROJECT, "small.py": ""}
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def make_env(root):
    """Runs the command and returns what it said, after a look whether the environment finds the project's module."""
    said = subprocess.check_output([sys.executable, "tools/environment.py", ".venv"], cwd=root, encoding="utf-8")
    where = [environment.python_of(root / ".venv"), "-c", "import small; print(small.__file__)"]
    assert Path(subprocess.check_output(where, encoding="utf-8", cwd=root / "tools").strip()) == root / "small.py"
    return said


def test_environment_is_made_again_where_it_cannot_be_used(project):
    make_env(project)
    stamp = project / ".venv" / ".stamp"
    made = stamp.stat().st_mtime_ns
    assert make_env(project) == ""
    assert stamp.stat().st_mtime_ns == made  # nothing to do: nothing was done

    stamp.unlink()  # an interrupted installation goes on
    assert "made again" not in make_env(project)

    moved = project.rename(project.with_name("moved"))
    assert "made again" in make_env(moved)

    python = Path(environment.python_of(moved / ".venv"))
    python.unlink()
    python.write_text("#!/bin/sh\necho False; echo /usr\n", encoding="utf-8")  # as an old Python answers
    python.chmod(0o755)
    assert "made again" in make_env(moved)


def test_a_package_with_another_hash_is_not_installed(project):
    lock = project / "requirements.lock"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text(encoding="utf-8")), encoding="utf-8")
    command = [sys.executable, "tools/environment.py", ".venv"]
    result = subprocess.run(command, cwd=project, capture_output=True, encoding="utf-8")
    assert result.returncode != 0
    assert "The environment is not complete" in result.stderr
    assert not (project / ".venv" / ".stamp").exists()
