"""Result tables for notebooks and pages: aligned numbers, a caption and a label; cards on phones, text in terminals."""

from __future__ import annotations

import math
from html import escape

import pandas as pd

from pbdl_helpers.claims import rounded, show_number

__all__ = ["Table"]

SPREAD = 3  # powers of ten in a column up to which all its numbers get the same places after the point


class Table:
    """A table of results: the last line of a notebook's cell shows it.

    On the page it has a number among the tables of its chapter, and text refers to it as ``{numref}`` with its name.
    Numbers of a column get the same places after the point, chosen so that the largest has ``digits`` digits; a column
    that spans more than three powers of ten, or whose smallest number would look like zero, shows each with so many.

    Args:
        data: row → column → value as nested dictionaries, or a pandas ``DataFrame``. Columns carry their units, such as
            ``"time [ms]"``. Missing values are a dash.
        rows: what the rows are, the heading over their names.
        caption: what the table shows, one or two sentences.
        name: label, unique in the book.
        digits: significant digits of numbers.
        formats: column → format of its values, such as ``"{:.1%}"``, in place of ``digits``.
        best: column → ``"min"`` or ``"max"``: its best value is marked.

    Raises:
        ValueError: if there is no value, row or column names occur twice, or ``formats`` or ``best`` name a column that
            is not there.

    Example:
        >>> errors = {"CNN": {"error": 0.0285, "time [ms]": 3.0}, "U-Net": {"error": 0.0121, "time [ms]": 12.25}}
        >>> print(Table(errors, rows="network", caption="Two networks.", name="t", best={"error": "min"}))
        Two networks.
        network    error time [ms]
        CNN       0.0285       3.0
        U-Net    0.0121*      12.2
        * best of its column
    """

    def __init__(self, data, *, rows: str, caption: str, name: str, digits: int = 3, formats=None, best=None):
        nested = isinstance(data, dict) and all(isinstance(row, dict) for row in data.values())
        self.frame = pd.DataFrame.from_dict(data, orient="index") if nested else pd.DataFrame(data)
        self.rows, self.caption, self.name, self.digits = rows, caption, name, digits
        self.formats, self.best = formats or {}, best or {}
        columns = self.frame.columns
        if self.frame.empty:
            raise ValueError(f"Table {name!r} has no values.")
        if not (columns.is_unique and self.frame.index.is_unique):
            raise ValueError(f"Table {name!r} has two rows or two columns of the same name.")
        unknown = [column for column in (*self.formats, *self.best) if column not in columns]
        if unknown or {*self.best.values()} - {"min", "max"}:
            raise ValueError(f"Table {name!r}: best is column → 'min' or 'max'; not a column: {unknown}.")

    def texts(self) -> pd.DataFrame:
        """Returns all values as the table shows them."""
        return self.frame.apply(lambda values: shown_alike(values, self.digits, self.formats.get(values.name)))

    def marks(self) -> pd.DataFrame:
        """Returns True for the best value of each column that has one."""
        marks = self.frame.notna() & False
        for column, kind in self.best.items():
            values = self.frame[column]
            marks[column] = values == getattr(values, kind)()
        return marks

    def html(self) -> str:
        """Returns the table as HTML; each cell names its column, too, so that a narrow page can show rows as cards."""
        texts, marks = self.texts(), self.marks()
        kinds = {column: "number" if values.map(is_number).any() else "text" for column, values in self.frame.items()}
        head = f'<th scope="col">{escape(self.rows)}</th>' + "".join(
            f'<th scope="col" class="{kind}">{escape(str(column))}</th>' for column, kind in kinds.items()
        )
        body = []
        for row in self.frame.index:
            cells = [
                f'<td data-column="{escape(str(column), True)}" class="{kind}{" best" * bool(marks.at[row, column])}">'
                f"{escape(texts.at[row, column])}</td>"
                for column, kind in kinds.items()
            ]
            body.append(f'<tr><th scope="row">{escape(str(row))}</th>{"".join(cells)}</tr>')
        return (
            f'<table class="results" data-name="{escape(self.name, True)}"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        )

    def __str__(self) -> str:
        marks = self.marks()
        texts = (self.texts() + marks.map(lambda mark: "*" if mark else "")).rename_axis(columns=self.rows)
        note = ["* best of its column"] if marks.any(axis=None) else []
        return "\n".join([self.caption, texts.to_string(), *note])

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": str(self), "text/html": self.html()}


def shown_alike(values: pd.Series, digits: int, style: str | None) -> pd.Series:
    """Returns the values of a column as texts."""
    numbers = [abs(v) for v in values if is_number(v) and math.isfinite(v) and v != 0]
    powers = [rounded(float(number), digits).adjusted() for number in numbers]
    alike = powers and max(powers) - min(powers) < SPREAD and max(powers) < 6 and min(powers) > -5
    whole = all(number == round(number) for number in numbers)
    places = 0 if whole or not powers else max(0, digits - 1 - max(powers))
    alike = alike and -min(powers) <= places  # no number looks like zero that is none

    def text(value):
        if value is None or (not isinstance(value, str) and pd.isna(value)):
            return "–"
        if style:
            return style.format(value).replace("-", "−")
        if not is_number(value):
            return str(value)
        if not math.isfinite(value):
            return "∞" if value > 0 else "−∞"
        return f"{value:,.{places}f}".replace("-", "−") if alike else show_number(rounded(float(value), digits))

    return values.map(text)


def is_number(value) -> bool:
    return pd.api.types.is_number(value) and not isinstance(value, bool) and not pd.isna(value)
