"""Sphinx extension: the first occurrence of a glossary's word on each page leads to the glossary."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY = "book/appendix/glossary"
# Pages that list things: a link in each row would help nobody.
APPENDIX = "book/appendix/"
# Where a word means something else: residual blocks of a network.
OTHER_MEANING = {
    "residual": ("book/surrogates/architecture_choice", "notebooks/differentiable_physics/solver_in_the_loop"),
}
# What is linked, a heading, a formula, code stays as it is.
CLOSED = (nodes.title, nodes.reference, addnodes.pending_xref, nodes.literal, nodes.math, nodes.literal_block)


def pattern(term: str) -> re.Pattern:
    """Returns what a term looks like in a sentence: a capital at its beginning, a plural, a hyphen for a space."""
    if term.isupper():
        return re.compile(rf"\b{term}s?\b")
    words = re.escape(term).replace(r"\ ", r"[\s\-]").replace("'", "['’]")
    return re.compile(rf"(?<![\w-])(?i:{words[0]}){words[1:]}(?:e?s)?(?![\w-])")


class GlossaryLinks(SphinxPostTransform):
    """Makes the links, before Sphinx resolves those of a page."""

    default_priority = 5

    def run(self, **kwargs):
        if self.env.docname.startswith(APPENDIX) or GLOSSARY not in self.env.found_docs:
            return
        # PINN and physics-informed neural network are one entry; the page itself has other quotation marks
        names = {place: name for (kind, name), place in self.env.get_domain("std").objects.items() if kind == "term"}
        entries = [
            {names[GLOSSARY, term["ids"][0]] for term in item.findall(nodes.term)}
            for item in self.env.get_doctree(GLOSSARY).findall(nodes.definition_list_item)
        ]
        linked = {
            node["reftarget"] for node in self.document.findall(addnodes.pending_xref) if node.get("reftype") == "term"
        } | {word for word, names in OTHER_MEANING.items() if self.env.docname in names}
        wanted = {term: entry for entry in entries if not entry & linked for term in entry}
        patterns = {term: pattern(term) for term in wanted}
        for paragraph in list(self.document.findall(nodes.paragraph)):
            if self.is_closed(paragraph) or paragraph["classes"]:  # such as a line of a card
                continue
            for term in sorted(wanted, key=len, reverse=True):  # "numerical viscosity" before a word in it
                if term in wanted and self.link(paragraph, term, patterns[term]):
                    wanted = {name: entry for name, entry in wanted.items() if term not in entry}

    def is_closed(self, node) -> bool:
        while node is not None:
            if isinstance(node, CLOSED):
                return True
            node = node.parent
        return False

    def link(self, paragraph, term, regex) -> bool:
        """Links the first occurrence of a term in a paragraph; returns whether there is one."""
        for text in list(paragraph.findall(nodes.Text)):
            match = regex.search(text)
            if match is None or self.is_closed(text.parent):
                continue
            shown = nodes.inline("", match[0], classes=["glossary-link"])
            reference = addnodes.pending_xref("", shown, refdomain="std", reftype="term", reftarget=term)
            reference["refdoc"] = self.env.docname
            parts = [nodes.Text(text[: match.start()]), reference, nodes.Text(text[match.end() :])]
            text.parent.replace(text, [part for part in parts if not isinstance(part, nodes.Text) or part])
            return True
        return False


def setup(app):
    app.add_post_transform(GlossaryLinks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
