"""The built site as its readers meet it, in headless Chromium."""

import sys
from urllib.parse import quote

import pytest

from tools import browser as site_browser
from tools import node, pages

PAGES = pages.pages()
FRAME = ("serious", "critical")  # the article must have no violation at all, the theme's frame none of these

AXE = """async rules => {
  const only = rules && {type: 'rule', values: rules};
  const found = await axe.run(document, {resultTypes: ['violations'], ...(only && {runOnly: only})});
  const inside = node => node.target.some(t => document.querySelector([].concat(t)[0])?.closest('article.bd-article'));
  return found.violations.flatMap(v => v.nodes.map(n => [v.id, v.impact, inside(n), n.html.slice(0, 120)]));
}"""

# Descendants of something that scrolls may be wider than the page.
OVERFLOW = """() => document.documentElement.scrollWidth > window.innerWidth + 1
  ? [...document.querySelectorAll('article *')]
      .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1).slice(0, 3)
      .map(e => e.outerHTML.slice(0, 80)).concat('the page scrolls sideways')
  : []"""


def listen(problems, home=None):
    """Returns a function that makes a page report console errors, exceptions, failed requests, and those elsewhere."""

    def attach(page):
        if home:
            page.on(
                "request",
                lambda r: not r.url.startswith((home, "data:", "blob:")) and problems.append(f"elsewhere: {r.url}"),
            )
        page.on("console", lambda m: m.type in ("error", "warning") and problems.append(f"console: {m.text}"))
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        # a page that is left before its icon has come cancels the request: no fault of the site
        page.on(
            "requestfailed",
            lambda r: r.failure != "net::ERR_ABORTED" and problems.append(f"request failed: {r.failure} {r.url}"),
        )
        page.on("response", lambda r: r.status >= 400 and problems.append(f"{r.status}: {r.url}"))

    return attach


def axe_violations(page, rules=None):
    """Violations of all rules of axe, or of ``rules`` alone."""
    page.add_script_tag(path=node.modules() / "axe-core" / "axe.min.js")
    return [
        f"axe {rule} ({impact}) in the {'article' if inside else 'frame'}: {html}"
        for rule, impact, inside, html in page.evaluate(AXE, rules)
        if inside or impact in FRAME
    ]


CUT = """selector => [...document.querySelectorAll(selector)]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.textContent.trim().slice(0, 60))"""


# What sticks out to the left of a box that scrolls cannot be reached.
HIDDEN = """() => [...document.querySelectorAll('article div.math mjx-math')]
  .filter(e => e.getBoundingClientRect().left < e.closest('div.math').getBoundingClientRect().left - 1)
  .map(e => 'the left of a formula cannot be reached: ' + e.textContent.trim().slice(0, 40))"""


def cut_problems(page):
    """Formulas and lines of code that are wider than their place."""
    formulas = page.evaluate(CUT, "article div.math, article div.math > mjx-container")
    code = page.evaluate(CUT, "article div.cell_input pre")
    return [f"formula is cut: {text}" for text in formulas] + [f"code is cut: {text}" for text in code]


def width_problems(page):
    """What is cut or sticks out at each width."""
    problems = []
    for width in site_browser.WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(OVERFLOW) + (cut_problems(page) if width >= 1280 else page.evaluate(HIDDEN))
        problems += [f"{width} px: {problem}" for problem in found]
    return problems


# Open code takes at most a quarter of a page. The notebooks that take more; the list only shrinks.
MUCH_CODE = {"fluid_control"}
CODE = """() => {
  const heights = selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility())
    .reduce((sum, e) => sum + e.getBoundingClientRect().height, 0);
  return heights('article div.cell_input') / heights('article.bd-article');
}"""


def code_problems(page, name):
    """A page on the list that has become readable leaves it."""
    share = page.evaluate(CODE)
    if (name.rpartition("/")[2] in MUCH_CODE) == (share > 0.25):
        return []
    return [f"{share:.0%} of the page is open code: more than a quarter, or no longer so and still on the list"]


WEIGHT = 1.5e6  # bytes of a page, uncompressed, beside what all pages share in _static


def weigh(responses):
    """Returns a function that makes a page collect the files that it alone needs."""
    return lambda page: page.on("response", lambda r: "/_static/" in r.url or responses.append(r))


def weight_problems(responses):
    weight = sum(len(response.body()) for response in responses if response.ok)
    return [f"{weight / 1e6:.1f} MB of files"] if weight > WEIGHT else []


def picture_problems(page):
    return page.evaluate("""() => [...document.images].flatMap(image =>
      (image.alt ? [] : ['no alt text: ' + image.src.slice(0, 100)]).concat(
       image.complete && image.naturalWidth ? [] : ['not loaded: ' + image.src.slice(0, 100)]))""")


def formula_problems(page):
    formulas = page.locator("article .math").count()
    drawn = page.locator("article mjx-container").count()
    problems = [f"formula with an error: {e}" for e in page.locator("mjx-merror").all_inner_texts()]
    return problems + ([f"only {drawn} formulas of {formulas} are drawn"] if drawn < formulas else [])


@pytest.mark.parametrize("name", PAGES)
def test_page(browser, site, name):
    problems, responses = [], []
    context = site_browser.new_context(browser, "light")

    def attach(page):
        listen(problems, site)(page)
        weigh(responses)(page)

    page = site_browser.open_page(context, f"{site}{name}.html", attach)
    assert page.evaluate("() => document.documentElement.dataset.theme") == "light"
    problems += formula_problems(page) + picture_problems(page) + weight_problems(responses)
    problems += width_problems(page) + axe_violations(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    problems += code_problems(page, name)
    context.close()
    assert problems == []


@pytest.mark.parametrize("name", PAGES)
def test_page_in_the_dark(browser, site, name):
    """What the theme may change: colours, what the page loads, widths. The rest is the same page."""
    problems = []
    context = site_browser.new_context(browser, "dark")
    page = site_browser.open_page(context, f"{site}{name}.html", listen(problems))
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    problems += width_problems(page) + axe_violations(page, ["color-contrast"])
    context.close()
    assert problems == []


BROKEN_PAGE = """<!doctype html><html lang="en"><head><title>t</title></head><body><main><h1>T</h1>
<article class="bd-article"><div style="width: 3000px">wide</div><img src="none.png">
<div class="cell_input" style="height: 900px"></div>
<p style="color: #999">pale</p><span class="math">x</span></article></main>
<script>console.error("oops"); undefinedFunction()</script></body></html>"""


def test_broken_page_is_reported(browser, site, monkeypatch):
    """Each of the checks of ``test_page`` can fail."""
    problems, responses = [], []
    monkeypatch.setattr(sys.modules[__name__], "WEIGHT", 100)
    context = site_browser.new_context(browser)
    context.route("**/broken.html", lambda route: route.fulfill(body=BROKEN_PAGE, content_type="text/html"))

    def attach(page):
        listen(problems)(page)
        weigh(responses)(page)

    page = site_browser.open_page(context, site + "broken.html", attach)
    problems += formula_problems(page) + picture_problems(page) + weight_problems(responses)
    problems += width_problems(page) + axe_violations(page) + code_problems(page, "broken")
    context.close()
    text = "\n".join(problems)
    for part in ("console: oops", "exception: undefinedFunction", "404: ", "only 0 formulas of 1", "no alt text",
                 "not loaded", "sideways", "is open code", "MB of files",
                 "axe color-contrast (serious) in the article", "axe image-alt"):  # fmt: skip
        assert part in text


def test_search_finds_a_page(browser, site):
    problems = []
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}search.html?q=Courant", listen(problems))
    page.wait_for_selector("#search-results li a")
    assert any("navier_stokes_forward" in a.get_attribute("href") for a in page.locator("#search-results li a").all())
    page.goto(f"{site}search.html?q=divergence")
    page.wait_for_selector("#search-results p.context")
    assert "\\" not in " ".join(page.locator("#search-results p.context").all_inner_texts())  # no raw LaTeX
    page.goto(f"{site}search.html?q=zzzzqqqq")
    page.get_by_text("did not match any documents").wait_for()
    context.close()
    assert problems == []


# what people type → a page that must be among the first three
QUERIES = {
    "PINN": "physical_losses/burgers_pinn",
    "physics-informed neural network": "physical_losses/burgers_pinn",
    "ELBO": "probabilistic/ddpm",
    "evidence lower bound": "probabilistic/ddpm",
    "diffusion model": "probabilistic/ddpm",
    "DDPM": "probabilistic/ddpm",
    "Wasserstein": "probabilistic/ddpm",
    "CFL": "introduction/navier_stokes_forward",
    "Courant number": "introduction/navier_stokes_forward",
    "U-Net": "surrogates/airfoils",
    "overfitting": "surrogates/airfoils",
    "FNO": "surrogates/architectures",
    "neural operator": "surrogates/architectures",
    "receptive field": "surrogates/architecture_choice",
    "surrogate": "surrogates/supervised_training",
    "adjoint": "differentiable_physics/differentiable_operators",
    "checkpointing": "differentiable_physics/differentiable_operators",
    "solver in the loop": "differentiable_physics/solver_in_the_loop",
    "Reynolds number": "differentiable_physics/solver_in_the_loop",
    "vanishing gradient": "differentiable_physics/unrolling",
    "flow control": "differentiable_physics/fluid_control",
    "posterior": "probabilistic/posteriors",
    "normalizing flow": "probabilistic/normalizing_flows",
    "Langevin": "probabilistic/score_matching",
    "flow matching": "probabilistic/flow_matching",
    "Fokker–Planck": "probabilistic/smdp",
    "Wiener filter": "probabilistic/smdp_heat",
    "Gauss–Newton": "improved_gradients/optimizer_comparison",
    "half-inverse gradients": "improved_gradients/half_inverse_gradients",
    "Cole–Hopf": "introduction/burgers_forward",
    "which method should I use": "appendix/which_method",
    "how to install": "book/index",
    "run locally": "book/index",
    "colab": "book/index",
    "download data": "appendix/data",
}


def test_search_finds_the_page_that_explains_a_word(browser, site):
    context = site_browser.new_context(browser)
    page = site_browser.open_page(context, f"{site}search.html")
    problems = []
    for query, wanted in QUERIES.items():
        page.goto(f"{site}search.html?q={quote(query)}")
        page.wait_for_function("() => /found|did not match/.test(document.querySelector('#search-results').innerText)")
        links = [a.get_attribute("href") for a in page.locator("#search-results li > a").all()[:3]]
        if not any(wanted in link for link in links):
            problems.append(f"{query}: {links}")
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
