"""The built site in one Chromium a worker. In CI a missing browser fails; on a laptop its tests are skipped."""

import os
import shutil

import pytest

import site_browser


@pytest.fixture(scope="session")
def html():
    if not (site_browser.HTML / "index.html").is_file():
        pytest.fail("The site is not built; run `make book` first.")
    return site_browser.HTML


@pytest.fixture(scope="session")
def browser(html):
    missing = [name for name, path in (("chromium", site_browser.chromium()), ("npm", shutil.which("npm"))) if not path]
    if missing:
        message = f"Not found: {', '.join(missing)}. Install them (Debian: apt-get install {' '.join(missing)})."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with site_browser.browser() as instance:
        yield instance


@pytest.fixture(scope="session")
def site(html):
    with site_browser.serve() as url:
        yield url
