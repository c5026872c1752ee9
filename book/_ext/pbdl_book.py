"""Sphinx extension of the book: the page of claims, and mends of the theme's accessibility."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import notebooks  # noqa: E402
from pbdl_helpers.claims import claims_table  # noqa: E402


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


def mend_roles(app, pagename, templatename, context, doctree):
    """Drops roles from lists of references: their nesting is invalid, and doc-biblioentry is deprecated."""
    if "body" in context:
        body = context["body"].replace('<div role="list" class="citation-list">', '<div class="citation-list">')
        context["body"] = body.replace(' role="doc-biblioentry"', "")


def setup(app):
    app.add_directive("claims-table", ClaimsTable)
    app.connect("html-page-context", mend_roles)
    app.add_css_file("pbdl.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
