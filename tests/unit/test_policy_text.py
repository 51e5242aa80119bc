"""Reading `pkgwidgets.toml`, and edits of it that leave every other line as it is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import PolicyUnreadable
from pkgwidgets.core.policy import Hold
from pkgwidgets.core.policy_text import find_block, hold_block, parse_policy, replace_block

FILE = Path("/venv/pkgwidgets.toml")
TEXT = """\
# Ours: ask Ada before you change it.

[[hold]]  # charts
name = "pandas"
versions = "<3"
reason = "charts.ipynb"
until = 2027-01-31
since = 2026-11-30T15:47:38Z
by = "ada"

# Young releases were bad to us.
[min-age]
age = "7d"
packages = { Torch = "0d" }
indexes = { "https://pkgs.example/simple/" = "2 weeks" }

[[hold]]
name = "numpy"
versions = "!=2.3.0"
# never again

[advisories]
sources = ["https://osv.example"]
"""
HELD = "[[hold]]\nname = 'pea'\nversions = '<3'\n"


def test_everything_is_read() -> None:
    policy = parse_policy(TEXT, FILE)
    assert policy.holds[0] == Hold(
        name="pandas",
        versions="<3",
        reason="charts.ipynb",
        until=date(2027, 1, 31),
        since=datetime(2026, 11, 30, 15, 47, 38, tzinfo=UTC),
        by="ada",
    )
    assert policy.holds[1] == Hold(name="numpy", versions="!=2.3.0")
    age = policy.minimum_age
    assert age.age_for(canonicalize_name("rich")) == timedelta(days=7)
    assert age.age_for(canonicalize_name("torch")) == timedelta()
    other = age.age_for(canonicalize_name("rich"), "https://pkgs.example/simple")
    assert other == timedelta(days=14)
    assert policy.advisories == {"sources": ["https://osv.example"]}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("# a\n[[hold]]\nname = pandas\n", 3, "Invalid value"),
        ("[[hold]\n", 1, "Expected"),
        ("# a\n\n[min_age]\nage = '7d'\n", 3, '"min_age" is not a known setting'),
        ("[[hold]]\nname='a'\nversions='<1'\n\n[[hold]]\nversions='<1'\n", 5, "needs the name"),
        ("[[hold]]\nname = 'a b'\nversions = '<1'\n", 1, "needs the name"),
        ("[[hold]]\nname = 'pea'\nversions = '3'\n", 1, "needs versions"),
        ("[[hold]]\nname = 'pea'\n", 1, "needs versions"),
        ("[[hold]]\nname = 'pea'\nversions = '<3'\nwhy = ''\n", 1, 'no "why"'),
        ("[[hold]]\nname = 'pea'\nversions = '<3'\nreason = 3\n", 1, "reason must be a text"),
        ("[[hold]]\nname = 'pea'\nversions = '<3'\nuntil = '2027'\n", 1, "until must be a day"),
        ("[[hold]]\nname = 'pea'\nversions = '<3'\nsince = 7\n", 1, "since must be a day"),
        ("[hold]\nname = 'pea'\n", 1, "[[hold]] table"),
        ("hold = ['pea']\n", 1, "[[hold]] table"),
        ("\n[min-age]\nage = 7\n", 2, "an age is a text"),
        ("[min-age]\nage = 'soon'\n", 1, "an age is a text"),
        ("[min-age]\nage = ''\n", 1, "an age is a text"),
        ("[min-age]\nage = '-7d'\n", 1, "an age is a text"),
        ("[min-age]\nindexes = { '' = '7d' }\n", 1, "without an address"),
        ("[min-age]\nindexes = { ' / ' = '7d' }\n", 1, "without an address"),
        ("[[hold]]\nname = 'pea'\nversions = '===1.0-odd'\n", 1, "needs versions"),
        ("[[hold]]\nname = 'pea'\nversions = '<3,===*'\n", 1, "needs versions"),
        ("[min-age]\nage = '99999999999999999999d'\n", 1, "an age is a text"),
        ("[min-age]\npackages = { 'a b' = '7d' }\n", 1, "not the name of a package"),
        ("[min-age]\npackages = 3\n", 1, "packages must be a table"),
        ("[min-age]\ndays = 3\n", 1, 'no "days"'),
        ("min-age = 3\n", 1, "[min-age] as a table"),
        ("advisories = 3\n", 1, "[advisories] as a table"),
        ("x = " + "[" * 5000, 1, ""),
        ("[min-age]\nage = '" + "9" * 5000 + "d'\n", 1, "an age is a text"),
        ("[min-age]\npackages = { Pea_Nut = '1d', pea-nut = '7d' }\n", 1, "pea-nut twice"),
        ("[min-age.indexes]\n'https://a' = '1d'\n'https://a/' = '2d'\n", 1, "twice"),
        ("[advisories]\nsource = ['x']\n", 1, 'no "source"'),
        ("[[hold]]\nname = 'pea'\nversions = ['<3']\n", 1, "versions must be a text"),
        ("[[hold]]\nname = 'pea'\nversions = '<3,,<4'\n", 1, "needs versions"),
        ("[[hold]]\nname = 'pea'\nversions = '<3; os_name'\n", 1, "needs versions"),
        (f"{HELD}until = 2027-01-31T00:00:00Z\n", 1, "until must be a day"),
        (f"{HELD}until = 07:30:00\n", 1, "until must be a day"),
        (f"{HELD}since = 07:30:00\n", 1, "since must be a day"),
        (f"{HELD}since = 0001-01-01T00:00:00+23:59\n", 1, "too early"),
        (f"{HELD}\n[[hold]]\r\nname = 3\r\n", 5, "name must be a text"),
        ("\ufeff\n[hold]\n", 2, "[[hold]] table"),
        ("# a\u2028b\x85\n[min-age]\nage = 7\n", 2, "an age is a text"),
        ("hold.name = 'pea'\n", 1, "[[hold]] table"),
    ],
)
def test_error_names_the_line_and_the_reason(text: str, line: int, reason: str) -> None:
    with pytest.raises(PolicyUnreadable) as caught:
        parse_policy(text, FILE)
    assert (caught.value.file, caught.value.line) == (FILE, line)
    assert reason in caught.value.reason
    assert f"{FILE}, line {line} cannot be used" in str(caught.value)


def test_block_is_removed_and_comes_back_with_its_comments() -> None:
    pandas = Hold(name="pandas", versions="<3")
    block = find_block(TEXT, pandas, FILE)
    assert block.startswith("[[hold]]  # charts\n")
    without = replace_block(TEXT, block, "", FILE)
    assert [hold.name for hold in parse_policy(without, FILE).holds] == ["numpy"]
    assert {line for line in TEXT.splitlines() if line.startswith("#")} <= {*without.splitlines()}
    back = replace_block(without, "", block, FILE)
    assert block in back
    assert {hold.name for hold in parse_policy(back, FILE).holds} == {"pandas", "numpy"}


def test_block_is_changed_in_place() -> None:
    old = find_block(TEXT, Hold(name="Pandas", versions="<3"), FILE)
    new = hold_block(Hold(name="pandas", versions="<3", reason='"why"\u202e\t\\'))
    changed = replace_block(TEXT, old, new, FILE)
    assert changed == TEXT.replace(old, new)
    assert parse_policy(changed, FILE).holds[0].reason == '"why"\u202e\t\\'


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (f"\ufeff{HELD}", ["pea<3"]),
        (HELD.replace("\n", "\r\n"), ["pea<3"]),
        ("min-age.age = '7d'\nmin-age.packages.pea = '0d'\nadvisories.sources = []\n", []),
        ("[[\"hold\"]]\n'name' = 'pea'\nversions = '<3,'\n", ["pea<3,"]),
        (f"{HELD}until = 1999-12-31\nsince = 2026-01-01T00:30:00+02:00\n", ["pea<3"]),
        (f'{HELD}reason = "a\u2028[[hold]]\x85[b"\n', ["pea<3"]),
        (f"{HELD}\n{HELD.replace('pea', 'Pea')}", ["pea<3", "pea<3"]),
    ],
    ids=["mark", "crlf", "dotted", "quoted", "ended", "separators", "twice"],
)
def test_odd_text_is_read_and_edited_with_nothing_else_changed(text: str, holds: list[str]) -> None:
    assert [hold.requirement for hold in parse_policy(text, FILE).holds] == holds
    bean = Hold(name="bean", versions="<2", reason="a\u2028[b]")
    more = replace_block(text, "", hold_block(bean), FILE)
    assert more.startswith(text)
    assert more.count("\r\n") in (0, more.count("\n"))
    assert replace_block(more, hold_block(bean), "", FILE) == text  # as undo does
    for _ in holds:
        block = find_block(more, Hold(name="pea", versions="<3"), FILE)
        assert block
        more = replace_block(more, block, "", FILE)
    assert [hold.requirement for hold in parse_policy(more, FILE).holds] == ["bean<2"]


def test_missing_end_of_line_is_added() -> None:
    text = "[min-age]\nage = '7d'"
    block = hold_block(Hold(name="pea", versions="<2"))
    assert replace_block(text, "", block, FILE) == f"{text}\n\n{block}"
    assert replace_block("", "", block, FILE) == block


@pytest.mark.parametrize(
    "text",
    [
        "hold = [{ name = 'pea', versions = '<2' }]\n",
        "[min-age]\npackages = { pea = '1d' }\nreason = '''\n",
    ],
)
def test_edit_that_toml_forbids_is_refused(text: str) -> None:
    with pytest.raises(PolicyUnreadable):
        replace_block(text, "", hold_block(Hold(name="bean", versions="<2")), FILE)


def test_header_inside_of_a_text_is_no_hold() -> None:
    text = (
        "[[hold]]\nname = 'pea'\nversions = '<2'\nreason = '''\n[[hold]]\nname = 'bean'\n"
        "versions = '<9'\n'''\n"
    )
    assert [hold.name for hold in parse_policy(text, FILE).holds] == ["pea"]
    with pytest.raises(PolicyUnreadable):
        replace_block(text, "[[hold]]\nname = 'bean'\nversions = '<9'\n", "", FILE)


def test_random_edits_change_nothing_else() -> None:
    rng = random.Random(20)
    names = ["pea", "bean", "corn", "dill"]
    text, held = TEXT, {"pandas<3", "numpy!=2.3.0"}
    comments = [line for line in TEXT.splitlines() if line.startswith("#")]
    for _ in range(300):
        hold = Hold(name=rng.choice(names), versions=rng.choice(("<3", "!=1.0", "==2.1")))
        hold = Hold(name=hold.name, versions=hold.versions, reason=rng.choice(("", "# no", "[x]")))
        block = find_block(text, hold, FILE)
        after = "" if block and rng.random() < 0.6 else hold_block(hold)
        text = replace_block(text, block, after, FILE)
        held = held - {hold.requirement} if not after else held | {hold.requirement}
        policy = parse_policy(text, FILE)
        assert sorted(hold.requirement for hold in policy.holds) == sorted(held)
        assert [line for line in text.splitlines() if line.startswith("#")] == comments
    assert parse_policy(text, FILE).minimum_age == parse_policy(TEXT, FILE).minimum_age
