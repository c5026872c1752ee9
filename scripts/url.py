"""Writes the repository's URL into every file that names it: `url.py https://github.com/OWNER/NAME`.

`url.py --check URL` writes nothing and fails where the files name another repository.
"""

import re
import sys

import nbformat

import checks
import notebooks


def keep_hash(path, text):
    """Writes a notebook with another bootstrap URL; outputs that belonged to its code still do."""
    notebook, changed = notebooks.read(path), nbformat.reads(text, as_version=4)
    if notebook.metadata.get("pbdl", {}).get("source_sha256") == notebooks.source_hash(notebook):
        changed.metadata.pbdl.source_sha256 = notebooks.source_hash(changed)
    notebooks.write(changed, path)


def main(url) -> int:
    url = url.removesuffix("/").removesuffix(".git")
    match = re.fullmatch(r"https://github\.com/([\w-]+)/([\w.-]+)", url)
    if not match:
        print(f"Not a GitHub repository: {url}. It looks like https://github.com/OWNER/NAME.", file=sys.stderr)
        return 2
    old_owner, old_name = checks.book_url().removeprefix("https://github.com/").split("/")
    owner, name = match.groups()
    for path in checks.url_files():
        old = path.read_text()
        new = old.replace(f"{old_owner}/{old_name}", f"{owner}/{name}")
        new = new.replace(f"{old_owner}.github.io/{old_name}", f"{owner}.github.io/{name}")
        new = new.replace(f"notfound_urls_prefix: /{old_name}/", f"notfound_urls_prefix: /{name}/")
        new = new.replace(f'href="/{old_name}/', f'href="/{name}/')
        if new == old:
            continue
        if path.suffix == ".ipynb":
            keep_hash(path, new)
        else:
            path.write_text(new)
        print(f"{path.relative_to(checks.ROOT)}: {url}")
    return 0


def check(url) -> int:
    if url == checks.book_url():
        return 0
    print(f"The book names {checks.book_url()}, but this is {url}. Run: make url URL={url}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--check":
        sys.exit(check(arguments[1]))
    sys.exit(main(arguments[0]) if len(arguments) == 1 else __doc__)
