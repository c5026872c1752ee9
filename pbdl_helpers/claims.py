"""Claims of a chapter: measured, asserted, shown as a table and stored in the cell's output."""

from __future__ import annotations

import math
import os
from html import escape

__all__ = ["MIME", "Claims", "claims_table"]

#: Media type of the machine-readable record in a cell's output.
MIME = "application/vnd.pbdl.claims+json"

GROUPS = {
    "source": "What the source text reports",
    "finding": "Findings of this book",
    "safeguard": "Safeguards: is the program right?",
}


class Claims:
    """The claims of one chapter, checked together when the ``with`` block ends.

    All claims of the block are measured first, then the table is shown, and then an ``AssertionError`` names those that
    failed: one failure does not hide the others. A measurement that is not finite fails, too, and is stored as None.
    The cell's output carries the same table as JSON under :data:`MIME`,
    which the page "Claims" and ``make seeds`` read.

    Args:
        chapter: path of the notebook without folder ``notebooks`` and suffix, such as ``introduction/teaser``.

    Example:
        >>> with Claims("introduction/teaser") as claims:
        ...     claims.check("a square is not negative", (-2.0) ** 2, at_least=0)  # doctest: +ELLIPSIS
        Claims of introduction/teaser
          holds    a square is not negative: 4 (bound: ≥ 0)
    """

    def __init__(self, chapter: str):
        self.chapter = chapter
        self.rows: list[dict] = []
        self._open = False

    def __enter__(self) -> Claims:
        self._open = True
        return self

    def __exit__(self, exc_type, exc, traceback) -> None:
        self._open = False
        if exc_type is not None:
            return
        if not self.rows:
            raise ValueError(f"No claim was made for {self.chapter}: call check or refute inside the with block.")
        show(self)
        failed = [row for row in self.rows if not row["passed"]]
        # `make seeds` wants every seed's measurements, also those of a seed that breaks a bound
        if failed and os.environ.get("PBDL_CLAIMS") != "record":
            lines = "\n".join(f"  {r['text']}: measured {show_number(r['value'])}, bound {r['bound']}" for r in failed)
            raise AssertionError(f"{len(failed)} of {len(self.rows)} claims do not hold:\n{lines}")

    def check(self, text, value, *, at_most=None, at_least=None, between=None, exactly=None, source=None) -> None:
        """Asserts that a measured value keeps its bound: one that the source text reports, too, or a finding of ours.

        Args:
            text: the claim, one plain sentence.
            value: the measured number (a scalar; zero-dimensional tensors and arrays are fine); NaN and infinity fail.
            at_most, at_least, between, exactly: the bound, one of them; ``between`` is a pair.
            source: the figure that the source text reports, as it prints it; None if it reports none.

        Raises:
            ValueError: if the value is not a single number, the text occurred before, or there is not exactly one bound
                made of finite numbers.
        """
        group = "finding" if source is None else "source"
        self._add(text, value, source, group, "holds", at_most, at_least, between, exactly)

    def guard(self, text, value, *, at_most=None, at_least=None, between=None, exactly=None) -> None:
        """Asserts what would be wrong only by a fault of the program, such as round-off or agreement of two programs.

        Arguments and errors are those of :meth:`check`.
        """
        self._add(text, value, None, "safeguard", "holds", at_most, at_least, between, exactly)

    def refute(self, text, value, *, source, at_most=None, at_least=None, between=None, exactly=None) -> None:
        """Asserts that the measurement contradicts a claim of the source text: the bound states the contradiction.

        Args:
            text: one plain sentence: what the source claims, and what was found.
            value: the measured number.
            source: what the source text says or prints.
            at_most, at_least, between, exactly: the range, one of them, that the claim excludes.

        Raises:
            ValueError: as in :meth:`check`.
        """
        self._add(text, value, source, "source", "refuted", at_most, at_least, between, exactly)

    def _add(self, text, value, source, group, verdict, at_most, at_least, between, exactly) -> None:
        if not self._open:
            raise RuntimeError("Claims are checked when a with block ends: write `with Claims(...) as claims:`.")
        if any(row["text"] == text for row in self.rows):
            raise ValueError(f"Claim {text!r} is made twice: tables and seeds tell claims apart by their texts.")
        low, high, bound = limits(text, at_most, at_least, between, exactly)
        number = to_number(text, "value", value)
        finite = math.isfinite(number)
        passed = finite and low <= number <= high
        self.rows.append(
            {
                "text": text,
                "value": number if finite else None,
                "bound": bound,
                "source": None if source is None else str(source),
                "group": group,
                "verdict": verdict if passed else "fails",
                "passed": passed,
            }
        )

    def record(self) -> dict:
        """Returns the machine-readable record: chapter and one dictionary a claim."""
        return {"chapter": self.chapter, "claims": self.rows}

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": str(self), "text/html": self.html(), MIME: self.record()}

    def __str__(self) -> str:
        lines = [f"  {r['verdict']:8} {r['text']}: {show_number(r['value'])} (bound: {r['bound']})" for r in self.rows]
        return "\n".join([f"Claims of {self.chapter}", *lines])

    def html(self) -> str:
        """Returns the table as HTML."""
        return claims_table(self.rows)


def to_number(text, name, value) -> float:
    """Returns a scalar as float; refuses text, which float() would read, and everything that is not one number."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"Claim {text!r}: {name} {value!r} is not a single number.") from None


def limits(text, at_most, at_least, between, exactly) -> tuple[float, float, str]:
    """Returns the smallest and the largest value that a bound allows, and the bound in words."""
    bounds = {"at_most": at_most, "at_least": at_least, "between": between, "exactly": exactly}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if len(given) != 1:
        raise ValueError(f"Claim {text!r} needs exactly one of {', '.join(bounds)}.")
    ((name, bound),) = given.items()
    if name == "between":
        if not isinstance(bound, (tuple, list)) or len(bound) != 2:
            raise ValueError(f"Claim {text!r}: between={bound!r} must be a pair of numbers, (low, high).")
        low, high = (to_number(text, name, value) for value in bound)
        words = f"{show_bound(low)} to {show_bound(high)}"
    else:
        number = to_number(text, name, bound)
        low = -math.inf if name == "at_most" else number
        high = math.inf if name == "at_least" else number
        words = {"at_most": "≤ ", "at_least": "≥ ", "exactly": "= "}[name] + show_bound(number)
    if math.isnan(low) or not low <= high or (math.isinf(low) and math.isinf(high)):
        raise ValueError(
            f"Claim {text!r}: the bound {words} allows nothing or everything; give finite numbers in order."
        )
    return low, high, words


def claims_table(rows: list[dict]) -> str:
    """Returns claims as an HTML table in three groups: sentence, measured, bound, what the source says, verdict.

    Each cell names its column, too, so that a narrow page can show each row as a card.
    """
    columns = ("Claim", "Measured", "Bound", "Source says", "Verdict")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = []
    for group, title in GROUPS.items():
        members = [row for row in rows if row["group"] == group]
        if members:
            body.append(f'<tr class="group"><th scope="rowgroup" colspan="{len(columns)}">{title}</th></tr>')
        for row in members:
            values = {"Measured": show_number(row["value"]), "Bound": row["bound"], "Source says": row["source"] or "–"}
            empty = {name: ' class="empty"' if value == "–" else "" for name, value in values.items()}
            cells = [f'<td data-column="{name}"{empty[name]}>{escape(value)}</td>' for name, value in values.items()]
            verdict = f'<td data-column="Verdict"><span class="verdict {row["verdict"]}">{row["verdict"]}</span></td>'
            body.append(f'<tr><th scope="row">{escape(row["text"])}</th>{"".join(cells)}{verdict}</tr>')
    return f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def show_number(value: float | None) -> str:
    """Returns a number for tables: whole ones in full, others with three digits; None stands for NaN and infinity."""
    return "not finite" if value is None else show_digits(value, 3)


def show_bound(value: float) -> str:
    return show_digits(value, 6)


def show_digits(value: float, digits: int) -> str:
    if abs(value) < 1e9 and (value == round(value) or abs(value) >= 1000):
        return f"{value:,.0f}".replace("-", "−")
    style = "e" if 0 < abs(value) < 1e-3 else "g"
    text = f"{value:.{digits - 1 if style == 'e' else digits}{style}}"
    mantissa, _, exponent = text.replace("-", "−").partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    if not exponent:
        return mantissa
    power = str(int(exponent.replace("−", "-"))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{power}" if mantissa == "1" else f"{mantissa}·10{power}"


def show(claims: Claims) -> None:
    """Shows the table: as rich output in a notebook, as text elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = lambda: None  # noqa: E731
    if get_ipython() is None:
        print(claims)
    else:
        display(claims)
