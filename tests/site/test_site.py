"""The built site as files: pages, links, markup, buttons, sitemap."""

import functools
import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools import ROOT, pages

PAGES = pages.pages()


@pytest.fixture(scope="session")
def html():
    if not pages.is_built():
        pytest.fail("The site is not built; run `make book` first.")
    return pages.HTML


def test_as_many_pages_as_the_toc_names(html):
    built = {
        p.relative_to(html).with_suffix("").as_posix()
        for part in ("book", "notebooks")
        for p in (html / part).rglob("*.html")
    }
    assert built == set(PAGES)


@functools.cache
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@functools.cache
def ids(path):
    return {element["id"] for element in soup(path).find_all(id=True)}


def built_pages(html):
    return [path for path in sorted(html.rglob("*.html")) if not {"_static", "_sources"} & {*path.parts}]


def dangling(html, path):
    """Returns the internal links, anchors and images of a page that lead nowhere."""
    found = []
    for tag, attribute in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
        for element in soup(path).find_all(tag, attrs={attribute: True}):
            parts = urlsplit(element[attribute])
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path.startswith(pages.prefix()):
                target = html / unquote(parts.path.removeprefix(pages.prefix()))
            elif parts.path:
                target = path.parent / unquote(parts.path)
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment) if target.suffix == ".html" else ""
            if not target.is_file() or (anchor and anchor not in ids(target.resolve())):
                found.append(element[attribute])
    return found


def test_internal_links_resolve(html):
    assert {str(path): bad for path in built_pages(html) if (bad := dangling(html, path))} == {}


def test_dangling_link_is_reported(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<a href="none.html"></a><a href="#none"></a><img src="none.png"><p id="here"><a href="#here"></a>',
        encoding="utf-8",
    )
    assert dangling(tmp_path, page) == ["none.html", "#none", "none.png"]


def test_markup_is_sound(html):
    """Ids are unique, no heading is empty, each search form can be submitted: known faults of the default build."""
    problems = []
    for path in built_pages(html):
        page = soup(path)
        ids = Counter(element["id"] for element in page.find_all(id=True))
        problems += [f"{path}: id {name} occurs {n} times" for name, n in ids.items() if n > 1]
        problems += [
            f"{path}: empty {h.name}" for h in page.find_all(re.compile("^h[1-6]$")) if not h.get_text(strip=True)
        ]
        problems += [
            f"{path}: form without submit" for f in page.find_all("form") if not f.find(attrs={"type": "submit"})
        ]
    assert problems == []


def test_first_word_of_the_glossary_leads_there(html):
    for name in PAGES:
        links = soup(html / f"{name}.html").select("a > .glossary-link")
        if name.startswith("book/appendix/"):
            assert links == []
        else:
            targets = [link.parent["href"] for link in links]
            assert len(set(targets)) == len(targets)
            assert name.endswith(("/index", "/part")) or targets, f"{name} uses no word of the glossary"


NO_GRID = {"burgers_pinn": 1}  # pictures whose panels are no single grid: they scroll


def test_figures_of_notebooks_have_a_version_for_phones(html):
    for name in filter(re.compile("notebooks/").match, PAGES):
        pictures = soup(html / f"{name}.html").select('figure:has(img:not([src$=".svg"]))')
        without = [figure.img["src"] for figure in pictures if not figure.find("picture")]
        assert len(without) == NO_GRID.get(name.rpartition("/")[2], 0), (name, without)


def test_colab_button_on_every_notebook_page_and_only_there(html):
    start = f"https://colab.research.google.com/github/{pages.repository_url().removeprefix('https://github.com/')}/blob/main/"
    for name in PAGES:
        links = {a["href"] for a in soup(html / f"{name}.html").find_all("a", href=re.compile("colab"))}
        if name.startswith("notebooks/"):
            assert links == {f"{start}{name}.ipynb"}
            assert (ROOT / f"{name}.ipynb").is_file()
        else:
            assert links == set()


def test_open_graph_and_sitemap(html):
    sitemap = (html / "sitemap.xml").read_text(encoding="utf-8")
    base = pages.site_url(pages.repository_url())
    assert sorted(re.findall(r"<loc>(.*?)</loc>", sitemap)) == sorted(f"{base}{name}.html" for name in PAGES)
    for name in PAGES:
        tags = {m["property"]: m["content"] for m in soup(html / f"{name}.html").find_all("meta", property=True)}
        assert tags["og:url"] == f"{base}{name}.html"
        assert tags["og:title"]
        assert tags["og:site_name"] == pages.config()["title"]
        assert tags["og:image"].startswith(base)
        assert (html / tags["og:image"].removeprefix(base)).is_file()
