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
from urllib.parse import urlsplit

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
    """Serves the site under its prefix and answers what is missing with 404.html, as GitHub Pages does."""

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix(prefix()))

    def send_error(self, code, message=None, explain=None):
        body = (HTML / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def prefix() -> str:
    """Returns the folder of the published site, such as ``/pbdl-book/``."""
    return urlsplit(yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]).path


@contextlib.contextmanager
def serve():
    """Serves the built site on a free local port and yields its URL."""
    handler = functools.partial(Handler, directory=HTML)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix()}"
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
