"""Writes the repository's URL into every file that names it: `python -m tools.url https://github.com/OWNER/NAME`.

`python -m tools.url --check URL` writes nothing and fails where the files name another repository.
"""

import json
import re
import sys
from pathlib import Path

import nbformat

from tools import ROOT, notebooks, pages
from tools.files import write_all

FILES = (
    "_config.yml",
    "CITATION.cff",
    "README.md",
    "pbdl_helpers/registry.json",
    ".github/ISSUE_TEMPLATE/config.yml",
)


def files() -> list[Path]:
    """Returns the files in which the repository's URL stands."""
    return [ROOT / name for name in FILES] + [notebooks.TEMPLATE, *notebooks.find()]


def replace(text, old, new) -> str:
    """Returns a text with the addresses of a repository, its raw files and its site changed to another's."""
    owner_and_name = [url.removeprefix("https://github.com/") for url in (old, new)]
    text = text.replace(pages.site_url(old), pages.site_url(new))
    for host in ("https://github.com/", "https://raw.githubusercontent.com/"):
        text = re.sub(re.escape(host + owner_and_name[0]) + r"(?![\w.-]*[\w-])", host + owner_and_name[1], text)
    return text


def addresses() -> set[str]:
    """Returns the repositories that the files name now; one more than one, if somebody edited ``_config.yml`` alone."""
    registry = json.loads((ROOT / "pbdl_helpers" / "registry.json").read_text(encoding="utf-8"))
    owner_and_name = registry["url"].removeprefix("https://raw.githubusercontent.com/").split("/")[:2]
    return {pages.repository_url(), "https://github.com/" + "/".join(owner_and_name)}


def changed(path, olds, new) -> str:
    """Returns a file's new text. In a notebook only the sources of cells change: outputs are what a run printed."""
    if path.suffix != ".ipynb":
        text = path.read_text(encoding="utf-8")
        for old in olds:
            text = replace(text, old, new)
        return text
    notebook = notebooks.read(path)
    for cell in notebook.cells:
        for old in olds:
            cell.source = replace(cell.source, old, new)
    return nbformat.writes(notebook) + "\n"


def main(url) -> int:
    url = url.removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w-]+/[\w.-]+", url):
        print(f"Not a GitHub repository: {url}. It looks like https://github.com/OWNER/NAME.", file=sys.stderr)
        return 2
    olds = addresses() - {url}
    texts = {path: changed(path, olds, url) for path in files()}
    others = [
        path.relative_to(ROOT).as_posix()
        for path, text in texts.items()
        if url.removeprefix("https://") not in text.replace("raw.githubusercontent", "github")
        and pages.site_url(url) not in text
    ]
    if others:
        print(
            f"{', '.join(others)}: neither {' nor '.join(sorted(olds | {url}))} stands there, so nothing was changed. "
            "Write one of them there, or restore the file with `git checkout`.",
            file=sys.stderr,
        )
        return 1
    if olds:
        write_all(texts)
    for path in texts if olds else ():
        print(f"{path.relative_to(ROOT)}: {url}")
    return 0


def check(url) -> int:
    if url == pages.repository_url():
        return 0
    print(f"The book names {pages.repository_url()}, but this is {url}. Run: make url URL={url}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--check":
        sys.exit(check(arguments[1]))
    sys.exit(main(arguments[0]) if len(arguments) == 1 else __doc__)
