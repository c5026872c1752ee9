"""Sphinx extension of the book: the page of claims, and mends of the theme's accessibility."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import notebooks  # noqa: E402
from pbdl_helpers.claims import claims_table  # noqa: E402

# Set here because `html_theme_options` in _config.yml would drop all that Jupyter Book sets itself.
THEME_OPTIONS = {
    "navigation_with_keys": False,
    "navbar_persistent": [],  # the sidebar and the article's header have a search button each
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

MENDED = (
    'role="doc-biblioentry"',
    'id="exercise-content"',
    'id="solution-content"',
    'aria-label="Toggle hidden content"',
)


class ClaimsTable(SphinxDirective):
    """``{claims-table}``: one section a notebook, with the claims stored in its outputs."""

    def run(self):
        sections = []
        total, refuted = 0, 0
        for path in notebooks.find():
            notebook = notebooks.read(path)
            docname = path.relative_to(ROOT).with_suffix("").as_posix()
            if docname not in self.env.all_docs and docname not in self.env.found_docs:
                continue
            self.env.note_dependency(str(path))
            rows = [row for record in notebooks.claims(notebook) for row in record["claims"]]
            total += len(rows)
            refuted += sum(row["verdict"] == "refuted" for row in rows)
            title = next(c.source for c in notebook.cells if c.cell_type == "markdown").splitlines()[0].lstrip("# ")
            section = nodes.section(ids=["claims-" + path.stem.replace("_", "-")])
            section += nodes.title(text=title)
            parsed, _ = self.parse_inline(f"Notebook: {{doc}}`/{docname}`", lineno=self.lineno)
            section += nodes.paragraph("", "", *parsed)
            section += nodes.raw(
                "", f'<div class="claims-scroll" tabindex="0">{claims_table(rows)}</div>', format="html"
            )
            sections.append(section)
        summary = f"{total} claims in {len(sections)} notebooks: {total - refuted} hold, {refuted} are refuted."
        return [nodes.paragraph(text=summary), *sections]


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
    context["body"] = body
    # live cells are not offered, and their set-up script comes twice, which is an error in every browser
    context["script_files"] = [s for s in context["script_files"] if "thebe" not in f"{s} {s.attributes}".lower()]
    context["pagetitle"] = context.get("pagetitle") or context.get("title") or app.config.project


def set_theme_options(app, config):
    config.html_theme_options.update(THEME_OPTIONS)


def setup(app):
    app.connect("config-inited", set_theme_options)
    app.add_directive("claims-table", ClaimsTable)
    app.connect("html-page-context", mend_page, priority=900)  # after the theme
    app.add_css_file("pbdl.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
