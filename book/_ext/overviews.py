"""Sphinx extension: overviews made from notebooks and ``book/cards.yml``, and numbers that notebooks measured."""

import base64
import io
import math
import re

import yaml
from docutils import nodes
from PIL import Image
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from pbdl_helpers import datasets
from pbdl_helpers.claims import shown
from tools import ROOT, notebooks, pages

logger = logging.getLogger(__name__)

THUMBNAIL = (640, 400)  # pixels
CARDS, WORDS = ROOT / "book" / "cards.yml", ROOT / "book" / "words.yml"


def cards() -> dict:
    """Returns page → ``line`` and ``level``."""
    return yaml.safe_load(CARDS.read_text(encoding="utf-8"))


def minutes(name) -> str:
    """Returns how long a notebook runs, or that a page is read only."""
    path = ROOT / f"{name}.ipynb"
    if not path.exists():
        return "text"
    return f"{max(1, math.ceil(notebooks.seconds(notebooks.read(path)) / 60))} min"


def picture(name) -> str:
    """Stores a notebook's key picture, small, and returns its address in the book's sources."""
    small = ROOT / "_build" / "thumbnails" / f"{name.rpartition('/')[2]}.webp"
    small.parent.mkdir(parents=True, exist_ok=True)
    data = base64.b64decode(notebooks.key_picture(notebooks.read(ROOT / f"{name}.ipynb")))
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail(THUMBNAIL)
        image.convert("RGB").save(small, quality=85)
    return f"/{small.relative_to(ROOT).as_posix()}"


class Overview(SphinxDirective):
    """What the directives here share."""

    def depend(self, name):
        path = ROOT / f"{name}.ipynb"
        for source in (CARDS, path if path.exists() else path.with_suffix(".md")):
            self.env.note_dependency(str(source))

    def paragraph(self, text, *classes):
        inline, _ = self.parse_inline(text, lineno=self.lineno)
        return nodes.paragraph("", "", *inline, classes=list(classes))

    def try_picture(self, name):
        """Returns the address of a key picture; a notebook that has none is warned of, which stops the build."""
        try:
            return picture(name)
        except KeyError:
            logger.warning("%s keeps no key picture: run `make run NB=%s.ipynb`", name, name)


class Gallery(Overview):
    """``{gallery}``: a card a notebook, in book order: key picture, title as a link, a line, run time and level."""

    def run(self):
        gallery = nodes.container(classes=["gallery"])
        for caption, names in pages.parts():
            for name in names:
                if name.startswith("notebooks/") and (uri := self.try_picture(name)):
                    gallery += self.card(name, uri, caption)
        return [gallery]

    def card(self, name, uri, caption):
        self.depend(name)
        about = cards()[name]
        title = notebooks.title(notebooks.read(ROOT / f"{name}.ipynb"))
        card = nodes.container(classes=["gallery-card"])
        card += nodes.image(uri=uri, alt=f"Key picture of: {title}")
        card += self.paragraph(f"{{doc}}`/{name}`")
        card += self.paragraph(about["line"], "gallery-line")
        card += self.paragraph(f"{caption} · {minutes(name)} · {about['level']} reading", "gallery-part")
        return card


class Chapters(Overview):
    """``{chapters}``: the other pages of the part in which the page stands, each with its line, run time and level."""

    def run(self):
        names = next(names for _, names in pages.parts() if self.env.docname in names)
        entries = nodes.bullet_list(classes=["chapters"])
        for name in names:
            if name != self.env.docname:
                self.depend(name)
                about = cards()[name]
                entry = nodes.list_item("", self.paragraph(f"{{doc}}`/{name}`: {about['line']}"))
                entry += self.paragraph(f"{minutes(name)} · {about['level']} reading", "gallery-part")
                entries += entry
        return [entries]


class KeyPicture(Overview):
    """``{key-picture} NOTEBOOK``: the picture that a notebook opens with, with its alternative text and a link."""

    required_arguments = 1

    def run(self):
        (name,) = self.arguments
        self.depend(name)
        uri = self.try_picture(name)
        if not uri:
            return []
        alt = re.search(r"^:alt: *(.+)$", notebooks.read(ROOT / f"{name}.ipynb").cells[0].source, flags=re.M)
        figure = nodes.figure("", nodes.image(uri=uri, alt=alt[1] if alt else ""))
        figure += nodes.caption("", "", *self.parse_inline(f"From {{doc}}`/{name}`.", lineno=self.lineno)[0])
        return [figure]


class Measured(SphinxRole):
    """``{measured}`NOTEBOOK: CLAIM```: the value measured for the claim of a notebook that begins with these words."""

    def run(self):
        name, _, start = self.text.partition(": ")
        path = ROOT / "notebooks" / f"{name}.ipynb"
        self.env.note_dependency(str(path))
        records = notebooks.claims(notebooks.read(path)) if path.exists() else []
        rows = [row for record in records for row in record["claims"] if row["text"].startswith(start)]
        if len(rows) != 1:
            logger.warning("%d claims of %s begin with %r", len(rows), name, start, location=self.get_location())
            return [], []
        return [nodes.Text(shown(rows[0])[0])], []


class DataFile(SphinxRole):
    """``{data-file}`NAME```: a link to a file in ``data/`` with its size."""

    def run(self):
        known = datasets.registry()["files"]
        if self.text not in known:
            logger.warning("there is no data file %r", self.text, location=self.get_location())
            return [], []
        size = known[self.text]["bytes"] / 1e6
        address = f"{pages.repository_url()}/raw/main/data/{self.text}"
        text = f"{self.text}, {size:.0f} MB" if size >= 1 else f"{self.text}, {1000 * size:.0f} kB"
        return [nodes.reference("", text, refuri=address)], []


class Words(SphinxTransform):
    """Enters the words of ``book/words.yml`` into the index, as main entries: the search puts their page first."""

    default_priority = 60

    def apply(self):
        self.env.note_dependency(str(WORDS))
        words = yaml.safe_load(WORDS.read_text(encoding="utf-8")).get(self.env.docname)
        section = next(self.document.findall(nodes.section), None)
        if words and section is not None:
            entries = [("single", word, section["ids"][0], "main", None) for word in words]
            section.insert(1, addnodes.index(entries=entries))


def setup(app):
    app.add_transform(Words)
    app.add_directive("gallery", Gallery)
    app.add_directive("chapters", Chapters)
    app.add_directive("key-picture", KeyPicture)
    app.add_role("measured", Measured())
    app.add_role("data-file", DataFile())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
