"""The commands behind the make targets."""

import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

from tools import ROOT, environment, nbval, node, notebooks, run, seeds
from tools.files import write_all


def test_all_files_are_written_or_none(tmp_path):
    a, b = tmp_path / "a", tmp_path / "none" / "b"
    a.write_text("old", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        write_all({a: "new", b: "new"})
    assert a.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    write_all({a: "ü"})
    assert a.read_bytes() == "ü".encode()


def test_old_python_is_named():
    assert environment.version_problem((3, 11, 0), "python3") == ""
    assert "python3 is 3.10" in environment.version_problem((3, 10, 2), "python3")


def test_usable_environment(tmp_path):
    assert not environment.usable(tmp_path / "none")
    venv.create(tmp_path / "a", with_pip=True)
    assert environment.usable(tmp_path / "a")
    python = environment.python_of(tmp_path / "a")
    (tmp_path / "a" / "pyvenv.cfg").unlink()  # then it is just a link to another Python
    assert subprocess.run([python, "-c", ""]).returncode == 0
    assert not environment.usable(tmp_path / "a")


def test_what_is_no_environment_is_not_deleted(tmp_path):
    (tmp_path / "mine").write_text("x", encoding="utf-8")
    with pytest.raises(SystemExit, match="no virtual environment"):
        environment.remove(str(tmp_path))
    assert (tmp_path / "mine").exists()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A fake npm that counts its calls; the first one fails half-way if told so."""
    program = tmp_path / "npm"
    monkeypatch.setattr(node, "BUILD", tmp_path / "build")
    monkeypatch.setattr(node.shutil, "which", lambda _: str(program))

    def make(body):
        program.write_text(f"#!/bin/sh\nset -e\n{body}\n", encoding="utf-8")
        program.chmod(0o755)

    return make


def test_interrupted_install_leaves_nothing_and_a_second_try_works(npm):
    npm("mkdir node_modules; exit 1")
    with pytest.raises(subprocess.CalledProcessError):
        node.install()
    assert list(node.BUILD.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="make node"):
        node.modules()
    npm("mkdir node_modules")
    node.install()
    assert node.modules().is_dir()


def test_two_installs_at_once_both_succeed(npm):
    npm("sleep 0.3; mkdir node_modules; touch node_modules/x")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: node.install(), range(2)))
    assert [p.name for p in node.BUILD.iterdir()] == [node.folder().name]


def test_notebooks_of_a_pull_request():
    paths = [ROOT / "notebooks" / "a" / "x.ipynb", ROOT / "notebooks" / "a" / "y.ipynb"]
    assert nbval.choose(paths, ["notebooks/a/y.ipynb", "book/index.md"]) == paths[1:]
    assert nbval.choose(paths, ["pbdl_helpers/claims.py"]) == paths
    assert nbval.choose(paths, ["README.md"]) == []


def row(value, passed=True):
    return {"text": "t", "value": value, "bound": "at most 1", "passed": passed}


def test_failed_seed_does_not_hide_the_others():
    lines, good = seeds.report({0: {"t": row(0.5)}, 1: RuntimeError("boom"), 2: {"t": row(None, False)}})
    assert not good
    assert "seed 1 FAILED: RuntimeError: boom" in lines[0]
    assert "1/3  t" in lines[1]
    assert "measured 0.5 nan" in lines[1]
    assert seeds.report({0: {"t": row(0.5)}})[1]
    assert seeds.report({0: {}}) == (["No claim was measured."], False)


@pytest.mark.parametrize("arguments", [[], ["none.ipynb"], [__file__, "0"], [__file__, "x"]])
def test_bad_seed_arguments_are_explained(arguments, capsys):
    assert seeds.main(arguments) == 2
    assert capsys.readouterr().err


def write_notebook(path, *sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, path)


def test_one_failure_leaves_its_file_and_keeps_the_others(tmp_path, capsys):
    folder = tmp_path / "my dir"
    folder.mkdir()
    good, bad, none = (folder / f"{name}.ipynb" for name in ("good", "bad", "none"))
    write_notebook(good, "1 + 1")
    write_notebook(bad, "1 / 0")
    none.write_text("no notebook", encoding="utf-8")
    before = bad.read_bytes()
    assert run.main([str(bad), str(none), str(good)]) == 1
    assert notebooks.read(good).metadata["pbdl"]["seconds"] > 0
    assert bad.read_bytes() == before
    error = capsys.readouterr().err
    assert "bad.ipynb" in error
    assert "ZeroDivisionError" in error
    assert "none.ipynb" in error
    assert "it is no notebook" in error


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_interrupt_leaves_the_notebook_and_ends_at_once(tmp_path):
    import signal
    import time

    path, started = tmp_path / "slow.ipynb", tmp_path / "started"
    write_notebook(path, f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(100)")
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.run", path],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert b"Interrupted" in error
    assert path.read_bytes() == before
