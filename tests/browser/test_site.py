"""The built site as its readers meet it, in headless Chromium."""

import functools
import re
from collections import Counter
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import site_browser
from checks import ROOT, book_url

pytestmark = pytest.mark.browser

PAGES = site_browser.pages()
FRAME = ("serious", "critical")  # the article must have no violation at all, the theme's frame none of these

AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  const inside = node => node.target.some(t => document.querySelector([].concat(t)[0])?.closest('article.bd-article'));
  return found.violations.flatMap(v => v.nodes.map(n => [v.id, v.impact, inside(n), n.html.slice(0, 120)]));
}"""

# Descendants of something that scrolls may be wider than the page.
OVERFLOW = """() => document.documentElement.scrollWidth > window.innerWidth + 1
  ? [...document.querySelectorAll('article *')]
      .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1).slice(0, 3)
      .map(e => e.outerHTML.slice(0, 80)).concat('the page scrolls sideways')
  : []"""


def listen(problems):
    """Returns a function that makes a page report console errors, exceptions and failed requests."""

    def attach(page):
        page.on("console", lambda m: m.type in ("error", "warning") and problems.append(f"console: {m.text}"))
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("requestfailed", lambda r: problems.append(f"request failed: {r.url}"))
        page.on("response", lambda r: r.status >= 400 and problems.append(f"{r.status}: {r.url}"))

    return attach


def axe_violations(page):
    page.add_script_tag(path=site_browser.node_modules() / "axe-core" / "axe.min.js")
    return [
        f"axe {rule} ({impact}) in the {'article' if inside else 'frame'}: {html}"
        for rule, impact, inside, html in page.evaluate(AXE)
        if inside or impact in FRAME
    ]


def picture_problems(page):
    return page.evaluate("""() => [...document.images].flatMap(image =>
      (image.alt ? [] : ['no alt text: ' + image.src.slice(0, 100)]).concat(
       image.complete && image.naturalWidth ? [] : ['not loaded: ' + image.src.slice(0, 100)]))""")


def formula_problems(page):
    formulas = page.locator("article .math").count()
    drawn = page.locator("article mjx-container").count()
    problems = [f"formula with an error: {e}" for e in page.locator("mjx-merror").all_inner_texts()]
    return problems + ([f"only {drawn} formulas of {formulas} are drawn"] if drawn < formulas else [])


@pytest.mark.parametrize("theme", site_browser.THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_page(browser, site, name, theme):
    problems = []
    context = site_browser.new_context(browser, theme)
    page = site_browser.open_page(context, f"{site}{name}.html", listen(problems))
    assert page.evaluate("() => document.documentElement.dataset.theme") == theme
    problems += formula_problems(page) + picture_problems(page)
    for width in site_browser.WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        problems += [f"{width} px: {problem}" for problem in page.evaluate(OVERFLOW)]
    problems += axe_violations(page)
    context.close()
    assert problems == []


BROKEN_PAGE = """<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>T</h1>
<article class="bd-article"><div style="width: 3000px">wide</div><img src="none.png">
<p style="color: #999">pale</p><span class="math">x</span></article></main>
<script>console.error("oops"); undefinedFunction()</script></body></html>"""


def test_broken_page_is_reported(browser, site):
    """Each of the checks of ``test_page`` can fail."""
    problems = []
    context = site_browser.new_context(browser)
    context.route("**/broken.html", lambda route: route.fulfill(body=BROKEN_PAGE, content_type="text/html"))
    page = site_browser.open_page(context, site + "broken.html", listen(problems))
    problems += formula_problems(page) + picture_problems(page) + page.evaluate(OVERFLOW) + axe_violations(page)
    context.close()
    text = "\n".join(problems)
    for part in ("console: oops", "exception: undefinedFunction", "404: ", "only 0 formulas of 1", "no alt text",
                 "not loaded", "sideways", "axe color-contrast (serious) in the article", "axe image-alt"):  # fmt: skip
        assert part in text


def test_as_many_pages_as_the_toc_names(html):
    built = {
        p.relative_to(html).with_suffix("").as_posix()
        for part in ("book", "notebooks")
        for p in (html / part).rglob("*.html")
    }
    assert built == set(PAGES)


@functools.cache
def soup(path):
    return BeautifulSoup(path.read_text(), "html.parser")


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
            if parts.path.startswith(site_browser.prefix()):
                target = html / unquote(parts.path.removeprefix(site_browser.prefix()))
            elif parts.path:
                target = path.parent / unquote(parts.path)
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (
                parts.fragment
                and target.suffix == ".html"
                and not soup(target.resolve()).find(id=unquote(parts.fragment))
            ):
                found.append(element[attribute])
    return found


def test_internal_links_resolve(html):
    assert {str(path): bad for path in built_pages(html) if (bad := dangling(html, path))} == {}


def test_dangling_link_is_reported(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<a href="none.html"></a><a href="#none"></a><img src="none.png"><p id="here"><a href="#here"></a>')
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


def test_colab_button_on_every_notebook_page_and_only_there(html):
    start = f"https://colab.research.google.com/github/{book_url().removeprefix('https://github.com/')}/blob/main/"
    for name in PAGES:
        links = {a["href"] for a in soup(html / f"{name}.html").find_all("a", href=re.compile("colab"))}
        if name.startswith("notebooks/"):
            assert links == {f"{start}{name}.ipynb"}
            assert (ROOT / f"{name}.ipynb").is_file()
        else:
            assert links == set()


def test_open_graph_and_sitemap(html):
    sitemap = (html / "sitemap.xml").read_text()
    base = re.search(r"<loc>([^<]*?/)book/index.html", sitemap)[1]
    for name in PAGES:
        assert f"{base}{name}.html" in sitemap
        tags = {m["property"]: m["content"] for m in soup(html / f"{name}.html").find_all("meta", property=True)}
        assert tags["og:url"] == f"{base}{name}.html"
        assert tags["og:title"]
        assert tags["og:image"].startswith(base)
        assert (html / tags["og:image"].removeprefix(base)).is_file()


def test_search_finds_a_page(browser, site):
    problems = []
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}search.html?q=Courant", listen(problems))
    page.wait_for_selector("#search-results li a")
    assert any("navier_stokes_forward" in a.get_attribute("href") for a in page.locator("#search-results li a").all())
    page.goto(f"{site}search.html?q=zzzzqqqq")
    page.get_by_text("did not match any documents").wait_for()
    context.close()
    assert problems == []


def test_search_field_leads_to_the_results(browser, site):
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}{PAGES[0]}.html")
    page.locator(".bd-sidebar-primary .search-button-field").click()
    page.locator("dialog input[name=q]").fill("projection")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    context.close()


def test_copy_button_copies_the_cell(browser, site):
    context = site_browser.new_context(browser)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = site_browser.open_page(context, f"{site}notebooks/introduction/teaser.html")
    page.locator("div.cell_input button.copybtn").first.click(force=True)
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text.includes('import pbdl_helpers'))")
    context.close()


def test_theme_button_switches(browser, site):
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}{PAGES[0]}.html")
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        if page.evaluate("() => document.documentElement.dataset.theme") == "dark":
            break
    else:
        pytest.fail("the theme stays light")
    context.close()


def test_unknown_address_shows_the_404_page(browser, site):
    problems = []
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}some/where/else.html", listen(problems))
    assert page.locator("article h1").inner_text() == "This page does not exist"
    page.locator("article a").first.click()
    assert page.locator("article h1").first.inner_text().startswith("Physics-based Deep Learning")
    context.close()
    # Chromium itself reports the 404 of the address asked for; nothing else may be missing
    assert [p for p in problems if "else.html" not in p and "status of 404" not in p] == []
