"""The built site in one Chromium a worker. In CI a missing browser fails; on a laptop its tests are skipped."""

import os
import shutil

import pytest

from tools import browser as site_browser
from tools import node, pages
from tools.server import serve


@pytest.fixture(scope="session")
def html():
    if not pages.is_built():
        pytest.fail("The site is not built; run `make book` first.")
    return pages.HTML


@pytest.fixture(scope="session")
def browser(html):
    missing = [name for name, path in (("chromium", site_browser.chromium()), ("npm", shutil.which("npm"))) if not path]
    if missing:
        message = f"Not found: {', '.join(missing)}. Install them (Debian: apt-get install {' '.join(missing)})."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    node.modules()  # raises before the first test if `make node` is missing
    with site_browser.browser() as instance:
        yield instance


@pytest.fixture(scope="session")
def site(html):
    with serve(html, pages.prefix()) as url:
        yield url
