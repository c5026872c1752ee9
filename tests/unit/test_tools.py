"""The commands behind the make targets."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

from pbdl_helpers import __version__
from tools import ROOT, environment, nbval, node, notebooks, pages, run, seeds, version
from tools.files import write_all
from tools.server import serve


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
    for file in ("pbdl_helpers/claims.py", "tools/notebooks.py", "requirements.lock", "data/burgers.hdf5"):
        assert nbval.choose(paths, [file]) == paths
    assert nbval.choose(paths, ["data/recipes/burgers.py"]) == []
    assert nbval.choose(paths, ["README.md"]) == []


def test_new_and_changed_files_since_a_revision(tmp_path, monkeypatch):
    monkeypatch.setattr(nbval, "ROOT", tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    (tmp_path / "old").write_text("a", encoding="utf-8")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "old").write_text("b", encoding="utf-8")
    (tmp_path / "ü new").write_text("", encoding="utf-8")
    assert nbval.changed("HEAD") == ["old", "ü new"]
    assert nbval.changed("0" * 40) is None
    assert nbval.changed("never") is None


def row(value, passed=True):
    return {"text": "t", "value": value, "low": None, "high": 1.0, "passed": passed}


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
    assert "code cell 1 of 1 (1 / 0)" in error


def test_every_notebook_that_changed_is_run_but_those_that_cannot_be_read_are_named(tmp_path, monkeypatch, capsys):
    """A merge conflict in one, another one that cannot be written: both are named, the third is run and kept."""
    conflict, blocked, good = (tmp_path / f"{name}.ipynb" for name in ("conflict", "blocked", "good"))
    write_notebook(good, "1 + 1")
    write_notebook(blocked, "1 + 2")
    conflict.write_text("<<<<<<< HEAD\n" + good.read_text(encoding="utf-8"), encoding="utf-8")
    before = blocked.read_bytes()
    blocked.with_suffix(".ipynb.part").mkdir()  # its temporary name is taken
    monkeypatch.setattr(notebooks, "find", lambda: [conflict, blocked, good])
    assert run.main([]) == 1
    assert notebooks.read(good).metadata["pbdl"]["seconds"] > 0
    assert blocked.read_bytes() == before
    error = capsys.readouterr().err
    assert re.search(r"FAILED .*conflict.ipynb.*\nit is no notebook .*merge conflict", error)
    assert re.search(r"FAILED .*blocked.ipynb.*\nIsADirectoryError", error)


KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_kernel_is_named_with_its_cell_and_a_cause(tmp_path, capsys):
    path = tmp_path / "killed.ipynb"
    write_notebook(path, "1", KILL)
    assert run.main([str(path)]) == 1
    error = capsys.readouterr().err
    assert "code cell 2 of 2 (import os, signal" in error
    assert "too little memory" in error


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_nbval_says_at_once_that_a_kernel_was_killed(tmp_path):
    path = tmp_path / "killed.ipynb"
    write_notebook(path, "1", KILL)
    options = [option for option in nbval.OPTIONS if option not in nbval.PARALLEL]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", tmp_path, path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100)
    assert "killed or crashed in this cell" in result.stdout
    assert "too little memory" in result.stdout
    assert "1 failed, 1 passed" in result.stdout


SETTINGS = """\
import json, os, sys
import matplotlib
import matplotlib.pyplot as plt
import pbdl_helpers
from pbdl_helpers.runtime import setup
run = setup(seed=1)
from pbdl_helpers import plotting
plotting.style()
print(json.dumps({"helpers": pbdl_helpers.__file__, "seed": run.seed, "full": run.full, "device": run.device.type,
    "started": "STARTED" in globals(), "backend": plt.get_backend(), "lines": plt.rcParams["lines.linewidth"]}))
plt.plot([0, 1]);
"""


def test_settings_of_the_user_do_not_reach_a_stored_run(tmp_path):
    """Variables, a kernel spec of the same name, a profile of IPython, another package of ours, a matplotlibrc."""
    home = tmp_path / "home"
    for name, text in {
        "jupyter/kernels/python3/kernel.json": json.dumps(
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "mine",
                "language": "python",
                "env": {"PBDL_SEED": "5", "PYTHONPATH": str(home / "other")},
            }
        ),
        "ipython/profile_default/startup/00.py": "STARTED = True",
        "other/pbdl_helpers/__init__.py": "",
        "matplotlibrc": "lines.linewidth: 7",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    path = tmp_path / "settings.ipynb"
    write_notebook(path, SETTINGS)
    variables = {"PBDL_SEED": "5", "PBDL_SCALE": "full", "PBDL_DEVICE": "none", "MPLBACKEND": "agg"}
    variables |= {"JUPYTER_PATH": str(home / "jupyter"), "IPYTHONDIR": str(home / "ipython")}
    variables |= {"MATPLOTLIBRC": str(home / "matplotlibrc"), "PYTHONOPTIMIZE": "1"}
    command = [sys.executable, "-m", "tools.run", path]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, encoding="utf-8", timeout=200
    )
    assert result.returncode == 0, result.stderr
    assert "PBDL_SCALE, PBDL_SEED, PBDL_DEVICE of your shell: not used" in result.stderr
    notebook = notebooks.read(path)
    record = {key: notebook.metadata["pbdl"][key] for key in ("scale", "seed", "device")}
    assert record == {"scale": "book", "seed": 0, "device": "cpu"}
    outputs = notebooks.code_cells(notebook)[0].outputs
    printed = json.loads("".join(o.text for o in outputs if o.output_type == "stream").splitlines()[-1])
    assert printed.pop("helpers") == str(ROOT / "pbdl_helpers" / "__init__.py")
    assert printed.pop("backend").endswith("inline")
    assert printed == {"seed": 1, "full": False, "device": "cpu", "started": False, "lines": 1.5}
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_interrupted_seeds_show_what_had_ended(tmp_path):
    """Two of three seeds end at once; the third one waits for them, and never ends."""
    path, started = tmp_path / "slow.ipynb", tmp_path / "started"
    write_notebook(
        path,
        "import os, pathlib, time\n"
        "from pbdl_helpers.claims import Claims\n"
        f"seed, folder = int(os.environ['PBDL_SEED']), pathlib.Path({str(tmp_path)!r})\n"
        "while seed == 2 and len(list(folder.glob('done*'))) < 2:\n"
        "    time.sleep(0.1)\n"
        "if seed == 2:\n"
        "    time.sleep(2)  # the others' kernels end\n"
        "    (folder / 'started').touch()\n"
        "    time.sleep(100)\n"
        "with Claims('c') as claims:\n"
        "    claims.check('seed', seed, at_most=5)\n"
        "(folder / f'done{seed}').touch()",
    )
    process = start_and_interrupt([sys.executable, "-m", "tools.seeds", path, "3"], started)
    output, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "2 of 3 seeds had ended" in error
    assert "2/2  seed" in output


def start_and_interrupt(command, started):
    """Starts a program, sends it Ctrl-C one second after the file ``started`` appears, and returns the process."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_interrupt_leaves_the_notebook_and_ends_at_once(tmp_path):
    path, started = tmp_path / "slow.ipynb", tmp_path / "started"
    write_notebook(path, f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(100)")
    before = path.read_bytes()
    process = start_and_interrupt([sys.executable, "-m", "tools.run", path], started)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "Interrupted" in error
    assert path.read_bytes() == before


def test_server_has_nothing_outside_of_its_prefix(tmp_path):
    (tmp_path / "page.html").write_text("hello", encoding="utf-8")
    (tmp_path / "404.html").write_text("not here", encoding="utf-8")

    def get(address):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    with serve(tmp_path, "/book/") as url:
        root = url.removesuffix("book/")
        assert get(url + "page.html") == (200, "hello")
        assert get(url + "none.html") == (404, "not here")
        for name in ("page.html", "", "book2/page.html"):
            status, text = get(root + name)
            assert status == 404
            assert "hello" not in text
            assert "not here" not in text
    with serve(tmp_path) as url:
        assert get(url + "page.html") == (200, "hello")


@pytest.mark.skipif(not os.environ.get("MAKELEVEL"), reason="only `make` sets the variable, for all workers")
def test_encodings_that_are_left_out_are_warned_of_in_every_worker():
    assert sys.flags.warn_default_encoding == 1
    with pytest.raises(EncodingWarning):
        open(os.devnull).close()  # noqa: PLW1514


@pytest.fixture
def released(tmp_path, monkeypatch):
    """A repository with helpers, data and one notebook, of which this version is released."""
    monkeypatch.setattr(version, "ROOT", tmp_path)
    monkeypatch.setattr(version, "INIT", tmp_path / "pbdl_helpers" / "__init__.py")
    monkeypatch.setattr(notebooks, "TEMPLATE", tmp_path / "template.ipynb")
    monkeypatch.setattr(notebooks, "find", lambda: [tmp_path / "a.ipynb"])
    for folder in ("pbdl_helpers", "data/recipes"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pbdl_helpers" / "__init__.py").write_text(f'__version__ = "{__version__}"\n', encoding="utf-8")
    (tmp_path / "data" / "a.hdf5").write_text("a", encoding="utf-8")
    for name in ("template", "a"):
        source = f"%pip install {pages.wheel_url(pages.repository_url())}"
        write_notebook(tmp_path / f"{name}.ipynb", source, f"print('{__version__}')")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", f"v{__version__}"]):
        subprocess.run([*git, *command], check=True)
    return tmp_path


def test_released_data_and_helpers_are_not_changed_under_the_same_version(released, capsys):
    assert version.check() == 0
    (released / "data" / "recipes" / "a.py").write_text("", encoding="utf-8")
    assert version.check() == 0
    (released / "data" / "a.hdf5").write_text("b", encoding="utf-8")
    assert version.check() == 1
    assert "data/a.hdf5" in capsys.readouterr().err


def test_new_version_stands_everywhere(released):
    assert version.write("7.8.9") == 0
    assert '"7.8.9"' in (released / "pbdl_helpers" / "__init__.py").read_text(encoding="utf-8")
    for name in ("template", "a"):
        first, second = notebooks.code_cells(notebooks.read(released / f"{name}.ipynb"))
        assert first.source.endswith("releases/download/v7.8.9/pbdl_helpers-7.8.9-py3-none-any.whl")
        assert __version__ in second.source
    assert version.write("seven") == 2
