"""The book's sources agree with each other; a dangling label, citation or link stops the build."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import checks
import site_browser
import url as url_script
from checks import ROOT

TEXTS = [*sorted((ROOT / "book").rglob("*.md")), ROOT / "README.md"]


def test_toc_names_every_page():
    assert checks.toc_problems(site_browser.pages()) == []


def test_incomplete_toc_is_reported():
    pages = site_browser.pages()
    assert checks.toc_problems(pages[:-1]) == [f"_toc.yml does not name {pages[-1]}"]
    assert checks.toc_problems([*pages, "book/none"]) == ["_toc.yml names book/none, which does not exist"]
    assert checks.toc_problems([*pages, pages[1]]) == [f"_toc.yml names {pages[1]} twice"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_has_alt_texts(path):
    assert checks.markdown_problems(path.read_text()) == []


def test_missing_alt_texts_are_reported():
    good = ":::{figure} a.svg\n:alt: A plume.\nCaption\n:::\n![A plume](b.png)"
    assert checks.markdown_problems(good) == []
    assert checks.markdown_problems(good.replace(":alt: A plume.\n", "")) == ["figure a.svg has no alt text"]
    assert checks.markdown_problems(good.replace("[A plume]", "[]")) == ["image b.png has no alt text"]
    assert checks.markdown_problems('<img src="c.png">') == ['<img src="c.png"> has no alt text']


@pytest.mark.parametrize("path", checks.url_files(), ids=lambda path: path.name)
def test_url_is_the_same_everywhere(path):
    assert checks.url_problems(path.read_text(), checks.book_url()) == []


def test_other_url_is_reported():
    url = "https://github.com/someone/pbdl-book"
    assert checks.url_problems("see https://someone.github.io/pbdl-book/", url) == []
    assert "names other/pbdl-book" in checks.url_problems("git+https://github.com/other/pbdl-book@main", url)[0]
    assert "does not name the repository" in checks.url_problems("see https://github.com/someone/fork", url)[0]


def test_make_url_changes_every_file(tmp_path, monkeypatch):
    paths = []
    for path in checks.url_files():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        paths.append(Path(shutil.copy(path, copy)))
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "url_files", lambda: paths)
    assert url_script.main("https://github.com/somebody/another-book.git") == 0
    assert checks.book_url() == "https://github.com/somebody/another-book"
    for path in paths:
        text = path.read_text()
        assert checks.url_problems(text, checks.book_url()) == [], path
        assert "OWNER" not in text
    for path in paths:
        if path.suffix == ".ipynb":
            assert checks.notebook_problems(checks.notebooks.read(path)) == []
    assert url_script.main("not a url") == 2


def test_workflows_use_the_commands_of_the_readme():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.M))
    for path in workflows:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job["steps"]:
                for line in step.get("run", "").splitlines():
                    if line.startswith("make "):
                        assert line.split()[1] in targets, f"{path.name}: {line}"


BROKEN = {
    "label": "see {numref}`no-such-figure`",
    "equation": "see {eq}`no-such-equation`",
    "citation": "see {cite}`nobody1900nothing`",
    "page": "see {doc}`/book/no-such-page`",
    "link": "see [here](no-such-page.md)",
    "image": "![A plume](no-such-image.png)",
}


def build(folder, text):
    """Builds a book of two pages with the real configuration and returns the finished process."""
    for name in ("_config.yml", "book/references.bib"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in ("_static", "_templates", "_ext"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name, dirs_exist_ok=True)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: book/second\n")
    (folder / "book" / "second.md").write_text("# Second\n")
    (folder / "book" / "index.md").write_text(
        f"# Title\n\n{text} and {{cite}}`thuerey2021pbdl`\n\n```{{bibliography}}\n```\n"
    )
    command = [Path(sys.executable).with_name("jupyter-book"), "build", folder, "-W", "-n", "--keep-going", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True)


def test_sound_page_builds(tmp_path):
    process = build(tmp_path, "nothing wrong here")
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("kind", BROKEN)
def test_dangling_reference_stops_the_build(tmp_path, kind):
    process = build(tmp_path, BROKEN[kind])
    assert process.returncode != 0
    assert "no-such" in process.stderr or "nobody1900nothing" in process.stderr
