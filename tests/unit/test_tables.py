"""Result tables: what a reader sees of numbers, in HTML and as text."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup

from pbdl_helpers.tables import Table

ERRORS = {"CNN": {"error": 0.0285, "calls": 1000}, "U-Net": {"error": 0.0121, "calls": 12}}
NAMES = {"rows": "network", "caption": "Two networks.", "name": "two-networks"}


def cells(table):
    """Rows of texts, the heading first."""
    page = BeautifulSoup(table.html(), "html.parser")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")]


def test_html_has_scopes_a_caption_and_names_each_cell_s_column():
    page = BeautifulSoup(Table(ERRORS, **NAMES, best={"error": "min"}).html(), "html.parser")
    assert page.table["data-name"] == "two-networks"
    assert page.caption.get_text() == "Two networks."
    assert [th["scope"] for th in page.find_all("th")] == ["col"] * 3 + ["row"] * 2
    assert [td["data-column"] for td in page.find_all("td")] == ["error", "calls"] * 2
    assert [td.get_text() for td in page.find_all("td", class_="best")] == ["0.0121"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0285, 0.1234], ["0.029", "0.123"]),
        ([0.0285, 12.345], ["0.0285", "12.3"]),
        ([10373, 5], ["10,373", "5"]),
        ([1e-9, 3.0], ["10⁻⁹", "3"]),
        ([119.5, 0.5], ["120", "0.5"]),
        ([1.0, math.inf], ["1", "∞"]),
        ([-1.5, -0.25], ["−1.50", "−0.25"]),
        ([0.5, None], ["0.500", "–"]),
        (["a < b", None], ["a < b", "–"]),
        ([np.float32(0.5), np.int64(3)], ["0.50", "3.00"]),
    ],
)
def test_numbers_of_a_column_are_shown_alike(values, expected):
    table = Table({f"row {i}": {"value": value} for i, value in enumerate(values)}, **NAMES)
    assert [row[1] for row in cells(table)[1:]] == expected


def test_formats_digits_and_tensors():
    table = Table({"a": {"share": 0.1234, "error": torch.tensor(0.12345).item()}}, **NAMES, digits=2,
                  formats={"share": "{:.1%}"})  # fmt: skip
    assert cells(table)[1] == ["a", "12.3%", "0.12"]


def test_data_frames_are_taken_as_they_are():
    frame = pd.DataFrame({"error": [1.0, 2.0]}, index=["a", "b"])
    assert cells(Table(frame, **NAMES)) == [["network", "error"], ["a", "1"], ["b", "2"]]


def test_text_lines_up_and_marks_the_best():
    lines = str(Table(ERRORS, **NAMES, best={"error": "min", "calls": "max"})).splitlines()
    assert lines[0] == "Two networks."
    assert "0.0121*" in lines[3]
    assert "1,000*" in lines[2]
    assert len({len(line) for line in lines[1:4]}) == 1


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ({}, {}, "no values"),
        (pd.DataFrame({"a": [1, 2]}, index=["x", "x"]), {}, "same name"),
        (ERRORS, {"best": {"speed": "min"}}, "speed"),
        (ERRORS, {"best": {"error": min}}, "'min' or 'max'"),
        (ERRORS, {"formats": {"speed": "{}"}}, "speed"),
    ],
)
def test_bad_input_is_named(data, options, message):
    with pytest.raises(ValueError, match=message):
        Table(data, **NAMES, **options)
