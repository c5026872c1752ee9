"""The built site in headless Chromium."""

import contextlib
import os
import shutil

from playwright.sync_api import sync_playwright

WIDTHS = (390, 820, 1280, 1440)
THEMES = ("light", "dark")
# Without the second flag Chromium looks for its vendor's hosts at every start.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def chromium() -> str | None:
    """Returns the browser's path: ``$CHROMIUM``, the first one found, or the one that Playwright installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if os.path.isfile(own) else None


@contextlib.contextmanager
def browser():
    """Yields headless Chromium."""
    path = chromium()  # may ask Playwright, which can't be asked twice at once
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield instance
        finally:
            instance.close()


def new_context(instance, theme="light", width=1440):
    """Returns a browser context in a theme and width."""
    context = instance.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    context.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    return context


def open_page(context, url, on_new=None):
    """Returns a page that has loaded and whose formulas are drawn.

    Args:
        on_new: called with the page before it loads, to listen to its events.
    """
    page = context.new_page()
    if on_new:
        on_new(page)
    page.goto(url, wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => document.fonts.ready")
    page.evaluate("() => Promise.all([...document.images].map(image => image.decode().catch(() => null)))")
    return page
