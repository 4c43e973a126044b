"""Each kind of value at its one door: what passes, what is refused, and that the error names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from byhand import checks
from byhand.errors import DataError, InputError


@pytest.mark.parametrize("value", [1, 3, np.int64(2), np.uint8(3), np.array(2)])
def test_whole_numbers_come_out_as_plain_integers(value):
    got = checks.whole("size", value, 1, 3)
    assert (got, type(got)) == (int(value), int)


@pytest.mark.parametrize(
    "value",
    [True, np.True_, 2.0, "2", None, 0, 4, -1, 10**400, 2**63, 1j, [1], np.ones(2, int), np.nan],
    ids=repr,
)
def test_what_is_no_whole_number_in_the_bounds_is_refused_by_name(value):
    with pytest.raises(InputError, match=r"^size is .*whole number from 1 to 3"):
        checks.whole("size", value, 1, 3)


def test_a_size_beyond_any_sense_says_the_bound():
    with pytest.raises(InputError, match="from 0 to 2,147,483,647"):
        checks.whole("padding", 2**40)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.25), np.int8(1), np.array(0.5)])
def test_numbers_come_out_as_floats(value):
    got = checks.number("rate", value, 0, 1)
    assert (got, type(got)) == (float(value), float)


@pytest.mark.parametrize(
    "value",
    [True, np.False_, "0.5", b"1", None, np.nan, np.inf, -np.inf, -0.1, 1.1, 10**400, 1j, [0.5],
     np.ones(2)],
    ids=repr,
)  # fmt: skip
def test_what_is_no_number_in_the_bounds_is_refused_by_name(value):
    with pytest.raises(InputError, match=r"^rate is .*a number of at least 0 and at most 1"):
        checks.number("rate", value, 0, 1)


def test_open_bounds_are_open():
    assert checks.number("eps", 1e-9, above=0) > 0
    for value in (0, 1):
        with pytest.raises(InputError, match="more than 0 and less than 1"):
            checks.number("eps", value, above=0, below=1)


def test_flags_words_and_choices():
    assert checks.flag("f", np.True_) is True
    assert checks.word("w", "零") == "零"
    assert checks.one_of("c", "a", ("a", "b")) == "a"
    for bad, value in ((checks.flag, 1), (checks.flag, "yes"), (checks.word, 1)):
        with pytest.raises(InputError, match=r"^x is"):
            bad("x", value)
    with pytest.raises(InputError, match="no valid Unicode"):
        checks.word("x", "\ud800")
    for value in ("c", ["a"], None, np.array(["a", "b"])):
        with pytest.raises(InputError, match="must be one of a, b"):
            checks.one_of("x", value, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "no valid JSON"), ("[NaN]", "NaN"), ("[1e999]", "no valid JSON"),
     ('"\\ud800"', "no valid JSON"), (b"\xff", "no valid JSON"),
     ('{"a": 1, "a": 2}', "'a' stands twice"),
     ('{"a":' * 20_000 + "1" + "}" * 20_000, "nested"), ("[" * 65 + "]" * 65, "more than 64 deep")],
)  # fmt: skip
def test_json_that_others_wrote_is_read_or_refused(text, why):
    assert checks.parse_json('{"a": [1, "零"]}', "it") == {"a": [1, "零"]}
    with pytest.raises(DataError, match=rf"^it .*{why}"):
        checks.parse_json(text, "it")


@dataclass(frozen=True)
class Sums:
    images: int
    loss: float = 0.0
    squares: dict[str, float] = field(default_factory=dict)


def test_a_record_is_read_by_the_types_that_it_declares():
    assert checks.record(Sums, {"images": 3, "loss": 1}, "it") == Sums(3, 1.0)
    for value in ({}, {"images": "3"}, {"images": True}, {"images": 1, "squares": {"a": None}},
                  {"images": 1, "loss": None}, [1], None):  # fmt: skip
        with pytest.raises(DataError, match=r"^it "):
            checks.record(Sums, value, "it")


def test_a_value_is_quoted_on_one_short_line_of_characters_that_print():
    assert checks.quoted("a\nb" * 90).count("\n") == 0
    assert len(checks.quoted("x" * 500)) == 60
    checks.quoted("\ud800").encode()

    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert checks.quoted(Odd()) == "a Odd"


def test_a_path_is_text_or_a_path_and_a_tilde_is_the_user_s_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert checks.path("--out", "~/runs") == tmp_path / "runs"
    assert checks.path("--out", Path("a/b")) == Path("a/b")
    for wrong in ("", " ", "a\0b", b"a", 7, None, "~nobody-of-that-name/x"):
        with pytest.raises(InputError, match="--out is "):
            checks.path("--out", wrong)
