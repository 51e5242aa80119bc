"""Advisories affect exactly the versions that their records name."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import cvss, osv
from pkgwidgets.core.advisories import Advisory, Effect, group_by_alias, worst_effect

RECORDS = Path(__file__).parent.parent / "advisories" / "records.zip"
PEA = NormalizedName("pea")


def records() -> list[dict[str, Any]]:
    with zipfile.ZipFile(RECORDS) as archive:
        return [json.loads(archive.read(name)) for name in archive.namelist()]


def record(*events: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return a record about pea with one range."""
    part: dict[str, Any] = {"package": {"name": "pea", "ecosystem": "PyPI"}}
    if events:
        part["ranges"] = [{"type": "ECOSYSTEM", "events": list(events)}]
    part |= {key: more.pop(key) for key in ("versions", "ranges") if key in more}
    return {"id": "PYSEC-1", "affected": [part], **more}


def effect(found: Advisory, version: str) -> Effect:
    return found.effect(PEA, Version(version))


FROM_1_TO_2 = ({"introduced": "1.0"}, {"fixed": "2.0"})
FROM_9 = ({"introduced": "9"},)


@pytest.mark.parametrize("raw", records(), ids=lambda raw: raw["id"])
def test_bounds_agree_with_the_record_own_version_list(raw: dict[str, Any]) -> None:
    """For each bound: the versions just below, at and above it."""
    only_ranges = json.loads(json.dumps(raw))
    for part in only_ranges["affected"]:
        part["versions"] = []
    advisory = osv.read_record(only_ranges)
    compared = 0
    for part, whole in zip(advisory.affected, raw["affected"], strict=True):
        # Some lists have versions from before PEP 440: 0.7.1.fix1.
        listed = set(filter(None, map(osv.read_version, whole["versions"])))
        bounds = {e.version for r in part.ranges for e in r.events if e.version is not None}
        ordered = sorted(listed | bounds)
        for bound in bounds | {min(ordered), max(ordered)}:
            at = ordered.index(bound)
            for version in ordered[max(0, at - 1) : at + 2]:
                is_affected = part.effect(version) is Effect.AFFECTED
                assert is_affected == (version in listed), f"{part.name} {version}"
                compared += 1
    assert compared


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.9", Effect.NOT_AFFECTED),
        ("1.0.dev1", Effect.NOT_AFFECTED),
        ("1.0", Effect.AFFECTED),
        ("1.9.post1", Effect.AFFECTED),
        ("2.0rc1", Effect.AFFECTED),
        ("2.0", Effect.NOT_AFFECTED),
        ("2.0+local", Effect.NOT_AFFECTED),
        ("1!0.5", Effect.NOT_AFFECTED),
    ],
)
def test_range_from_introduced_to_fixed(version: str, expected: Effect) -> None:
    assert effect(osv.read_record(record(*FROM_1_TO_2)), version) is expected


def test_last_affected_counts_for_local_builds() -> None:
    advisory = osv.read_record(record({"introduced": "0"}, {"last_affected": "2.0.1"}))
    assert effect(advisory, "2.0.1+cu118") is Effect.AFFECTED
    assert effect(advisory, "0.dev0") is Effect.AFFECTED
    assert effect(advisory, "2.0.2") is Effect.NOT_AFFECTED


def test_two_branches_in_any_order() -> None:
    events = ({"fixed": "3.2"}, {"introduced": "3.0"}, {"introduced": "0"}, {"fixed": "2.5"})
    advisory = osv.read_record(record(*events))
    found = {v: effect(advisory, v) is Effect.AFFECTED for v in ("2.4", "2.5", "3.0", "3.1", "3.2")}
    assert found == {"2.4": True, "2.5": False, "3.0": True, "3.1": True, "3.2": False}
    assert advisory.fixed_after(PEA, Version("2.4")) == Version("2.5")
    assert advisory.fixed_after(PEA, Version("3.1")) == Version("3.2")


def test_limit_ends_a_range() -> None:
    advisory = osv.read_record(record({"introduced": "1.0"}, {"limit": "2.0"}))
    assert effect(advisory, "1.5") is Effect.AFFECTED
    assert effect(advisory, "2.5") is Effect.NOT_AFFECTED
    everything = osv.read_record(record({"introduced": "1.0"}, {"limit": "*"}))
    assert effect(everything, "9.0") is Effect.AFFECTED


def test_listed_version_counts_beside_a_range() -> None:
    advisory = osv.read_record(record(*FROM_1_TO_2, versions=["3.0.0", "not-a-version"]))
    assert effect(advisory, "3") is Effect.AFFECTED
    assert effect(advisory, "3.1") is Effect.NOT_AFFECTED


@pytest.mark.parametrize(
    "raw",
    [
        record(),
        record({"introduced": "1.0"}, {"fixed": "two"}),
        record({"fixed": "2.0"}),
        record({"began": "1.0"}),
        record(ranges=[{"type": "ECOSYSTEM"}]),
        record(ranges=[{"type": "GIT", "events": [{"introduced": "0"}]}]),
        record(ranges="1.0"),
        record(ranges=["1.0"]),
        record(versions="1.0", ranges=[{"type": "ECOSYSTEM", "events": [{"introduced": "9"}]}]),
        record({"introduced": "0"}, {"fixed": "*"}),
        record(ranges=[{"type": "ECOSYSTEM", "events": ["introduced 0", {"introduced": "9"}]}]),
        record(ranges=[{"type": "ECOSYSTEM", "events": [{"introduced": ["0"]}]}]),
        record(ranges=[{"type": "NEW", "events": [{"introduced": "0"}]}], versions=["9"]),
        record(versions=["9", 1.5]),
        record(*FROM_9, ranges=[{"type": "ECOSYSTEM"}, {"type": ["GIT"]}]),
    ],
    ids=range(15),
)
def test_unreadable_record_is_unknown_never_safe(raw: dict[str, Any]) -> None:
    assert effect(osv.read_record(raw), "1.5") is Effect.UNKNOWN


@pytest.mark.parametrize(
    ("withdrawn", "expected"),
    [
        ("2024-01-01T00:00:00Z", Effect.NOT_AFFECTED),
        ("2024-01-01T00:00:00.123456789+02:00", Effect.NOT_AFFECTED),
        ("2999-01-01T00:00:00Z", Effect.AFFECTED),  # not withdrawn yet
        ("2016-12-31T23:59:60Z", Effect.NOT_AFFECTED),  # a leap second
        ("2024-01-01t00:00:00z", Effect.NOT_AFFECTED),
        ("1969-12-31T23:59:59Z", Effect.NOT_AFFECTED),
        ("0001-01-01T00:00:00+23:59", Effect.AFFECTED),  # before the first time that Python has
        *[(value, Effect.AFFECTED) for value in (None, "", "no", "2024-99-01")],
        (True, Effect.AFFECTED),
        ({}, Effect.AFFECTED),
    ],
)
def test_record_that_is_withdrawn_at_a_time_affects_nothing(
    withdrawn: object, expected: Effect
) -> None:
    advisory = osv.read_record(record(*FROM_1_TO_2, withdrawn=withdrawn))
    assert effect(advisory, "1.5") is expected


def test_record_that_is_withdrawn_later_says_when() -> None:
    times = {
        "2999-01-01T02:00:00+02:00": datetime(2999, 1, 1, tzinfo=UTC),
        **dict.fromkeys(("2024-01-01T00:00:00Z", "no", "")),
    }
    read = {text: osv.read_record(record(*FROM_1_TO_2, withdrawn=text)) for text in times}
    assert {text: found.withdrawn_later for text, found in read.items()} == times


@pytest.mark.parametrize(
    ("ranges", "affected"),
    [
        ([[{"introduced": "0"}]], "0.dev0 1.0 9!1"),
        ([[{"introduced": "1.0"}]], "1.0 9!1"),
        ([[{"introduced": "0"}, {"last_affected": "0.5"}], [{"introduced": "2"}]], "0.dev0 9!1"),
        ([[{"introduced": "1.0"}, {"last_affected": "1.0"}]], "1.0"),
        ([[{"introduced": "1.0", "fixed": "2"}]], "1.0"),
        ([[{"introduced": "0"}, {"limit": "1"}, {"limit": "0.9"}]], "0.dev0"),
        ([[{"introduced": "0"}, {"fixed": "0"}]], ""),
    ],
)
def test_odd_ranges(ranges: list[list[dict[str, str]]], affected: str) -> None:
    typed = [{"type": "ECOSYSTEM", "events": events} for events in ranges]
    advisory = osv.read_record(record(ranges=typed))
    versions = ("0.dev0", "1.0", "9!1")
    found = [v for v in versions if effect(advisory, v) is Effect.AFFECTED]
    assert found == affected.split()
    assert all(effect(advisory, v) is not Effect.UNKNOWN for v in versions)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-12:00", 7])
def test_time_that_cannot_be_read_is_unknown(text: object) -> None:
    assert osv.read_record(record(*FROM_1_TO_2, modified=text)).modified is None


def test_withdrawn_record_lends_its_group_no_id_and_no_severity() -> None:
    old = {**record(withdrawn="2024-01-01T00:00:00Z"), "aliases": ["GHSA-1"]}
    old["database_specific"] = {"severity": "CRITICAL"}
    new = {**record(*FROM_1_TO_2), "id": "GHSA-1", "aliases": ["PYSEC-1"]}
    new["database_specific"] = {"severity": "LOW"}
    (group,) = group_by_alias(map(osv.read_record, (old, new)))
    assert (group.id, group.aliases, group.severity) == ("GHSA-1", ("PYSEC-1",), "low")
    (gone,) = group_by_alias([osv.read_record(old)])
    assert (gone.id, gone.severity) == ("PYSEC-1", "critical")


def test_parts_for_other_ecosystems_are_left_out() -> None:
    raw = record(*FROM_1_TO_2)
    raw["affected"][0]["package"] = {"name": "pea", "ecosystem": "npm"}
    assert osv.read_record(raw).affected == ()
    raw["affected"][0]["package"] = {"name": "Pea", "ecosystem": "PyPI:https://index.example"}
    assert osv.read_record(raw).affected[0].name == PEA


_NO_PARTS: list[Any] = [
    *({}, "pea", ["pea"], [None], [[]]),
    [{"package": "pea"}],
    [{"package": {}}],
    [{"package": {"name": "pea"}}],
    [{"package": {"ecosystem": "PyPI"}}],
    [{"package": {"name": " ", "ecosystem": "PyPI"}}],
    [{"package": {"name": 3, "ecosystem": "PyPI"}}],
    [{"package": {"name": "pea", "ecosystem": ["PyPI"]}}],
]


@pytest.mark.parametrize(
    "raw",
    [
        *[None, [], {}, {"id": 3}, {"id": "../a"}, {"id": "a", "affected": 3}],
        *({"id": "a", "affected": affected} for affected in _NO_PARTS),
    ],
)
def test_what_is_no_record_is_refused(raw: object) -> None:
    with pytest.raises(osv.InvalidRecord):
        osv.read_record(raw)


def test_records_with_a_shared_alias_count_once() -> None:
    first = osv.read_record(record(*FROM_1_TO_2, aliases=["CVE-1"]))
    raw = {**record({"introduced": "0"}, {"fixed": "2.1"}), "id": "GHSA-1", "aliases": ["CVE-1"]}
    raw["database_specific"] = {"severity": "MODERATE"}
    other = {**record(*FROM_1_TO_2), "id": "PYSEC-2"}
    groups = group_by_alias([first, osv.read_record(raw), osv.read_record(other)])
    assert [(group.id, group.aliases) for group in groups] == [
        ("PYSEC-1", ("CVE-1", "GHSA-1")),
        ("PYSEC-2", ()),
    ]
    assert groups[0].severity == "medium"
    # One record fixes it in 2.0, the other only in 2.1: the later one counts.
    assert groups[0].fixed_after(PEA, Version("1.5")) == Version("2.1")
    assert worst_effect(groups, PEA, Version("2.0")) is Effect.AFFECTED


def test_record_that_one_source_disputes_stays_unknown() -> None:
    raw = record(*FROM_1_TO_2, modified="2026-01-02T00:00:00Z")
    plain = osv.read_record(raw)
    disputed = plain.named_for(PEA, Version("2.0"))
    for found in ([disputed, plain], [plain, disputed]):
        groups = group_by_alias(found)
        effects = [worst_effect(groups, PEA, Version(v)) for v in ("1.5", "2.0", "2.1")]
        assert effects == [Effect.AFFECTED, Effect.UNKNOWN, Effect.NOT_AFFECTED]
    assert plain.named_for(PEA, Version("1.5")) == plain


def test_records_joined_by_a_third_one_are_one_group() -> None:
    one, two = {"id": "A-1", "aliases": ["C-1"]}, {"id": "B-1", "aliases": ["C-2"]}
    third = {"id": "D-1", "aliases": ["C-1", "C-2"]}
    groups = group_by_alias(map(osv.read_record, (one, two, third)))
    assert len(groups) == 1
    assert set(groups[0].aliases) | {groups[0].id} == {"A-1", "B-1", "C-1", "C-2", "D-1"}


@pytest.mark.parametrize(
    ("vector", "score", "severity"),
    [  # scores of the calculator of the specification
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "medium"),
        ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8, "high"),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", 1.6, "low"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, ""),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None, ""),
        ("CVSS:3.1/AV:N", None, ""),
        ("7.5", None, ""),
    ],
)
def test_cvss_base_score(vector: str, score: float | None, severity: str) -> None:
    assert cvss.base_score(vector) == score
    assert cvss.severity(vector) == severity


def test_hostile_texts_are_kept_short_and_printable() -> None:
    raw = record(*FROM_1_TO_2, summary="a\x1b[31m" + "b" * 10_000)
    raw["references"] = [{"url": "javascript:alert(1)"}, {"url": "https://ok.example/a"}, 3]
    advisory = osv.read_record(raw)
    assert "\x1b" not in advisory.summary
    assert len(advisory.summary) <= 500
    assert advisory.links == ("https://ok.example/a",)


def test_names_are_normalized() -> None:
    raw = record(*FROM_1_TO_2)
    raw["affected"][0]["package"]["name"] = "Scikit_Learn"
    assert osv.read_record(raw).affected[0].name == canonicalize_name("scikit-learn")


@pytest.mark.parametrize("affected", [None, [], [{"ranges": []}], [{"package": None}]])
def test_record_about_no_package_is_read(affected: object) -> None:
    assert osv.read_record({"id": "a", "affected": affected}).affected == ()


@pytest.mark.parametrize("ecosystem", ["pypi", "PYPI", "PyPI ", "pypi:https://index.example"])
def test_ecosystem_in_another_spelling_is_read(ecosystem: str) -> None:
    package = {"name": " pea ", "ecosystem": ecosystem}
    raw = {"id": "a", "affected": [{"package": package, "versions": ["1"]}]}
    assert effect(osv.read_record(raw), "1") is Effect.AFFECTED
