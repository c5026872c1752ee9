"""Claims of a chapter: measured, asserted, shown as a table and stored in the cell's output."""

from __future__ import annotations

import math
import os
from html import escape

__all__ = ["MIME", "Claims", "claims_table"]

#: Media type of the machine-readable record in a cell's output.
MIME = "application/vnd.pbdl.claims+json"


class Claims:
    """The claims of one chapter, checked together when the ``with`` block ends.

    All claims of the block are measured first, then the table is shown, and then an ``AssertionError`` names those that
    failed: one failure does not hide the others. The cell's output carries the same table as JSON under :data:`MIME`,
    which the page "Claims" and ``make seeds`` read.

    Args:
        chapter: path of the notebook without folder ``notebooks`` and suffix, such as ``introduction/teaser``.

    Example:
        >>> with Claims("introduction/teaser") as claims:
        ...     claims.check("a square is not negative", (-2.0) ** 2, at_least=0)  # doctest: +ELLIPSIS
        Claims of introduction/teaser
          holds    a square is not negative: 4 (bound: at least 0)
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
            lines = "\n".join(f"  {row['text']}: measured {row['value']:.6g}, bound {row['bound']}" for row in failed)
            raise AssertionError(f"{len(failed)} of {len(self.rows)} claims do not hold:\n{lines}")

    def check(self, text, value, *, at_most=None, at_least=None, between=None, exactly=None, source=None) -> None:
        """Asserts that a measured value keeps its bound.

        Args:
            text: the claim, one plain sentence.
            value: the measured number (a scalar; zero-dimensional tensors and arrays are fine).
            at_most, at_least, between, exactly: the bound, one of them; ``between`` is a pair.
            source: the figure that the source text reports, as it prints it; None if it reports none.

        Raises:
            ValueError: if the value is not finite or not a scalar, or not exactly one bound is given.
        """
        self._add(text, value, source, "holds", at_most, at_least, between, exactly)

    def refute(self, text, value, *, source, at_most=None, at_least=None, between=None, exactly=None) -> None:
        """Asserts that the measurement contradicts a claim of the source text: the bound states the contradiction.

        Args:
            text: the source's claim, one plain sentence.
            value: the measured number.
            source: what the source text says or prints.
            at_most, at_least, between, exactly: the range, one of them, that the claim excludes.

        Raises:
            ValueError: as in :meth:`check`.
        """
        self._add(text, value, source, "refuted", at_most, at_least, between, exactly)

    def _add(self, text, value, source, verdict, at_most, at_least, between, exactly) -> None:
        if not self._open:
            raise RuntimeError("Claims are checked when a with block ends: write `with Claims(...) as claims:`.")
        given = [bound is not None for bound in (at_most, at_least, between, exactly)]
        if sum(given) != 1:
            raise ValueError(f"Claim {text!r} needs exactly one of at_most, at_least, between, exactly.")
        try:
            number = float(value)
        except (TypeError, ValueError, RuntimeError):
            raise ValueError(f"Claim {text!r}: {value!r} is not a single number.") from None
        low, high, bound = limits(at_most, at_least, between, exactly)
        if not math.isfinite(number) or math.isnan(low) or math.isnan(high):
            raise ValueError(
                f"Claim {text!r}: measured {number}, bound {bound}; both must be numbers. Did a run diverge?"
            )
        passed = low <= number <= high
        self.rows.append(
            {
                "text": text,
                "value": number,
                "bound": bound,
                "source": None if source is None else str(source),
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


def limits(at_most, at_least, between, exactly) -> tuple[float, float, str]:
    if at_most is not None:
        return -math.inf, float(at_most), f"at most {at_most:.6g}"
    if at_least is not None:
        return float(at_least), math.inf, f"at least {at_least:.6g}"
    if exactly is not None:
        return float(exactly), float(exactly), f"exactly {exactly:,}"
    low, high = between
    if not low <= high:
        raise ValueError(f"between={between!r} is empty: give the smaller number first.")
    return float(low), float(high), f"{low:.6g} to {high:.6g}"


def claims_table(rows: list[dict]) -> str:
    """Returns claims as an HTML table: claim, bound, measured, source's figure, verdict."""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Claim", "Bound", "Measured", "Source text", "Verdict"))
    body = []
    for row in rows:
        cells = (row["text"], row["bound"], show_number(row["value"]), row["source"] or "–", row["verdict"])
        body.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f'<table class="table claims"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def show_number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"


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
