"""Sphinx extension of the book: its address, page of claims, citations, search, videos, and mends of the theme."""

import base64
import hashlib
import re
import shutil
from html import escape
from pathlib import Path

import imagesize
import pybtex.plugin
from docutils import nodes
from pybtex.style.formatting.unsrt import Style as UnsortedStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx import search
from sphinx.util.docutils import SphinxDirective

from pbdl_helpers import narrow
from pbdl_helpers.claims import claims_table
from tools import ROOT, node, notebooks, pages

# Set here because `html_theme_options` in _config.yml would drop all that Jupyter Book sets itself.
THEME_OPTIONS = {
    "navigation_with_keys": False,
    "navbar_persistent": [],  # the sidebar and the article's header have a search button each
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# The parts of MathJax that _config.yml asks for and what they load: without its menu, 0.8 instead of 1.3 MB.
MATHJAX = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "input/tex",
    "output/chtml.js",
    "output/chtml",
    "a11y/assistive-mml.js",
)
WIDE = 900  # pixels; a picture wider than this scrolls on phones instead of shrinking until nobody can read it

# A caption with these words needs to be told where the panels are on a phone, one below the other.
SIDES = re.compile(r"\b(left|right|middle|row|column)\b", re.IGNORECASE)

MENDED = (
    'role="doc-biblioentry"',
    'id="exercise-content"',
    'id="solution-content"',
    'aria-label="Toggle hidden content"',
)


class ClaimsTable(SphinxDirective):
    """``{claims-table}``: an overview of all chapters, what is refuted, then a section a part with all claims."""

    def run(self):
        overview, sections, self.refuted = [], [], []
        for caption, names in pages.parts():
            chapters = [name for name in names if name.startswith("notebooks/") and name in self.env.found_docs]
            tables = [self.chapter(name) for name in chapters]
            if not tables:
                continue
            overview += [row for row, _ in tables]
            section = nodes.section(ids=["claims-" + nodes.make_id(caption)])
            section += nodes.title(text=caption)
            section += [part for _, part in tables]
            sections.append(section)
        return [self.overview(overview), self.refutations(), *sections]

    def refutations(self):
        """Returns a section with the claims of the source text that did not hold, by chapter."""
        section = nodes.section(ids=["claims-refuted"])
        section += nodes.title(text="What did not hold")
        for name, rows in self.refuted:
            section += self.parsed(f"{{doc}}`/{name}`")
            section += nodes.raw(
                "", f'<div class="claims-scroll" tabindex="0">{claims_table(rows)}</div>', format="html"
            )
        return section

    def chapter(self, name):
        """Returns title, claims that hold and claims that are refuted, and the chapter's section."""
        path = ROOT / f"{name}.ipynb"
        self.env.note_dependency(str(path))
        notebook = notebooks.read(path)
        rows = [row for record in notebooks.claims(notebook) for row in record["claims"]]
        contradicted = [row for row in rows if row["verdict"] == "refuted"]
        refuted = len(contradicted)
        if refuted:
            self.refuted.append((name, contradicted))
        title = notebooks.title(notebook)
        section = nodes.section(ids=[f"claims-{path.stem.replace('_', '-')}"])
        section += nodes.title(text=title)
        section += self.parsed(f"Notebook: {{doc}}`/{name}`")
        table = f'<div class="claims-scroll" tabindex="0">{claims_table(rows)}</div>'
        section += nodes.raw("", table, format="html")
        return (title, section["ids"][0], len(rows) - refuted, refuted), section

    def parsed(self, text):
        inline, _ = self.parse_inline(text, lineno=self.lineno)
        return nodes.paragraph("", "", *inline)

    def overview(self, rows):
        total = ("All chapters", None, sum(row[2] for row in rows), sum(row[3] for row in rows))
        head, body = nodes.thead(), nodes.tbody()
        group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in range(3)], head, body, cols=3)
        for cells in (("Chapter", None, "hold", "refuted"), *rows, total):
            title, anchor, hold, refuted = cells
            label = nodes.reference("", title, refid=anchor) if anchor else nodes.Text(title)
            row = nodes.row("", nodes.entry("", nodes.paragraph("", "", label)))
            row += [nodes.entry("", nodes.paragraph(text=str(number))) for number in (hold, refuted)]
            (head if cells[0] == "Chapter" else body).append(row)
        return nodes.table("", group, classes=["claims-overview"])


class ProseCollector(search.WordCollector):
    """Puts words of the prose into the search index, none of code: each page would be found for ``import``."""

    def dispatch_visit(self, node):
        if isinstance(node, nodes.literal_block | nodes.math | nodes.math_block):
            raise nodes.SkipNode
        super().dispatch_visit(node)


class AuthorYear(BaseLabelStyle):
    """Labels in lists of references that read like the citations in the text, such as "Lipman et al., 2023"."""

    def format_labels(self, entries):
        for entry in entries:
            names = [" ".join(person.last_names) for person in entry.persons["author"]]
            people = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
            yield f"{people}, {entry.fields['year']}"


class AuthorYearStyle(UnsortedStyle):
    default_label_style = AuthorYear


def let_wide_pictures_scroll(app, body):
    """Marks pictures that are too wide for a phone; the style sheet then lets them scroll at a readable size."""
    sources = {name: app.srcdir / path for path, name in app.builder.images.items()}

    def mark(match):
        source = sources.get(match["name"])
        if source is None or imagesize.get(source)[0] <= WIDE:
            return match[0]
        return f'<figure class="wide" tabindex="0"{match["attributes"]}>{match["between"]}<img{match["image"]}'

    figure = r'<figure class="[^"]*"(?P<attributes>[^>]*)>(?P<between>\s*)<img(?P<image>[^>]*_images/(?P<name>[^"]+)")'
    return re.sub(figure, mark, body)


def pictures_for_phones(app, pagename, body, pathto):
    """Offers phones the narrow version of a figure, where a notebook's output has one beside the wide one."""
    path = ROOT / f"{pagename}.ipynb"
    if not path.exists():
        return body
    for cell in notebooks.code_cells(notebooks.read(path)):
        for data in (output.get("data", {}) for output in cell.outputs):
            if narrow.MIME in data and "image/png" in data:
                name = hashlib.sha256(base64.b64decode(data["image/png"])).hexdigest()  # as myst-nb names it
                file = Path(app.outdir) / "_images" / f"{name}.webp"
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(base64.b64decode(data[narrow.MIME]))
                source = f'<source media="(max-width: 640px)" srcset="{pathto(f"_images/{name}.webp", 1)}">'
                figure = rf'(<figure [^>]*>\s*(?:<a [^>]*>)?)(<img [^>]*_images/{name}\.png"[^>]*>)(.*?</figure>)'

                def offer(match, source=source):
                    start, image, rest = match.groups()
                    kind = ' class="stacked"' if SIDES.search(rest) else ""
                    return f"{start}<picture{kind}>{source}{image}</picture>{rest}"

                body = re.sub(figure, offer, body, flags=re.DOTALL)
    return body


def how_to_cite(pagename) -> str:
    """Returns a folded BibTeX entry for a chapter."""
    chapters = [name for _, names in pages.parts() for name in names if not name.startswith("book/appendix")]
    if pagename not in chapters:
        return ""
    path = ROOT / f"{pagename}.ipynb"
    source = notebooks.title(notebooks.read(path)) if path.exists() else first_heading(path.with_suffix(".md"))
    config = pages.config()
    entry = "\n".join(
        [
            f"@incollection{{pbdlbook-{pagename.rpartition('/')[2]},",
            f"  title     = {{{source}}},",
            f"  author    = {{{config['author']}}},",
            f"  booktitle = {{{config['title']}: an executable edition}},",
            f"  year      = {{{config['copyright']}}},",
            f"  url       = {{{pages.site_url(pages.repository_url())}{pagename}.html}}",
            "}",
        ]
    )
    return f'<details class="cite"><summary>Cite this chapter</summary><pre>{escape(entry)}</pre></details>'


def first_heading(path) -> str:
    return next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))[2:]


def name_bars(body) -> str:
    """Says on the bar of a folded cell what is in it."""
    kinds = {"import pbdl_helpers": "set-up", "with Claims(": "how the claims are measured", "setup(": "set-up"}
    figure = r"plotting|plt\.|subplots|\.savefig"

    def name(match):
        code = re.sub(r"<[^>]+>", "", match["code"])
        kind = next((kind for part, kind in kinds.items() if part in code), None)
        kind = kind or ("code of the figure" if re.search(figure, code) else "code")
        return match["start"].replace("code cell source", kind) + match["code"]

    bar = r"(?P<start><details class=\"[^\"]*hide above-input\">.*?</summary>)(?P<code>.*?</details>)"
    return re.sub(bar, name, body, flags=re.S)


def videos_as_files(app, body, pathto):
    """Writes videos and their stills, which notebooks hold as base64 text, as files that load when they are wanted."""
    folder = Path(app.outdir) / "_static" / "videos"

    def store(match):
        data = base64.b64decode(match["data"])
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.{match['kind']}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        return f'{match["attribute"]}="{pathto(f"_static/videos/{name}", 1)}"'

    def mend(match):
        video = match[0].replace('preload="metadata"', 'preload="none"')
        data = r'(?P<attribute>poster|src)="data:(?:image|video)/(?P<kind>\w+);base64,(?P<data>[^"]*)"'
        return f'<div class="video">{re.sub(data, store, video)}</div>'

    return re.sub(r"<video\b.*?</video>", mend, body, flags=re.S)


def mend_page(app, pagename, templatename, context, doctree):
    """Mends what the theme and the extensions write wrong.

    Lists of references lose their roles, since these nest invalidly and doc-biblioentry is deprecated; exercises
    and solutions lose ids that they all share, folded cells a label that contradicts what they show; pages without
    a document get a title for their print header.
    """
    body = context.get("body", "")
    body = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    for attribute in MENDED:
        body = body.replace(f" {attribute}", "")
    body = videos_as_files(app, name_bars(body), context["pathto"])
    body = pictures_for_phones(app, pagename, let_wide_pictures_scroll(app, body), context["pathto"])
    context["body"] = body + how_to_cite(pagename)
    # live cells are not offered, and their set-up script comes twice, which is an error in every browser
    context["script_files"] = [s for s in context["script_files"] if "thebe" not in f"{s} {s.attributes}".lower()]
    context["pagetitle"] = context.get("pagetitle") or context.get("title") or app.config.project


def set_theme_options(app, config):
    config.html_theme_options.update(THEME_OPTIONS)


def set_mathjax(app, config):
    """Serves MathJax from the site itself, from the copy that `make node` installed; without it, from MathJax's CDN."""
    try:
        mathjax = node.modules() / "mathjax" / "es5"
    except FileNotFoundError:
        return
    folder = ROOT / "_build" / "mathjax"
    shutil.rmtree(folder, ignore_errors=True)
    for name in MATHJAX:
        target = folder / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".js"):
            shutil.copy(mathjax / name, target)
        else:
            shutil.copytree(mathjax / name, target)
    config.html_static_path = [*config.html_static_path, str(folder)]
    config.mathjax_path = "mathjax/startup.js"


def set_address(app, config):
    """Derives every address of the published site from the repository's URL in ``_config.yml``."""
    site = pages.site_url(pages.repository_url())
    config.html_baseurl = config.ogp_site_url = site
    config.ogp_image = f"{site}_static/social.png"
    config.notfound_urls_prefix = pages.prefix()
    body = config.notfound_context["body"].replace("FIRST_PAGE", f"{pages.prefix()}book/index.html")
    config.notfound_context = {**config.notfound_context, "body": body}


def setup(app):
    app.connect("config-inited", set_theme_options)
    app.connect("config-inited", set_mathjax)
    app.connect("config-inited", set_address, priority=1)  # before the extensions that read them
    app.add_directive("claims-table", ClaimsTable)
    pybtex.plugin.register_plugin("pybtex.style.formatting", "author_year", AuthorYearStyle)
    search.WordCollector = ProseCollector
    app.connect("html-page-context", mend_page, priority=900)  # after the theme
    app.add_css_file("pbdl.css")
    app.add_js_file("search.js")
    app.add_js_file("video.js")
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
