"""Sphinx extension: tables in the outputs of notebooks: results get numbers, claims their newest form."""

import re
from html import escape, unescape

from docutils import nodes
from sphinx.transforms import SphinxTransform

from pbdl_helpers.claims import claims_table
from tools import ROOT, notebooks

TABLE = re.compile(r'<table class="results" data-name="(?P<name>[^"]*)"><caption>(?P<caption>.*?)</caption>', re.S)


class ResultTable(nodes.General, nodes.Element):
    """A result table: its name is a label, the attribute ``caption`` its caption, its child the HTML without it."""


class ShowClaims(SphinxTransform):
    """Shows the claims in a notebook's outputs as today's helpers do, from the records beside them."""

    default_priority = 50

    def apply(self):
        path = ROOT / f"{self.env.docname}.ipynb"
        tables = [raw for raw in self.document.findall(nodes.raw) if raw.astext().startswith('<table class="claims">')]
        if not (path.exists() and tables):
            return
        records = notebooks.claims(notebooks.read(path))
        for raw, record in zip(tables, records, strict=True):
            raw.children = [nodes.Text(claims_table(record["claims"]))]
            raw.rawsource = ""


class OneSetUpBar(SphinxTransform):
    """Puts the folded cells at the top of a notebook, bootstrap and imports, into one: the reader meets one bar."""

    default_priority = 50

    def apply(self):
        folded = [node for node in self.document.findall(nodes.container) if is_folded(node)]
        if len(folded) < 2 or folded[0].parent is not folded[1].parent:
            return
        first, second = folded[:2]
        if first.parent.index(second) == first.parent.index(first) + 1 and len(first.children) == 1:
            first.children[0].extend(second.children[0].children)
            first.extend(second.children[1:])
            second.parent.remove(second)


def is_folded(node) -> bool:
    return node.get("nb_element") == "cell_code" and "tag_hide-input" in node["classes"]


class FindResultTables(SphinxTransform):
    """Puts a numbered table in the place of an output that holds one, so that ``{numref}`` finds its name."""

    default_priority = 50

    def apply(self):
        for raw in list(self.document.findall(nodes.raw)):
            found = TABLE.match(raw.astext()) if raw.get("format") == "html" else None
            if not found:
                continue
            table = ResultTable(names=[unescape(found["name"])], caption=unescape(found["caption"]))
            table += nodes.raw("", raw.astext().replace(found[0], '<table class="results">', 1), format="html")
            bundle = raw
            while bundle.parent is not None and bundle.parent.get("nb_element") != "cell_code_output":
                bundle = bundle.parent  # the other forms of the same output
            bundle.replace_self(table)
            self.document.note_explicit_target(table, table)


def visit(self, node):
    self.body.append(self.starttag(node, "figure", CLASS="results"))
    self.body.append("<figcaption>")
    self.add_fignumber(node)
    self.body.append(f'<span class="caption-text">{escape(node["caption"])}</span>')
    self.add_permalink_ref(node, "Link to this table")
    self.body.append('</figcaption>\n<div class="results-scroll" tabindex="0">')


def depart(self, node):
    self.body.append("</div></figure>\n")


def setup(app):
    app.add_enumerable_node(ResultTable, "table", lambda node: node["caption"], html=(visit, depart))
    app.add_transform(FindResultTables)
    app.add_transform(ShowClaims)
    app.add_transform(OneSetUpBar)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
