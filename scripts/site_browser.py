"""The built site in a browser: where the pages are, a local server, Chromium, and MathJax without its CDN."""

import contextlib
import functools
import http.server
import mimetypes
import os
import shutil
import subprocess
import threading
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
NODE = ROOT / "_build" / "node"
MATHJAX = "https://cdn.jsdelivr.net/npm/mathjax@3/"
WIDTHS = (390, 820, 1440)
THEMES = ("light", "dark")
# Without the second flag Chromium looks for its vendor's hosts at every start.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pages() -> list[str]:
    """Returns the pages that ``_toc.yml`` names, as paths without suffix, the root first."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def chromium() -> str | None:
    """Returns the browser's path: ``$CHROMIUM``, or the first one found."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def node_modules() -> Path:
    """Installs MathJax and axe-core from npm, once, and returns their folder."""
    manifest = (ROOT / "tests" / "browser" / "package.json").read_text()
    installed = NODE / "package.json"
    if not (NODE / "node_modules").is_dir() or installed.read_text() != manifest:
        NODE.mkdir(parents=True, exist_ok=True)
        installed.write_text(manifest)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=NODE, check=True)
    return NODE / "node_modules"


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(folder=HTML):
    """Serves a folder on a free local port and yields its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


@contextlib.contextmanager
def browser():
    """Yields headless Chromium."""
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield instance
        finally:
            instance.close()


def new_context(instance, theme="light", width=1440):
    """Returns a browser context in a theme and width, in which MathJax comes from the local copy."""
    context = instance.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    context.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    mathjax = node_modules() / "mathjax"

    def answer(route):
        path = mathjax / route.request.url.removeprefix(MATHJAX).split("?")[0]
        route.fulfill(body=path.read_bytes(), content_type=mimetypes.guess_type(path)[0] or "text/plain")

    context.route(MATHJAX + "**", answer)
    return context


def open_page(context, url):
    """Returns a page that has loaded and whose formulas are drawn."""
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.wait_for_load_state("networkidle")
    page.evaluate("() => window.MathJax?.startup?.promise")
    return page
