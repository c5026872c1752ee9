import json

import numpy as np
import pytest
import torch
from checks import reads_as

from pbdl_helpers.claims import GROUPS, MIME, Claims, rounded, show_number, shown


def test_holding_claims_are_recorded():
    with Claims("part/chapter") as claims:
        claims.check("small", torch.tensor(0.1), at_most=0.2, source="0.15")
        claims.check("large", np.float32(3), at_least=2)
        claims.check("between", 1, between=(0, 2))
        claims.check("parameters", 16897, exactly=16897)
        claims.guard("round-off", 1e-17, at_most=1e-12)
        claims.refute("source says zero", 0.5, source="0", at_least=0.4)
    record = claims._repr_mimebundle_()[MIME]
    assert json.loads(json.dumps(record)) == record
    assert record["chapter"] == "part/chapter"
    assert [row["verdict"] for row in record["claims"]] == ["holds"] * 5 + ["refuted"]
    assert [row["group"] for row in record["claims"]] == ["source", *["finding"] * 3, "safeguard", "source"]
    assert record["claims"][0] == {
        "text": "small",
        "value": pytest.approx(0.1),
        "low": None,
        "high": 0.2,
        "source": "0.15",
        "group": "source",
        "verdict": "holds",
        "passed": True,
    }


@pytest.mark.parametrize(
    ("value", "bound"),
    [(1.0, {"at_most": 0.5}), (1.0, {"at_least": 2}), (3, {"between": (0, 2)}), (4, {"exactly": 5})],
)
@pytest.mark.parametrize("method", ["check", "refute"])
def test_broken_bound_fails_after_all_are_measured(value, bound, method, capsys):
    with pytest.raises(AssertionError, match="1 of 2 claims") as error, Claims("c") as claims:
        getattr(claims, method)("broken", value, source="x", **bound)
        claims.check("fine", 0, at_most=1)
    assert "broken" in str(error.value)
    assert "fine" in capsys.readouterr().out  # the table shows all of them


def test_record_mode_does_not_stop(monkeypatch):
    monkeypatch.setenv("PBDL_CLAIMS", "record")
    with Claims("c") as claims:
        claims.check("broken", 1, at_most=0)
    assert claims.rows[0]["verdict"] == "fails"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), torch.tensor(float("nan"))])
def test_value_that_is_not_finite_fails_and_hides_no_other(value, capsys):
    with pytest.raises(AssertionError, match="1 of 2 claims"), Claims("c") as claims:
        claims.check("diverged", value, at_least=1)
        claims.check("fine", 0, at_most=1)
    assert "fine" in capsys.readouterr().out
    record = claims.record()["claims"]
    assert [(row["value"], row["verdict"]) for row in record] == [(None, "fails"), (0, "holds")]
    json.dumps(record, allow_nan=False)


@pytest.mark.parametrize("value", ["many", "3", b"3", None, torch.zeros(2), [1, 2]])
def test_value_must_be_one_number(value):
    with pytest.raises(ValueError, match="not a single number"), Claims("c") as claims:
        claims.check("x", value, at_most=5)


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ({"at_most": float("nan")}, "finite"),
        ({"at_most": float("inf")}, "finite"),
        ({"at_most": "3"}, "at_most '3'"),
        ({"between": 3}, "pair"),
        ({"between": (1, 2, 3)}, "pair"),
        ({"between": "12"}, "pair"),
        ({"between": (2, 1)}, "in order"),
        ({}, "exactly one"),
        ({"at_most": 1, "at_least": 0}, "exactly one"),
    ],
)
def test_bad_bound_is_refused(bound, message):
    with pytest.raises(ValueError, match=message), Claims("c") as claims:
        claims.check("x", 1, **bound)


def test_same_text_twice_is_refused():
    with pytest.raises(ValueError, match="made twice"), Claims("c") as claims:
        claims.check("x", 1, at_most=2)
        claims.check("x", 3, at_most=2)


def test_empty_block_is_refused():
    with pytest.raises(ValueError, match="No claim"), Claims("c"):
        pass


def test_outside_of_the_block_is_refused():
    with pytest.raises(RuntimeError, match="with"):
        Claims("c").check("x", 1, at_most=2)


def test_error_in_the_block_is_not_masked():
    with pytest.raises(ZeroDivisionError), Claims("c") as claims:
        claims.check("x", 1 / 0, at_most=1)


def test_error_in_the_block_keeps_what_was_measured_before(capsys):
    with pytest.raises(ZeroDivisionError), Claims("c") as claims:
        claims.check("measured before", 0.5, at_most=1)
        claims.check("x", 1 / 0, at_most=1)
    assert "measured before: 0.5 (bound: ≤ 1)" in capsys.readouterr().out


def test_table_escapes_text():
    with Claims("c") as claims:
        claims.check("a < b & c", 1, at_most=2)
    assert "a &lt; b &amp; c" in claims.html()


def test_table_has_the_groups_in_order_and_names_its_cells():
    with Claims("c") as claims:
        claims.guard("agrees", 0, at_most=1)
        claims.check("ours", 1, at_most=2)
        claims.check("theirs", 1, at_most=2, source="1")
    html = claims.html()
    places = [html.index(text) for text in (*GROUPS.values(), "theirs", "ours", "agrees")]
    assert sorted(places) == [places[i] for i in (0, 3, 1, 4, 2, 5)]
    assert html.count('data-column="Source says"') == 3


def test_refuted_claims_come_first_and_safeguards_are_folded_while_they_hold(monkeypatch):
    monkeypatch.setenv("PBDL_CLAIMS", "record")
    with Claims("c") as claims:
        claims.check("theirs", 1, at_most=2, source="1")
        claims.refute("not so", 1, at_most=2, source="3")
        claims.guard("agrees", 0, at_most=1)
    html = claims.html()
    assert html.index("not so") < html.index("theirs") < html.index("<details") < html.index("agrees")
    assert "(all 1 hold)" in html
    assert "<details open" not in html.replace(' class="safeguards"', "")
    with Claims("c") as claims:
        claims.guard("disagrees", 3, at_most=1)
    assert '<details class="safeguards" open><summary>' in claims.html()
    assert "(1 of 1 fail)" in claims.html()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (16897.0, "16,897"),
        (1234567.0, "1,234,567"),
        (0.123456, "0.123"),
        (-0.5, "−0.5"),
        (3.9e-15, "3.9·10⁻¹⁵"),
        (1e-6, "10⁻⁶"),
        (0.0001, "10⁻⁴"),
        (0.000613, "6.13·10⁻⁴"),
        (0.001, "0.001"),
        (100.0, "100"),
        (2253.4, "2,253"),
        (2.5e12, "2.5·10¹²"),
        (999.6, "1,000"),
        (0.0009996, "0.001"),
        (999999999.7, "10⁹"),
        (-0.0, "0"),
        (-1e-30, "−10⁻³⁰"),
    ],
)
def test_numbers_are_shown_as_people_write_them(value, shown):
    assert show_number(rounded(value, 3)) == shown


def row(value, low, high):
    passed = value is not None and (low is None or low <= value) and (high is None or value <= high)
    return {"value": value, "low": low, "high": high, "passed": passed}


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (2.63298, 2.6326, 2.6336, ("2.633", "2.6326 to 2.6336")),
        (1.356442, 1.356441, 1.356443, ("1.356442", "1.356441 to 1.356443")),
        (0.008125, 0.0081249, 0.0081251, ("0.008125", "0.0081249 to 0.0081251")),
        (5.0000001, 5, 5, ("5.0000001", "= 5")),
        (1000.6, 1000.7, None, ("1,000.6", "≥ 1,000.7")),
        (0.123456, None, 0.2, ("0.123", "≤ 0.2")),
        (None, 0, None, ("not finite", "≥ 0")),
    ],
)
def test_digits_agree_with_the_verdict(value, low, high, expected):
    assert shown(row(value, low, high)) == expected


def test_digits_agree_with_the_verdict_whatever_the_numbers():
    """Values near their bounds, at all scales, read back from the table's text."""
    generator = np.random.default_rng(0)
    verdicts = []
    for _ in range(3000):
        low = float(generator.choice([-1, 1]) * 10 ** generator.uniform(-12, 12))
        high = low + abs(low) * 10 ** generator.uniform(-15, 1)
        value = float(low + (high - low) * generator.choice([0, 1, generator.uniform(-1, 2)]))
        ends = [(low, high), (low, None), (None, high), (low, low)][generator.integers(4)]
        case = row(value, *ends)
        verdicts.append(case["passed"])
        assert reads_as(case) == case["passed"], (case, shown(case))
    assert 500 < sum(verdicts) < 2500
