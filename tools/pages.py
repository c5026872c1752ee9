"""Where the pages are and where they are published, as `_toc.yml` and `_config.yml` say."""

from urllib.parse import urlsplit

import yaml

from pbdl_helpers import __version__
from tools import ROOT

HTML = ROOT / "_build" / "html"
WHEEL = f"pbdl_helpers-{__version__}-py3-none-any.whl"  # which `make book` puts beside the pages


def toc() -> dict:
    return yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def config() -> dict:
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def parts() -> list[tuple[str, list[str]]]:
    """Returns caption and pages of each part, in the book's order."""
    return [(part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in toc()["parts"]]


def pages() -> list[str]:
    """Returns all pages, as paths without suffix, the root first."""
    return [toc()["root"], *(page for _, names in parts() for page in names)]


def repository_url() -> str:
    """Returns ``https://github.com/OWNER/NAME``."""
    return config()["repository"]["url"]


def site_url(repository: str) -> str:
    """Returns where GitHub Pages publishes a repository; one named ``OWNER.github.io`` has the root of its host.

    Example:
        >>> site_url("https://github.com/someone/pbdl-book")
        'https://someone.github.io/pbdl-book/'
        >>> site_url("https://github.com/Someone/someone.github.io")
        'https://someone.github.io/'
    """
    owner, name = repository.removeprefix("https://github.com/").split("/")
    if name.lower() == f"{owner}.github.io".lower():
        return f"https://{name.lower()}/"
    return f"https://{owner}.github.io/{name}/"


def wheel_url(repository: str) -> str:
    """Returns where a release publishes the helper package, under its version: what a notebook installs never changes.

    Example:
        >>> wheel_url("https://github.com/someone/book").replace(__version__, "VERSION")
        'https://github.com/someone/book/releases/download/vVERSION/pbdl_helpers-VERSION-py3-none-any.whl'
    """
    return f"{repository}/releases/download/v{__version__}/{WHEEL}"


def prefix() -> str:
    """Returns the folder of the published site, such as ``/pbdl-book/``."""
    return urlsplit(site_url(repository_url())).path


def is_built() -> bool:
    """Tells whether `make book` ended well."""
    return (HTML / ".complete").is_file()
