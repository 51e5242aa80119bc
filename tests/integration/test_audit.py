"""An audit finds the smallest safe step; a fix takes it; what is unknown never looks safe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import Oracle
from osv_server import OsvServer

from pkgwidgets import PackageService, PkgwidgetsError
from pkgwidgets.core.errors import NoAdvisorySource, PackageNotFound, SourceNotAgreed
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


def record(name: str, *events: dict[str, str], **more: Any) -> dict[str, Any]:
    part = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    modified = pd.Timestamp.now("UTC").isoformat()
    return {"id": f"TEST-{name}-{len(events)}", "modified": modified, "affected": [part], **more}


@pytest.fixture
def put(garden: Demo) -> Any:
    """Replace the demo's advisories."""

    def write(*records: dict[str, Any]) -> None:
        folder = garden.folder / "advisories"
        for file in folder.glob("*.json"):
            file.unlink()
        for number, content in enumerate(records):
            (folder / f"{number}.json").write_text(json.dumps(content))

    return write


def test_frame_has_the_documented_columns(service: PackageService) -> None:
    frame = service.check_advisories()
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "package": "string",
        "version": "string",
        "advisory": "string",
        "aliases": "string",
        "severity": "category",
        "fixed_in": "string",
        "safe_version": "string",
        "blocked_by": "string",
        "source": "string",
        "as_of": "datetime64[ns, UTC]",
        "error": "string",
    }
    shown = (
        frame[["package", "severity", "safe_version", "blocked_by"]].astype(object).fillna("none")
    )
    assert shown.to_numpy().tolist() == [
        ["seedshelf", "high", "1.4.2", ""],
        ["raintable", "medium", "none", "allotboard (raintable<3)"],
    ]
    assert frame["error"].isna().all()


def test_empty_audit_has_the_same_columns(service: PackageService, put: Any) -> None:
    put(record("other", {"introduced": "0"}))
    frame = service.check_advisories()
    assert len(frame) == 0
    assert str(frame["as_of"].dtype) == "datetime64[ns, UTC]"
    assert not service.plan_fix()


def test_fix_takes_the_smallest_step_and_undo_goes_back(
    service: PackageService, garden: Demo, tree: Oracle
) -> None:
    garden.index.publish(
        *(
            BuiltWheel(name="seedshelf", version=version, files={"seedshelf.py": "x = 1\n"})
            for version in ("1.5.0", "1.6.0")
        )
    )
    before = tree(garden.folder / "env")
    plan = service.plan_fix()
    assert plan.pins == ("seedshelf==1.4.2",)
    service.apply(plan)
    assert service.get_package("seedshelf").version == "1.4.2"
    assert "seedshelf" not in set(service.check_advisories()["package"])
    service.undo()
    assert tree(garden.folder / "env") == before


def test_safe_version_passes_over_affected_yanked_and_pre_releases(
    service: PackageService, garden: Demo, put: Any
) -> None:
    wheels = {"1.4.3": "", "1.4.4": "", "1.4.5rc1": "", "1.5": "broken", "1.6": ""}
    garden.index.publish(
        *(
            BuiltWheel(
                name="seedshelf",
                version=version,
                files={"seedshelf.py": "x = 1\n"},
                yanked=yanked or None,
            )
            for version, yanked in wheels.items()
        )
    )
    put(
        record("seedshelf", {"introduced": "0"}, {"fixed": "1.4.3"}),
        # This one does not affect the installed version, but it affects what fixes the first.
        record("seedshelf", {"introduced": "1.4.2"}, {"fixed": "1.4.5"}, {"introduced": "9"}),
    )
    row = service.check_advisories("seedshelf").iloc[0]
    assert (row["fixed_in"], row["safe_version"]) == ("1.4.3", "1.6")


def test_two_ids_of_one_vulnerability_are_one_row(service: PackageService, put: Any) -> None:
    events = ({"introduced": "0"}, {"fixed": "1.4.2"})
    put(
        record("seedshelf", *events, id="GHSA-1", aliases=["CVE-1"]),
        record("seedshelf", *events, id="PYSEC-1", aliases=["CVE-1"]),
    )
    frame = service.check_advisories()
    assert frame[["advisory", "aliases"]].to_numpy().tolist() == [["PYSEC-1", "CVE-1, GHSA-1"]]


def test_old_data_is_said_for_every_package(service: PackageService, put: Any) -> None:
    old = record("seedshelf", {"introduced": "0"}, modified="2024-10-01T00:00:00Z")
    put(old)
    frame = service.check_advisories()
    assert len(frame) == 11
    assert frame["error"].str.contains("the newest data of").all()
    assert frame["as_of"].dt.year.unique().tolist() == [2024]


def test_dead_source_leaves_every_package_unknown(service: PackageService, garden: Demo) -> None:
    for file in (garden.folder / "advisories").iterdir():
        file.unlink()
    frame = service.check_advisories()
    assert len(frame) == 11
    assert frame["advisory"].isna().all()
    assert frame["error"].notna().all()
    assert not service.plan_fix()


def test_one_dead_source_of_two_is_said(service: PackageService, garden: Demo) -> None:
    records = str(garden.folder / "advisories")
    audit = service.values.audit(sources=[records, str(garden.folder / "none.zip")])
    assert len(audit.rows) == 11
    assert {row.advisory for row in audit.findings} == {"DEMO-2026-1", "DEMO-2026-2"}
    assert all("none.zip" in row.error for row in audit.rows)
    assert all(row.safe_version is None for row in audit.findings)


def test_editable_package_is_not_sent(service: PackageService, garden: Demo) -> None:
    """Its version may be of no release, and its name may be private."""
    info = garden.site_packages / "seedshelf-1.4.1.dist-info" / "direct_url.json"
    info.write_text('{"url": "file:///src", "dir_info": {"editable": true}}')
    with OsvServer([]) as server:
        service.use_advisories(server.url)
        audit = service.values.audit(sources=[server.url])
        sent = {query["package"]["name"] for query in server.requests[0][1]["queries"]}
    assert len(sent) == 10
    assert "seedshelf" not in sent
    assert [(row.id, "editable" in row.error) for row in audit.rows] == [("seedshelf", True)]


def test_unreadable_package_is_unknown_without_a_version(
    service: PackageService, garden: Demo
) -> None:
    (garden.site_packages / "frostcall-1.9.3.dist-info" / "METADATA").write_text("Name: \n")
    (row,) = service.values.audit().unknown
    assert (row.name, row.version) == ("frostcall", None)
    assert "cannot be read" in row.error
    frame = service.check_advisories()
    assert frame.loc[frame["package"] == "frostcall", "version"].isna().all()


def test_nothing_is_sent_before_the_user_agreed(service: PackageService, garden: Demo) -> None:
    with OsvServer([]) as server:
        with pytest.raises(SourceNotAgreed, match="names and versions"):
            service.values.audit(sources=[server.url])
        settings = garden.folder / "env" / "pkgwidgets.toml"
        settings.write_text(f'[advisories]\nsources = ["{server.url}"]\n')
        with pytest.raises(SourceNotAgreed):
            service.check_advisories()
        assert server.requests == []
        service.use_advisories(server.url)
        assert len(service.check_advisories()) == 0
        assert [path for path, _ in server.requests] == ["/v1/querybatch"]


def test_no_source_is_an_error_with_the_way_on(service: PackageService, garden: Demo) -> None:
    (garden.folder / "env" / "pkgwidgets.toml").unlink()
    with pytest.raises(NoAdvisorySource, match="use_advisories"):
        service.check_advisories()
    service.use_advisories(garden.folder / "advisories")
    assert len(service.check_advisories()) == 2


def test_variable_names_the_sources(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PKGWIDGETS_ADVISORIES", str(garden.folder / "none.zip"))
    assert len(service.check_advisories()) == 11


@pytest.mark.parametrize(
    "text", ["[advisories", "advisories = 3", "[advisories]\nsources = 3", "\x00"]
)
def test_broken_file_is_named(service: PackageService, garden: Demo, text: str) -> None:
    (garden.folder / "env" / "pkgwidgets.toml").write_text(text)
    with pytest.raises(PkgwidgetsError, match=r"pkgwidgets\.toml"):
        service.check_advisories()


@pytest.mark.parametrize("source", ["", " ", "ftp://host/x", "http://", "a\nb", 3])
def test_bad_source_is_refused(service: PackageService, source: Any) -> None:
    with pytest.raises(PkgwidgetsError, match="source"):
        service.use_advisories(source)


def test_unknown_name_is_refused_before_a_request(service: PackageService) -> None:
    with pytest.raises(PackageNotFound):
        service.check_advisories("nobody")
    with pytest.raises(PackageNotFound):
        service.plan_fix("nobody")


def test_same_answers_from_a_service(service: PackageService, garden: Demo) -> None:
    folder = garden.folder / "advisories"
    records = [json.loads(file.read_text()) for file in folder.iterdir()]
    with OsvServer(records) as server:
        service.use_advisories(server.url)
        asked = service.values.audit(sources=[server.url])
    read = service.values.audit()
    steps = [(row.advisory, row.safe_version, row.blocked_by) for row in asked.rows]
    assert steps == [(row.advisory, row.safe_version, row.blocked_by) for row in read.rows]


def test_service_that_contradicts_its_record_leaves_the_package_unknown(
    service: PackageService,
) -> None:
    raw = record("seedshelf", {"introduced": "0"}, {"fixed": "1.4.1"})
    with OsvServer([raw]) as server:
        server.answer = lambda query: (  # type: ignore[method-assign]
            {"vulns": [{"id": raw["id"], "modified": raw["modified"]}]}
            if query["package"]["name"] == "seedshelf"
            else {}
        )
        service.use_advisories(server.url)
        audit = service.values.audit(sources=[server.url])
    assert audit.findings == ()
    (row,) = audit.unknown
    assert (row.id, row.advisory, row.effect.value) == ("seedshelf", raw["id"], "unknown")
    assert "not known whether it affects this version" in row.error


def test_fix_of_one_package_leaves_the_others(service: PackageService, put: Any) -> None:
    put(
        record("seedshelf", {"introduced": "0"}, {"fixed": "1.4.2"}),
        record("sundrift", {"introduced": "0"}, {"fixed": "2.1.0"}),
    )
    assert service.plan_fix("seedshelf").pins == ("seedshelf==1.4.2",)
    assert service.plan_fix(["Seed_Shelf".replace("_", "")]).pins == ("seedshelf==1.4.2",)


def test_hostile_texts_stay_texts(service: PackageService, put: Any) -> None:
    summary = "<img src=x onerror=alert(1)>\x1b[31m"
    put(record("seedshelf", {"introduced": "0"}, {"fixed": "1.4.2"}, summary=summary))
    (row,) = service.values.audit().findings
    assert "\x1b" not in row.summary
    assert "<img" not in service.check_advisories().to_html()


def test_path_with_a_tilde_is_the_home(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (garden.folder / "advisories").rename(tmp_path / "records")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(service.values.audit(sources=["~/records"]).findings) == 2


def test_fix_may_be_younger_than_the_minimum_age_and_its_plan_says_so(
    service: PackageService, garden: Demo
) -> None:
    file = service.prefix / "pkgwidgets.toml"
    with file.open("a", encoding="utf-8") as settings:
        settings.write('\n[min-age]\nage = "9999999d"\n')  # all releases are too young
    assert service.plan_upgrade().pins == ()
    plan = service.plan_fix("seedshelf")
    assert plan.pins == ("seedshelf==1.4.2",)
    (note,) = (note for note in plan.notes if "passes the minimum age of 9999999d" in note)
    assert ": it fixes " in note


def test_hold_forbids_a_safe_version(service: PackageService) -> None:
    service.hold("seedshelf", "<1.4.2", reason="charts")
    (row,) = service.values.audit("seedshelf").findings
    assert row.safe_version is None
    assert "charts" in row.blocked_by
    assert not service.plan_fix("seedshelf")
