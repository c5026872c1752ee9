"""Saves screenshots of built pages, three widths, light and dark, in _build/shots: `python -m tools.shots [PAGE …]`."""

import sys

from tools import browser as site
from tools import pages
from tools.server import serve


def main(names) -> int:
    known = pages.pages()
    unknown = [name for name in names if name not in known]
    if unknown or not pages.is_built():
        print(f"No such page: {unknown}; known: {known}" if unknown else "Build the site first: make book.")
        return 2
    folder = pages.HTML.parent / "shots"
    folder.mkdir(exist_ok=True)
    with serve(pages.HTML, pages.prefix()) as url, site.browser() as browser:
        for theme in site.THEMES:
            for width in site.WIDTHS:
                context = site.new_context(browser, theme, width)
                for name in names or known:
                    page = site.open_page(context, f"{url}{name}.html")
                    path = folder / f"{name.replace('/', '-')}-{width}-{theme}.png"
                    page.screenshot(path=path, full_page=True)
                    print(path)
                    page.close()
                context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
