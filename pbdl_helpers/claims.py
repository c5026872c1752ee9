"""Claims of a chapter: measured, asserted, shown as a table and stored in the cell's output."""

from __future__ import annotations

import math
import os
from decimal import Decimal
from html import escape

__all__ = ["MIME", "Claims", "claims_table", "shown"]

#: Media type of the machine-readable record in a cell's output.
MIME = "application/vnd.pbdl.claims+json"

BILLION = 10**9

GROUPS = {
    "source": "What the source text reports",
    "finding": "Findings of this book",
    "safeguard": "Safeguards: is the program right?",
}


class Claims:
    """The claims of one chapter, checked together when the ``with`` block ends.

    All claims of the block are measured first, then the table is shown, and then an ``AssertionError`` names those that
    failed: one failure does not hide the others. A measurement that is not finite fails, too, and is stored as None.
    The cell's output carries the same table as JSON under :data:`MIME`, which the page "Claims" and ``make seeds``
    read. An error inside the block is raised as it is, after the table of what was measured before it.

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
            if self.rows:  # what was measured before the error is not lost
                show(self)
            return
        if not self.rows:
            raise ValueError(f"No claim was made for {self.chapter}: call check or refute inside the with block.")
        show(self)
        failed = [row for row in self.rows if not row["passed"]]
        # `make seeds` wants every seed's measurements, also those of a seed that breaks a bound
        if failed and os.environ.get("PBDL_CLAIMS") != "record":
            lines = "\n".join("  {}: measured {}, bound {}".format(row["text"], *shown(row)) for row in failed)
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
        low, high = limits(text, at_most, at_least, between, exactly)
        number = to_number(text, "value", value)
        finite = math.isfinite(number)
        passed = finite and low <= number <= high
        self.rows.append(
            {
                "text": text,
                "value": number if finite else None,
                "low": low if math.isfinite(low) else None,
                "high": high if math.isfinite(high) else None,
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
        lines = ["  {:8} {}: {} (bound: {})".format(row["verdict"], row["text"], *shown(row)) for row in self.rows]
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


def limits(text, at_most, at_least, between, exactly) -> tuple[float, float]:
    """Returns the smallest and the largest value that a bound allows."""
    bounds = {"at_most": at_most, "at_least": at_least, "between": between, "exactly": exactly}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if len(given) != 1:
        raise ValueError(f"Claim {text!r} needs exactly one of {', '.join(bounds)}.")
    ((name, bound),) = given.items()
    if name == "between":
        if not isinstance(bound, (tuple, list)) or len(bound) != 2:
            raise ValueError(f"Claim {text!r}: between={bound!r} must be a pair of numbers, (low, high).")
        low, high = (to_number(text, name, value) for value in bound)
    else:
        number = to_number(text, name, bound)
        low = -math.inf if name == "at_most" else number
        high = math.inf if name == "at_least" else number
    if math.isnan(low) or not low <= high or (math.isinf(low) and math.isinf(high)):
        raise ValueError(
            f"Claim {text!r}: {name}={bound!r} allows nothing or everything; give finite numbers in order."
        )
    return low, high


def claims_table(rows: list[dict]) -> str:
    """Returns claims as HTML: two tables, of claims and, folded, of safeguards, each with what is refuted first.

    A row has sentence, measured value, bound, what the source says and verdict. Each cell names its column, too, so
    that a narrow page can show each row as a card.
    """
    first = sorted(rows, key=lambda row: row["verdict"] == "holds")
    groups = {group: [row for row in first if row["group"] == group] for group in GROUPS}
    guards = groups.pop("safeguard")
    shown_groups = {GROUPS[group]: members for group, members in groups.items() if members}
    html = one_table(shown_groups) if shown_groups else ""
    if guards:
        fails = sum(not row["passed"] for row in guards)
        verdict = f"{fails} of {len(guards)} fail" if fails else f"all {len(guards)} hold"
        state = " open" if fails else ""
        html += (
            f'<details class="safeguards"{state}><summary>{GROUPS["safeguard"]} ({verdict})</summary>'
            f"{one_table({'': guards})}</details>"
        )
    return html


def one_table(groups: dict[str, list[dict]]) -> str:
    """Returns heading → claims as one table."""
    columns = ("Claim", "Measured", "Bound", "Source says", "Verdict")
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    body = []
    for title, members in groups.items():
        if title:
            body.append(f'<tr class="group"><th scope="rowgroup" colspan="{len(columns)}">{title}</th></tr>')
        for row in members:
            measured, bound = shown(row)
            values = {"Measured": measured, "Bound": bound, "Source says": row["source"] or "–"}
            empty = {name: ' class="empty"' if value == "–" else "" for name, value in values.items()}
            cells = [f'<td data-column="{name}"{empty[name]}>{escape(value)}</td>' for name, value in values.items()]
            verdict = f'<td data-column="Verdict"><span class="verdict {row["verdict"]}">{row["verdict"]}</span></td>'
            body.append(f'<tr><th scope="row">{escape(row["text"])}</th>{"".join(cells)}{verdict}</tr>')
    return f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def shown(row: dict) -> tuple[str, str]:
    """Returns the measured value and the bound of a claim as a table shows them.

    Three digits of the value, six of the bound, and more where a reader of fewer would come to another verdict.
    """
    for digits in range(3, 18):  # 17 digits tell any two numbers apart
        value, low, high = (
            None if number is None else rounded(number, count)
            for number, count in ((row["value"], digits), (row["low"], max(digits, 6)), (row["high"], max(digits, 6)))
        )
        passed = value is not None and (low is None or low <= value) and (high is None or value <= high)
        if passed == row["passed"] and (low == high) == (row["low"] == row["high"]):
            break
    if low is None:
        bound = f"≤ {show_number(high)}"
    elif high is None:
        bound = f"≥ {show_number(low)}"
    else:
        bound = f"= {show_number(low)}" if low == high else f"{show_number(low)} to {show_number(high)}"
    return "not finite" if value is None else show_number(value), bound


def rounded(value: float, digits: int) -> Decimal:
    """Returns a number with so many significant digits; whole ones below 10⁹ and what stands before the point stay."""
    exact = Decimal(repr(value))
    if exact == exact.to_integral_value() and abs(exact) < BILLION:
        return exact.to_integral_value() + 0  # adding zero takes the sign off −0
    places = digits - 1 - exact.adjusted()
    if abs(exact) < BILLION:
        places = max(places, 0)
    return exact.quantize(Decimal(1).scaleb(-places)).normalize() + 0


def show_number(number: Decimal) -> str:
    """Returns a number as people write it: 16,897, 0.123 or 3.9·10⁻¹⁵."""
    if number == 0 or Decimal("0.001") <= abs(number) < BILLION:
        return f"{number:,f}".replace("-", "−")
    power = number.adjusted()
    mantissa = f"{number.scaleb(-power).normalize():f}".replace("-", "−")
    exponent = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    factor = mantissa.removesuffix("1") if mantissa in ("1", "−1") else f"{mantissa}·"
    return f"{factor}10{exponent}"


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
