"""Sizes, counts and names are formatted for people; secrets are redacted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pkgwidgets.core import redaction
from pkgwidgets.core import text as text_module


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, "0 bytes"),
        (1, "1 byte"),
        (2, "2 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (1_049, "1.0 kB"),
        (1_051, "1.1 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (12_400_000, "12.4 MB"),
        (999_950_000, "1.0 GB"),
        (4_200_000_000_000, "4200.0 GB"),
    ],
)
def test_size_is_formatted_in_a_suitable_unit(count: int | None, text: str) -> None:
    assert text_module.format_size(count) == text


NOW = datetime(2026, 4, 13, 12, 30, 59, tzinfo=UTC)
AGES = Path(__file__).parent.parent / "js" / "ages.json"
"""Ages in seconds and their texts, which the panel's JavaScript is tested with, too."""


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(0), "a moment ago"),
        (timedelta(seconds=-5), "a moment ago"),
        (timedelta(seconds=119), "a moment ago"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(minutes=119), "119 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=23), "3 weeks ago"),
        (timedelta(days=60), "2 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_age_is_in_the_largest_unit_that_it_has_twice(age: timedelta, text: str) -> None:
    assert text_module.format_age(NOW - age, NOW) == text


@pytest.mark.parametrize(("seconds", "text"), json.loads(AGES.read_text("utf-8")))
def test_ages_are_the_same_as_in_the_panel(seconds: int, text: str) -> None:
    assert text_module.format_age(NOW - timedelta(seconds=seconds), NOW) == text


def test_exact_times_are_in_iso_8601_and_utc() -> None:
    moment = NOW.astimezone(timezone(timedelta(hours=14)))
    assert text_module.format_day(moment) == "2026-04-13"
    assert text_module.format_time(moment) == "2026-04-13 12:30 UTC"
    assert (text_module.format_day(None), text_module.format_time(None)) == ("", "")


@pytest.mark.parametrize(("number", "text"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells")])
def test_count_is_formatted_with_its_noun(number: int, text: str) -> None:
    assert text_module.count_noun(number, "cell") == text


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_names_are_joined_as_in_a_sentence(names: list[str], text: str) -> None:
    assert text_module.join_names(names) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://u:p%40x@h/s", "https://h/s"),
        ("'https://token@h/s' x@y", "'https://h/s' x@y"),
        ("https://u:p@ss@h/", "https://h/"),
        ("https://u:p/w@h/x", "https://h/x"),
        (r"https:\/\/u:p@h\/", r"https:\/\/h\/"),
        ("next=https%3A%2F%2Fu%3Ap%40h%2Fs&a=1", "next=https%3A%2F%2Fh%2Fs&a=1"),
        ("h/?token=abc&x=1", "h/?token=****&x=1"),
        ("h/?a=1&X-Amz-Signature=ff#z", "h/?a=1&X-Amz-Signature=****#z"),
        ("?u=h%3Faccess_token%3Dabc%26b", "?u=h%3Faccess_token%3D****%26b"),
        ("{'Authorization': 'Basic YTpi'}", "{'Authorization': 'Basic ****'}"),
        ("UV_INDEX_OURS_PASSWORD=abc d", "UV_INDEX_OURS_PASSWORD=**** d"),
        ("machine h login u password abc", "machine h login u password ****"),
    ],
)
def test_secret_is_redacted_in_a_recognised_place(text: str, kept: str) -> None:
    assert redaction.redact(text) == kept
    assert redaction.redact(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "https://h:8080/a@b",
        "git+https://h/r@v1",
        "http://[::1]:80/x",
        "name[extra] @ https://h/x.whl#sha256=ab",
        'see https://a/ and "b@c"',
        "monkey=3; a key is missing",
        "",
    ],
)
def test_text_without_secret_is_unchanged(text: str) -> None:
    assert redaction.redact(text) == text


def test_known_secret_is_redacted_everywhere() -> None:
    redacted = redaction.redact("p@ss/1 and p%40ss%2F1 and p%40ss/1, abc", ["p@ss/1", "abc", ""])
    assert redacted == "**** and **** and ****, abc"


@pytest.mark.parametrize("text", ["//a:", "?token", "%2f%2f", "a//b", "login ", "_"])
def test_redaction_of_a_long_text_is_quick(text: str) -> None:
    assert redaction.redact(text * 50_000) == text * 50_000


def test_shortened_names_count_those_after_the_third() -> None:
    assert text_module.shorten_names([]) == ""
    assert text_module.shorten_names(["a", "b", "c"]) == "a, b, c"
    assert text_module.shorten_names(["a", "b", "c", "d"]) == "a, b, c and 1 more"


def test_capitalize_first_keeps_the_other_letters() -> None:
    assert text_module.capitalize_first("numPy is old") == "NumPy is old"
    assert text_module.capitalize_first("") == ""
