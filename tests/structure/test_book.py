"""The book's sources agree with each other; a dangling label, citation or link stops the build."""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import checks
import notation
import pytest
import yaml

from pbdl_helpers import __version__, datasets
from tools import ROOT, notebooks, pages, register
from tools import url as url_command

sys.path.insert(0, str(ROOT / "data" / "recipes" / "networks"))
import networks

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


def test_data_page_begins_with_a_table_of_all_files():
    page = (ROOT / "book/appendix/data.md").read_text(encoding="utf-8")
    table = page[: page.index("## Layout")]
    assert set(re.findall(r"\{data-file\}`([^`]+)`", table)) == datasets.registry()["files"].keys()


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
    assert notation.missing(text, NOTATION) == {r"\mathcal Q", "W"}


APPENDIX = [name for name in pages.pages() if name.startswith("book/appendix")]
CHAIN = [
    (a, b) for a, b in itertools.pairwise(pages.pages()) if b not in APPENDIX and not a.endswith(("index", "/part"))
]


def way_on(name):
    """The text with which a page sends its reader on: section "Next" of a notebook, last paragraph of a text."""
    text = page_text(name)
    if "## Next" in text:
        return re.search(r"^## Next\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S)[1]
    return re.sub(r"```\{bibliography\}.*", "", text, flags=re.S).strip().rpartition("\n\n")[2]


@pytest.mark.parametrize(("name", "after"), CHAIN, ids=[a.split("/")[-1] for a, _ in CHAIN])
def test_page_sends_its_reader_to_the_next_one(name, after):
    links = re.findall(r"\{doc\}`([^`]+)`", way_on(name))
    first = links[0] if "## Next" in page_text(name) else (links or [""])[-1]
    found = first.removeprefix("/") if first.startswith("/") else f"{name.rpartition('/')[0]}/{first}"
    assert found == after or f"/{after}" in links


@pytest.mark.parametrize("name", [name for name in CHAPTERS if name.startswith("notebooks/")])
def test_who_says_the_source_says_which(name):
    """Beside another cited paper a reader would take that one for it."""
    text = page_text(name)
    if re.search(r"\bthe source\b|source's", text, flags=re.I):
        assert "{cite}`thuerey2021pbdl`" in text


def test_every_chapter_has_a_card():
    cards = yaml.safe_load((ROOT / "book" / "cards.yml").read_text(encoding="utf-8"))
    chapters = {name for name in pages.pages()[1:] if name not in APPENDIX and not name.endswith("/part")}
    assert cards.keys() == chapters
    assert {card["level"] for card in cards.values()} == {"first", "second", "third"}


def test_each_part_begins_with_its_page():
    for _, names in pages.parts():
        if names[0] not in APPENDIX:
            assert names[0].endswith("/part")
            assert "{chapters}" in page_text(names[0])


@pytest.mark.parametrize(
    ("symbol", "page"), re.findall(r"^\| (\$.*?) \| .* \| \{doc\}`/(.*?)` \|$", NOTATION, flags=re.M)
)
def test_symbol_begins_on_the_page_that_notation_names(symbol, page):
    assert notation.symbols(symbol) <= notation.symbols(page_text(page))


def test_notation_gives_each_meaning_a_row():
    rows = re.findall(r"^\| (\$.*?) \| (.*?) \|", NOTATION, flags=re.M)
    assert len(rows) > 80
    assert [line for line in NOTATION.splitlines()[3:] if line and not line.startswith(("|", "#"))] == []
    assert [meaning for _, meaning in rows if " or a " in meaning or "where a chapter says so" in meaning] == []


def test_abbreviations_occur_in_the_prose():
    table = NOTATION.partition("## Abbreviations")[2]
    short = {word for row in re.findall(r"^\| ([A-Z][\w, ]+) \|", table, flags=re.M) for word in row.split(", ")}
    prose = "\n".join(page_text(name) for name in pages.pages() if name != "book/appendix/notation")
    assert len(short) > 20
    assert {word for word in short if not re.search(rf"\b{word}s?\b", prose)} == set()


def table_rows(text, pattern) -> dict[str, list[float]]:
    """Returns the rows of a table: what stands in front of the numbers → the numbers."""
    found = re.findall(pattern, text, flags=re.M)
    return {name.strip(): [float(number) for number in re.findall(r"[\d.]+", numbers)] for name, numbers in found}


def misquoted(page, printed) -> list[str]:
    """Returns the rows of the page's table that are not what the notebook showed."""
    table = re.search(r"^\| reconstruction \|.*?(?=\n\n|\Z)", page, flags=re.M | re.S)[0]
    quoted = table_rows(table, r"^\| ((?:network|solver|characteristics).*?) \|(.*)$")
    shown = table_rows(printed, r"^((?:network|solver|characteristics).*?) {2,}([\d. ]+)$")
    assert len(quoted) == len(table.splitlines()) - 2
    problems = [f"row {name!r} has no partner" for name in quoted.keys() - shown.keys()]
    for name in quoted.keys() & shown.keys():
        pairs = zip(quoted[name], shown[name], strict=True)
        if any(abs(a - b) > 0.00051 for a, b in pairs):
            problems.append(f"row {name!r} says {quoted[name]}, the notebook {shown[name]}")
    return problems


def test_first_comparison_quotes_the_notebook():
    """The table of a text page holds what a cell of the notebook showed, row by row."""
    page = (ROOT / "book/differentiable_physics/first_comparison.md").read_text(encoding="utf-8")
    cells = notebooks.code_cells(notebooks.read(ROOT / "notebooks/differentiable_physics/burgers_dp.ipynb"))
    shown = [output.get("data", {}).get("text/plain", "") for cell in cells for output in cell.outputs]
    (table,) = [text for text in shown if "network, as in the source" in text and "least" in text]
    assert misquoted(page, table) == []
    names = ["| network, no preference |", "| solver, no preference |"]
    swapped = page.replace(names[0], "| x |").replace(names[1], names[0]).replace("| x |", names[1])
    assert len(misquoted(swapped, table)) == 2
    assert len(misquoted(page.replace("| 0.294 |", "| 0.067 |"), table)) == 1
    assert len(misquoted(page.replace("| characteristics |", "| solver, without a search |"), table)) == 1


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_stored_networks_were_made_by_the_notebook_s_cells(name):
    assert networks.header(name)["settings"].get("cells_sha256") == networks.cells_hash(name), (
        f"data/{name}.safetensors was made by other cells than those of {networks.NETWORKS[name][0]}: run "
        f"`make networks NAME={name}`, or say that the edit changes no training: "
        f"python data/recipes/networks/networks.py stamp {name}"
    )


def test_every_file_of_networks_has_its_recipe():
    stored = {path.stem for path in (ROOT / "data").glob("*.safetensors")}
    others = {path.parent.name for path in (ROOT / "data" / "recipes").glob("*/Snakefile")}  # what networks drew
    assert stored - others == networks.NETWORKS.keys()


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


def pins(name):
    """Package → version, as a file of requirements says; one that depends on the system or Python has several."""
    lines = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.M)
    return {(package.lower().replace("_", "-"), version) for package, version in lines}


def test_lock_is_that_of_the_requirements():
    wanted, locked = pins("requirements.txt"), pins("requirements.lock")
    assert wanted - locked == {pin for pin in wanted if pin[0] == "torch"}, "run `make lock`"
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert [block for block in re.split(r"\n(?=\w)", text)[1:] if "--hash=sha256:" not in block] == []


# module → package, where the names differ
PACKAGES = {
    "IPython": "ipython",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "jupyter_client": "jupyter-client",
    "phi": "phiflow",
    "stable_baselines3": "stable-baselines3",
    "yaml": "pyyaml",
}


def imported(sources):
    """Top-level modules that sources import, less Python's own and the repository's."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    own = {path.stem for path in [*ROOT.glob("*/*.py"), *ROOT.glob("tests/structure/*.py"), *ROOT.glob("data/**/*.py")]}
    modules = {name.split(".")[0] for name in names} - sys.stdlib_module_names - own
    return {PACKAGES.get(name, name) for name in modules - {"pbdl_helpers", "tools"}}


def test_what_is_imported_is_declared():
    """What a package brings along today it may leave out tomorrow."""
    folders = ("pbdl_helpers", "tools", "tests", "book/_ext", "data/recipes")
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")]
    cells = [cell.source for path in notebooks.find() for cell in notebooks.code_cells(notebooks.read(path))[1:]]
    declared = {name for name, _ in pins("requirements.txt")}
    peers = {"torchcfm"}  # `make peers` installs it
    assert imported([*sources, *cells]) - declared - peers == set()
    helpers = [path.read_text(encoding="utf-8") for path in (ROOT / "pbdl_helpers").glob("*.py")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    assert imported([*helpers, *cells]) - ranges == set()


def prerequisites():
    """What each target of the Makefile needs first."""
    rules = re.findall(r"^([a-z-]+): *([^#|\n]*)", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    return {target: needed.split() for target, needed in rules}


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = [*WORKFLOWS, *(ROOT / ".github" / "actions").glob("*/action.yml")]


def jobs(workflow):
    return yaml.safe_load((ROOT / ".github/workflows" / workflow).read_text(encoding="utf-8"))["jobs"]


def commands(workflow):
    """The targets of `make` that a workflow's jobs run, by job."""
    steps = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs(workflow).items()}
    return {
        name: [
            target
            for line in re.findall(r"^(?:make|\.ci/run) (.*)", lines, flags=re.M)
            for target in re.sub(r"[A-Z]+=.*", "", line).split()
        ]
        for name, lines in steps.items()
    }


@pytest.mark.parametrize("workflow", ["test.yml", "weekly.yml"])
def test_workflows_use_targets_that_exist(workflow):
    used = {target for targets in commands(workflow).values() for target in targets}
    assert used
    assert used <= prerequisites().keys()


def test_parallel_jobs_check_all_that_make_test_checks():
    used = {target for targets in commands("test.yml").values() for target in targets}
    needed = prerequisites()
    assert {*needed["test"], *needed["check"]} - {"check"} <= used
    after = {"release", "publish", "report"}
    assert set(jobs("test.yml")["release"]["needs"]) == jobs("test.yml").keys() - after
    assert set(jobs("test.yml")["report"]["needs"]) == jobs("test.yml").keys() - {"report"}


def test_the_site_is_built_once():
    built = [name for name, targets in commands("test.yml").items() if "book" in targets]
    assert built == ["book"]
    takes_over = {name for name, targets in commands("test.yml").items() if {"site", "browser", "colab"} & {*targets}}
    for name in takes_over:
        assert "book" in jobs("test.yml")[name]["needs"]
        assert any(step.get("with", {}).get("site") for step in jobs("test.yml")[name]["steps"]), name


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits(path):
    """A tag can be moved to other code; a comment says which version a commit is."""
    uses = re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8"))
    assert uses
    pinned = r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/actions/\w+"
    assert [use for use in uses if not re.fullmatch(pinned, use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_only_jobs_that_run_nothing_built_may_write(path):
    """Packages of third parties run in `make`; a job that does so can read the repository and no more."""
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}
    for name, targets in commands(path.name).items():
        rights = jobs(path.name)[name].get("permissions", {})
        if {"write"} & {*rights.values()}:
            assert targets == [], name
            assert not any("./" in step.get("uses", "") for step in jobs(path.name)[name]["steps"]), name


def test_publishing_waits_for_green_tests_and_for_no_older_run():
    publish = jobs("test.yml")["publish"]
    assert publish["needs"] == "release"
    assert "pull_request" in jobs("test.yml")["release"]["if"]
    assert "refs/heads/main" in jobs("test.yml")["release"]["if"]
    deploy = next(step for step in publish["steps"] if "deploy-pages" in step.get("uses", ""))
    assert deploy["if"] == "steps.newest.outputs.sha == github.sha"
    assert publish["concurrency"] == "pages"


@pytest.mark.parametrize("released", [True, False])
def test_a_version_is_released_once(tmp_path, released):
    program, log, site = tmp_path / "gh", tmp_path / "log", tmp_path / "site.tar"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{log}"\n[ "$2" = create ] || exit {int(not released)}\n', encoding="utf-8"
    )
    program.chmod(0o755)
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / pages.WHEEL).write_text("wheel", encoding="utf-8")
    subprocess.run(["tar", "-cf", site, "-C", tmp_path, "html"], check=True)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment = {**os.environ, **path, "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "1234"}
    work = tmp_path / "work"
    work.mkdir()
    subprocess.run([ROOT / ".github" / "release", site], env=environment, cwd=work, check=True)
    said = log.read_text(encoding="utf-8").splitlines()
    assert said[0] == f"release view v{__version__} --repo a/b"
    if released:
        assert len(said) == 1
    else:
        assert said[1].startswith(f"release create v{__version__} html/{pages.WHEEL} --repo a/b --target 1234")
        assert (work / "html" / pages.WHEEL).read_text(encoding="utf-8") == "wheel"


@pytest.mark.parametrize(("found", "does"), [("", "issue create"), ("7", "issue comment 7")])
def test_failures_are_reported_in_one_issue(tmp_path, found, does):
    program, log = tmp_path / "gh", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\n[ "$2" = list ] && echo "{found}"\ntrue\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "a/b", "RUN": "url"}
    subprocess.run([ROOT / ".github" / "report", "The tests fail"], env=environment, check=True)
    assert does in log.read_text(encoding="utf-8").splitlines()[-1]


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
