"""The book's sources agree with each other; a dangling label, citation or link stops the build."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import checks
import notation
import pytest
import yaml

from pbdl_helpers import datasets
from tools import ROOT, notebooks, pages, register
from tools import url as url_command

TEXTS = [*sorted((ROOT / "book").rglob("*.md")), ROOT / "README.md"]


def test_toc_names_every_page():
    assert checks.toc_problems(pages.pages()) == []


def test_incomplete_toc_is_reported():
    named = pages.pages()
    assert checks.toc_problems(named[:-1]) == [f"_toc.yml does not name {named[-1]}"]
    assert checks.toc_problems([*named, "book/none"]) == ["_toc.yml names book/none, which does not exist"]
    assert checks.toc_problems([*named, named[1]]) == [f"_toc.yml names {named[1]} twice"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_has_alt_texts(path):
    assert checks.markdown_problems(path.read_text(encoding="utf-8")) == []


def test_missing_alt_texts_are_reported():
    good = ":::{figure} a.svg\n:alt: A plume.\nCaption\n:::\n![A plume](b.png)"
    assert checks.markdown_problems(good) == []
    assert checks.markdown_problems(good.replace(":alt: A plume.\n", "")) == ["figure a.svg has no alt text"]
    assert checks.markdown_problems(good.replace("[A plume]", "[]")) == ["image b.png has no alt text"]
    assert checks.markdown_problems('<img src="c.png">') == ['<img src="c.png"> has no alt text']


@pytest.mark.parametrize("path", url_command.files(), ids=lambda path: path.name)
def test_url_is_the_same_everywhere(path):
    assert checks.url_problems(path.read_text(encoding="utf-8"), pages.repository_url()) == []


def test_other_url_is_reported():
    url = "https://github.com/someone/pbdl-book"
    assert checks.url_problems("see https://someone.github.io/pbdl-book/", url) == []
    assert "names other/pbdl-book" in checks.url_problems("git+https://github.com/other/pbdl-book@main", url)[0]
    assert "does not name the repository" in checks.url_problems("see https://github.com/someone/fork", url)[0]


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The files that name the repository, as copies that the command works on."""
    found = []
    for path in url_command.files():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        found.append(Path(shutil.copy(path, copy)))
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(url_command, "ROOT", tmp_path)
    monkeypatch.setattr(url_command, "files", lambda: found)
    return found


@pytest.mark.parametrize("name", ["another-book", "somebody.github.io"])
def test_make_url_changes_every_file_and_back(copies, name):
    before = {path: path.read_bytes() for path in copies}
    old = pages.repository_url()
    assert url_command.main(f"https://github.com/somebody/{name}.git") == 0
    assert pages.repository_url() == f"https://github.com/somebody/{name}"
    assert pages.prefix() == ("/" if name == "somebody.github.io" else "/another-book/")
    for path in copies:
        text = path.read_text(encoding="utf-8")
        assert "OWNER" not in text, path
        assert checks.url_problems(text, pages.repository_url()) == []
        if path.suffix == ".ipynb":
            assert not [p for p in checks.notebook_problems(notebooks.read(path)) if "after its execution" in p]
    assert url_command.main(old) == 0
    assert {path: path.read_bytes() for path in copies} == before
    assert url_command.main("not a url") == 2


def test_make_url_goes_on_where_somebody_edited_the_configuration_first(copies):
    config = next(path for path in copies if path.name == "_config.yml")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("OWNER/pbdl-book", "somebody/book"), encoding="utf-8")
    assert url_command.main("https://github.com/somebody/book") == 0
    for path in copies:
        assert "OWNER" not in path.read_text(encoding="utf-8"), path


def test_make_url_names_files_in_which_no_known_address_stands(copies, capsys):
    path = next(path for path in copies if path.name == "CITATION.cff")
    path.write_text("url: https://github.com/third/one\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in copies}
    assert url_command.main("https://github.com/somebody/book") == 1
    assert "CITATION.cff" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in copies} == before


def test_make_url_changes_all_files_or_none(copies, monkeypatch):
    before = {path: path.read_bytes() for path in copies}
    monkeypatch.setattr(url_command, "changed", lambda path, *_: {}[path] if path == copies[-1] else "")
    with pytest.raises(KeyError):
        url_command.main("https://github.com/somebody/another-book")
    assert {path: path.read_bytes() for path in copies} == before


def test_make_url_in_a_locale_that_is_not_utf8(tmp_path):
    for path in [*url_command.files(), *(ROOT / "tools").glob("*.py"), *(ROOT / "pbdl_helpers").glob("*.py")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "tools.url", "https://github.com/somebody/book"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    for path in url_command.files():
        old, new = ((root / path.relative_to(ROOT)).read_text(encoding="utf-8") for root in (ROOT, tmp_path))
        assert new == url_command.replace(old, pages.repository_url(), "https://github.com/somebody/book"), path


def test_data_are_registered_and_small():
    """A data set or checkpoint that the registry does not know would be unreachable in Colab."""
    files = {path.relative_to(ROOT / "data").as_posix(): path for path in register.stored()}
    assert files.keys() == datasets.registry()["files"].keys()
    assert sum(path.stat().st_size for path in files.values()) <= checks.DATA_BYTES


NOTATION = (ROOT / "book/appendix/notation.md").read_text(encoding="utf-8")
# errata.md quotes the source's symbols
CHAPTERS = [name for name in pages.pages() if name != "book/appendix/errata"]


def page_text(name):
    path = ROOT / f"{name}.ipynb"
    if not path.exists():
        return path.with_suffix(".md").read_text(encoding="utf-8")
    return "\n\n".join(cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", CHAPTERS)
def test_symbols_stand_on_the_notation_page(name):
    assert notation.missing(page_text(name), NOTATION) == set()


def test_missing_symbol_is_reported():
    text = (
        "with $\\chi_0 = \\mathrm{const}$ and $$ \\mathcal{Q} = \\Delta x\\, W^{2}_{s} $$ but `no $Z$ in code`, for 5 $"
    )
    assert notation.symbols(text) == {r"\chi", r"\mathcal Q", r"\Delta", "x", "W"}
    assert notation.missing(text, NOTATION) == {r"\chi", r"\mathcal Q", "W"}


def test_first_comparison_quotes_the_notebook():
    """The table of a text page holds what the cells of a notebook printed."""
    page = (ROOT / "book/differentiable_physics/first_comparison.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .*\|$", page, flags=re.M)
    quoted = [float(number) for row in rows for number in re.findall(r"\d\.\d{3}", row)]
    cells = notebooks.code_cells(notebooks.read(ROOT / "notebooks/differentiable_physics/burgers_dp.ipynb"))
    text = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    printed = [float(number) for number in re.findall(r"\d\.\d{4}", text)]
    assert len(quoted) > 10
    assert [number for number in quoted if min(abs(number - p) for p in printed) > 0.00056] == []


def test_api_page_names_every_module():
    named = re.findall(
        r"automodule:: pbdl_helpers[.](\w+)", (ROOT / "book/appendix/api.md").read_text(encoding="utf-8")
    )
    assert sorted(named) == sorted(p.stem for p in (ROOT / "pbdl_helpers").glob("*.py") if p.stem != "__init__")


def test_readme_maps_every_folder():
    """Each folder that git tracks at the top stands in the map."""
    command = ["git", "-C", ROOT, "ls-files"]
    tracked = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    folders = {name.split("/")[0] for name in tracked if "/" in name}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {folder for folder in folders if f"`{folder}/" not in text} == set()


def test_contributing_explains_every_variable():
    sources = [path for folder in ("pbdl_helpers", "tools") for path in (ROOT / folder).glob("*.py")]
    used = {name for path in sources for name in re.findall(r"\bPBDL_[A-Z_]+\b", path.read_text(encoding="utf-8"))}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert used == set(re.findall(r"^\| `(PBDL_[A-Z_]+)`", table, flags=re.M))


def prerequisites():
    """What each target of the Makefile needs first."""
    rules = re.findall(r"^([a-z-]+): *([^#|\n]*)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    return {target: needed.split() for target, needed in rules}


def commands(workflow):
    """The targets of `make` that a workflow's jobs run, by job."""
    jobs = yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))["jobs"]
    steps = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    return {
        name: re.findall(r"^(?:make|\.ci/run) ([a-z-]+)", "\n".join(lines), flags=re.M) for name, lines in steps.items()
    }


@pytest.mark.parametrize("workflow", ["publish.yml", "test.yml", "weekly.yml"])
def test_workflows_use_targets_that_exist(workflow):
    used = {target for targets in commands(workflow).values() for target in targets}
    assert used
    assert used <= prerequisites().keys()


def test_parallel_jobs_check_all_that_make_test_checks():
    used = {target for targets in commands("test.yml").values() for target in targets}
    assert set(prerequisites()["test"]) <= used
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]["report"]["needs"]) == workflow["jobs"].keys() - {"report"}


@pytest.mark.parametrize(("found", "does"), [("", "issue create"), ("7", "issue comment 7")])
def test_failures_are_reported_in_one_issue(tmp_path, found, does):
    program, log = tmp_path / "gh", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\n[ "$2" = list ] && echo "{found}"\ntrue\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "a/b", "RUN": "url"}
    subprocess.run([ROOT / ".github" / "report", "The tests fail"], env=environment, check=True)
    assert does in log.read_text(encoding="utf-8").splitlines()[-1]


def test_publishing_waits_for_green_tests():
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML reads the key `on` as true
    assert "push" not in triggers
    assert triggers["workflow_run"]["workflows"] == ["test"]
    assert "success" in workflow["jobs"]["publish"]["if"]


BROKEN = {
    "label": "see {numref}`no-such-figure`",
    "equation": "see {eq}`no-such-equation`",
    "citation": "see {cite}`nobody1900nothing`",
    "page": "see {doc}`/book/no-such-page`",
    "link": "see [here](no-such-link.md)",
    "image": "![A plume](no-such-image.png)",
}
TARGETS = ("no-such-figure", "no-such-equation", "nobody1900nothing", "no-such-page", "no-such-link", "no-such-image")


def build(folder, text):
    """Builds a book of two pages with the real configuration and returns the finished process."""
    for name in ("_config.yml", "book/references.bib"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("_static", "_templates", "_ext"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name, dirs_exist_ok=True)
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/second\n", encoding="utf-8"
    )
    (folder / "book" / "second.md").write_text("# Second\n", encoding="utf-8")
    (folder / "book" / "index.md").write_text(
        f"# Title\n\n{text} and {{cite}}`thuerey2021pbdl`\n\n```{{bibliography}}\n```\n", encoding="utf-8"
    )
    command = [Path(sys.executable).with_name("jupyter-book"), "build", folder, "-W", "-n", "--keep-going", "--quiet"]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


def test_sound_page_builds(tmp_path):
    process = build(tmp_path, "nothing wrong here")
    assert process.returncode == 0, process.stderr


def test_dangling_references_stop_the_build(tmp_path):
    """One build with all faults: each must be named, whatever the others are."""
    process = build(tmp_path, "\n\n".join(BROKEN.values()))
    assert process.returncode != 0
    for target in TARGETS:
        assert target in process.stderr
