"""The publishers of releases (PEP 740): what is unknown never counts as unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from packaging.utils import NormalizedName

from pkgwidgets import PackageService
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.index import project_page, release_parser
from pkgwidgets.backends.index.provenance import IndexProvenance, read_publishers
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.lock import Export
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.provenance import Publisher
from pkgwidgets.demo import Demo, index_server
from pkgwidgets.demo.index_pages import provenance_json
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel

GITHUB = {"kind": "GitHub", "claims": None, "repository": "garden/pea", "workflow": "r.yml"}
NOT_VERIFIED = "(the index says so; pkgwidgets verifies no signatures)"


def wheel(version: str, publisher: str = "", **fields: Any) -> BuiltWheel:
    """Return another release of seedshelf, of which 1.4.1 is installed."""
    files = {"seedshelf.py": f"version = {version!r}\n"}
    return BuiltWheel(name="seedshelf", version=version, files=files, publisher=publisher, **fields)


def provenance(*publishers: object, **fields: object) -> dict[str, object]:
    bundles = [
        {"publisher": publisher, "attestations": [{"version": 1}]} for publisher in publishers
    ]
    return {"version": 1, "attestation_bundles": bundles, **fields}


def publisher(kind: str = "GitHub", **properties: str) -> Publisher:
    return Publisher(kind=kind, properties=tuple(sorted(properties.items())))


def test_publishers_are_read_without_their_claims() -> None:
    other = {"kind": "Google", "claims": {"sub": "7"}, "email": "a@example.invalid", "extra": 5}
    assert read_publishers(json.dumps(provenance(GITHUB, other)).encode()) == {
        publisher(repository="garden/pea", workflow="r.yml"),
        publisher("Google", email="a@example.invalid", extra="5"),
    }


def test_demo_serves_provenance_as_the_specification_says() -> None:
    served = json.loads(provenance_json(wheel("2.0", "garden/seedshelf")))
    (bundle,) = served["attestation_bundles"]
    assert served["version"] == 1
    assert set(bundle) == {"publisher", "attestations"}
    assert {"kind", "claims"} <= set(bundle["publisher"])
    (attestation,) = bundle["attestations"]
    assert set(attestation) == {"version", "verification_material", "envelope"}
    assert set(attestation["envelope"]) == {"statement", "signature"}
    assert set(attestation["verification_material"]) == {"certificate", "transparency_entries"}


_LONG = "x" * 5000
BAD_OBJECTS: list[object] = [
    None,
    3,
    [],
    "provenance",
    {},
    {"version": 1},
    provenance(GITHUB, version=2),
    provenance(GITHUB, version=True),
    provenance(GITHUB, version="1"),
    provenance(),
    provenance(GITHUB, attestation_bundles={}),
    provenance(GITHUB, attestation_bundles=[[]]),
    provenance(GITHUB, attestation_bundles=[{"publisher": GITHUB}]),
    provenance(GITHUB, attestation_bundles=[{"publisher": GITHUB, "attestations": []}]),
    provenance(GITHUB, attestation_bundles=[{"attestations": [{}]}]),
    provenance(None),
    provenance("GitHub"),
    provenance({"repository": "garden/pea"}),
    provenance({"kind": 3, "repository": "garden/pea"}),
    provenance({"kind": " ", "repository": "garden/pea"}),
    provenance({"kind": "GitHub", "claims": {"repository": "garden/pea"}}),
    provenance({"kind": "GitHub", "repository": ""}),
    provenance({"kind": "GitHub", "repository": _LONG}),
    provenance({"kind": _LONG, "repository": "garden/pea"}),
    provenance({"kind": "GitHub", **{f"key{n}": "x" for n in range(40)}}),
    provenance(*[GITHUB] * 60),
    provenance(GITHUB, {"kind": "GitHub"}),
]
BAD_BODIES = [
    *(json.dumps(value).encode() for value in BAD_OBJECTS),
    b"",
    b"<html>",
    b"\xff\xfe",
    b'{"version": 1, "attestation_bundles": ' + b"[" * 100_000,
    b'{"version": ' + b"1" * 10_000 + b"}",
    b" " * (2 << 20),
]


def ask(index: DemoIndex, *addresses: str) -> dict[str, Any]:
    """Return the answers of a source that knows this index alone."""
    source = IndexProvenance(lambda: IndexSources(indexes=(index.url,)))
    return dict(source.publishers_of(addresses))


@pytest.fixture(scope="module")
def index() -> Iterator[DemoIndex]:
    with DemoIndex() as running:
        yield running


def answer_with(index: DemoIndex, monkeypatch: pytest.MonkeyPatch, answer: Any) -> str:
    """Let an index answer every request with this; return the address of a provenance object."""
    monkeypatch.setattr(index, "_respond", lambda target, accept: answer)
    monkeypatch.setattr("pkgwidgets.backends.http.client.sleep", lambda seconds: None)
    return index.url.replace("/simple/", "/integrity/pea")


def test_good_answer_has_the_publishers(index: DemoIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(provenance(GITHUB)).encode()
    answer = index_server._Response(HTTPStatus.OK, body)
    address = answer_with(index, monkeypatch, answer)
    expected = {publisher(repository="garden/pea", workflow="r.yml")}
    assert ask(index, address) == {address: expected}


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bad_answer_is_a_reason(
    index: DemoIndex, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    address = answer_with(index, monkeypatch, index_server._Response(HTTPStatus.OK, body))
    (reason,) = ask(index, address).values()
    assert isinstance(reason, str)
    assert reason.startswith(f"the provenance of {index.url.removesuffix('/simple/')} is not avail")
    assert len(reason) < 250


@pytest.mark.parametrize("status", [301, 403, 404, 410, 500, 503])
def test_dead_address_is_a_reason(
    index: DemoIndex, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    headers = {"Location": "/elsewhere"} if status == 301 else {}
    answer = index_server._Response(HTTPStatus(status), headers=headers)
    address = answer_with(index, monkeypatch, answer)
    (reason,) = ask(index, address).values()
    assert isinstance(reason, str)
    assert ("redirect" if status == 301 else str(status)) in reason


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/p", "https://example.invalid/p", "file:///etc/passwd", "/p", "//x/p",
     "http://[", "http://127.0.0.1:99999999/p", "http://user:secret@127.0.0.1:9/p"],
)  # fmt: skip
def test_address_on_another_server_is_not_asked(index: DemoIndex, address: str) -> None:
    (reason,) = ask(index, address).values()
    assert reason == "its provenance is not on the server of the index, and no other is asked"


@pytest.mark.parametrize("body", [b"{}", json.dumps(provenance(GITHUB, version=2)).encode()])
def test_bad_answer_is_unknown_and_never_unchanged(
    garden: Demo, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    publish_both(garden, "garden/seedshelf", "garden/seedshelf")
    serve(garden, monkeypatch, lambda path: index_server._Response(HTTPStatus.OK, body))
    check_unknown(garden)


def test_one_dead_address_of_two_is_unknown(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_both(garden, "garden/seedshelf", "garden/seedshelf")
    dead = index_server._Response(HTTPStatus.NOT_FOUND)
    serve(garden, monkeypatch, lambda path: dead if "1.4.1" in path else None)
    check_unknown(garden)


@pytest.mark.parametrize(
    "value", [None, 3, "", {}, ["http://x"], "http://x/\u202e", "http://x/ y", "x" * 9000]
)
def test_odd_address_counts_as_no_attestation(value: object) -> None:
    file = {"filename": "pea-1.0-py3-none-any.whl", "provenance": value}
    body = json.dumps({"meta": {"api-version": "1.4"}, "files": [file]}).encode()
    page = project_page.read(project_page.JSON, body)
    (release,) = release_parser.releases_from_page(NormalizedName("pea"), page)
    assert release.wheels[0].provenance == ""
    assert release.attested == ""


@pytest.mark.parametrize("media_type", ["json", "html"])
def test_changed_publisher_is_in_plan_row_and_frame(
    garden: Demo, monkeypatch: pytest.MonkeyPatch, media_type: str
) -> None:
    if media_type == "html":
        respond = garden.index._respond
        monkeypatch.setattr(
            garden.index, "_respond", lambda target, accept: respond(target, "text/html")
        )
    service = PackageService(garden.python, index_url=garden.index_url)
    text = (
        "The publisher of frostcall changed: 2.0.0 is by GitHub frost-mirror/frostcall, "
        f"release.yml, 1.9.3 is by GitHub demo-garden/frostcall, release.yml {NOT_VERIFIED}"
    )
    assert text in service.plan_upgrade("frostcall").warnings
    assert text in service.plan_upgrade().warnings
    frame = service.check_for_updates()
    assert frame.loc["frostcall", "attestations"] == "all wheels of 2.0.0"
    assert frame.loc["raintable", "attestations"] == ""
    again = PackageService(garden.python, index_url=garden.index_url)  # from the caches
    info = again.get_package("frostcall", check_updates=True)
    assert info.attestations == "all wheels of 2.0.0"
    assert str(service.values.compare_publishers("frostcall")) == text


def test_dependency_whose_publisher_changed_is_in_the_plan(garden: Demo) -> None:
    wheels = garden.index._wheels.values()
    (new,) = (w for w in wheels if (w.name, w.version) == ("sundrift", "1.2.0"))
    garden.index.publish(replace(new, publisher="sun-mirror/sundrift"))
    service = PackageService(garden.python, index_url=garden.index_url)
    (note,) = service.plan_upgrade("bedplanner").notes
    assert note.startswith("The publisher of sundrift changed: 1.2.0 is by GitHub sun-mirror/")


def plan_fix(service: PackageService, garden: Demo) -> Plan:
    package = {"name": "frostcall", "ecosystem": "PyPI"}
    events = [{"introduced": "0"}, {"fixed": "2.0.0"}]
    affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    record = {"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "affected": affected}
    (garden.folder / "advisories" / "more.json").write_text(json.dumps(record))
    return service.plan_fix("frostcall")


def plan_restore(service: PackageService, garden: Demo) -> Plan:
    return service.plan_restore(Export(file_name="", text="frostcall==2.0.0\n"))


def plan_install(service: PackageService, garden: Demo) -> Plan:
    return service.plan_install("frostcall>=2")


@pytest.mark.parametrize("plan", [plan_fix, plan_restore, plan_install])
def test_changed_publisher_is_in_plans_of_every_kind(
    garden: Demo, plan: Callable[[PackageService, Demo], Plan]
) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    planned = plan(service, garden)
    assert planned.pins == ("frostcall==2.0.0",)
    assert [note for note in planned.notes if note.startswith("The publisher of frostcall changed")]


def test_way_back_to_an_older_release_needs_no_note(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    service.upgrade_package("frostcall")
    back = service.plan_restore(Export(file_name="", text="frostcall==1.9.3\n"))
    assert (back.pins, back.notes) == (("frostcall==1.9.3",), ())


def test_same_publisher_needs_no_note(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    assert service.plan_upgrade("sundrift").notes == ()
    comparison = service.values.compare_publishers("sundrift")
    assert comparison.verdict == "same"
    expected = f"sundrift 1.2.0 is by GitHub demo-garden/sundrift, release.yml {NOT_VERIFIED}"
    assert str(comparison) == expected


def test_lost_and_new_attestations(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    publish_both(garden, "garden/seedshelf", "")
    text = "The index has attestations for seedshelf 1.4.1, and none for the file of 9.0"
    assert service.plan_upgrade("seedshelf").notes == (text,)
    publish_both(garden, "", "garden/seedshelf")
    assert service.plan_upgrade("seedshelf").notes == ()
    comparison = service.values.compare_publishers("seedshelf")
    assert (comparison.verdict, comparison.publishers_before) == ("newly attested", ())
    publish_both(garden, "", "")
    assert service.values.compare_publishers("seedshelf").verdict == "not attested"


def test_installed_release_that_is_gone_is_unknown(garden: Demo) -> None:
    publish_both(garden, "", "garden/seedshelf")
    garden.index.withdraw("seedshelf", "1.4.1")
    assert "the index has no wheel of seedshelf 1.4.1" in check_unknown(garden)


def test_only_the_two_releases_are_asked_and_only_by_a_plan(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    service.check_for_updates()
    service.get_packages()
    assert not integrity_requests(garden)
    service.plan_upgrade("frostcall")
    asked = integrity_requests(garden)
    assert sorted(path.split("/")[3] for path in asked) == ["1.9.3", "2.0.0"]
    service.plan_upgrade("frostcall")
    assert integrity_requests(garden) == asked  # known for ten minutes


def test_planned_wheel_without_attestations_is_not_covered_by_others(garden: Demo) -> None:
    publish_both(garden, "garden/seedshelf", "")
    garden.index.publish(wheel("9.0", "garden/seedshelf", tag="py2-none-any"))
    service = PackageService(garden.python, index_url=garden.index_url)
    (note,) = service.plan_upgrade("seedshelf").notes
    assert note.endswith("and none for the file of 9.0")
    assert service.check_for_updates().loc["seedshelf", "attestations"] == "1 of 2 wheels of 9.0"


def test_text_of_a_publisher_shows_what_is_hidden(garden: Demo) -> None:
    publish_both(garden, "garden/seedshelf", "garden/\u202eseed\nshelf")
    service = PackageService(garden.python, index_url=garden.index_url)
    (note,) = service.plan_upgrade("seedshelf").notes
    assert "by GitHub garden/\\u202eseed shelf, release.yml" in note


def test_address_of_an_index_without_credentials_is_enough() -> None:
    sources = IndexSources(indexes=("https://user:secret@index.invalid/simple/",))
    source = IndexProvenance(lambda: sources)
    assert list(source._clients_by_server()) == ["https://index.invalid:443"]


def publish_both(garden: Demo, before: str, after: str) -> None:
    """Give the installed release of seedshelf and 9.0 these publishers."""
    wheels = garden.index._wheels.values()
    (old,) = (w for w in wheels if (w.name, w.version) == ("seedshelf", "1.4.1"))
    garden.index.publish(replace(old, publisher=before), wheel("9.0", after))


def serve(garden: Demo, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Any]) -> None:
    """Answer requests for provenance objects; None is the usual answer."""
    respond = garden.index._respond

    def replaced(target: str, accept: str) -> Any:
        usual = respond(target, accept)
        return (answer(target) or usual) if target.startswith("/integrity/") else usual

    monkeypatch.setattr(garden.index, "_respond", replaced)


def check_unknown(garden: Demo) -> str:
    """Check that the plan and the open row say that the publisher is unknown; return the note."""
    service = PackageService(garden.python, index_url=garden.index_url)
    plan = service.plan_upgrade("seedshelf")
    (note,) = plan.notes
    assert plan.pins == ("seedshelf==9.0",)
    assert note.startswith("Whether the publisher of seedshelf changed is unknown: ")
    assert service.values.compare_publishers("seedshelf").verdict == "unknown"
    return note


def integrity_requests(garden: Demo) -> list[str]:
    return [path for path in garden.index.requests if path.startswith("/integrity/")]


def test_query_keeps_the_addresses(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    name = NormalizedName("frostcall")
    (answer,) = service._backend.index.releases_of(IndexQuery([name])).values()
    assert not isinstance(answer, Exception)
    base = garden.index_url.removesuffix("simple/")
    addresses = [release.wheels[0].provenance for release in answer]
    assert addresses[0] == (
        f"{base}integrity/frostcall/2.0.0/frostcall-2.0.0-py3-none-any.whl/provenance"
    )
