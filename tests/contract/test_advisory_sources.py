"""Each source of advisories answers the same; what it does not know is never "no advisory"."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from osv_server import OsvServer
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.advisories.answer_cache import AnswerCache
from pkgwidgets.backends.advisories.index_api import IndexApi
from pkgwidgets.backends.advisories.osv_service import OsvService
from pkgwidgets.backends.advisories.record_files import RecordFiles
from pkgwidgets.core.advisories import Effect
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult, AdvisorySource
from pkgwidgets.core.errors import AdvisoriesUnavailable

ZIP = Path(__file__).parent.parent / "advisories" / "records.zip"
PEA, BEAN = NormalizedName("pea"), NormalizedName("bean")
PILLOW, MISTUNE = NormalizedName("pillow"), NormalizedName("mistune")


def all_records() -> list[dict[str, Any]]:
    with zipfile.ZipFile(ZIP) as archive:
        return [json.loads(archive.read(name)) for name in archive.namelist()]


def record(number: int, fixed: str = "2.0", modified: str = "2026-01-01T00:00:00Z") -> Any:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    package = {"name": "pea", "ecosystem": "PyPI"}
    affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    return {"id": f"PYSEC-{number}", "modified": modified, "affected": affected}


@pytest.fixture
def server() -> Iterator[OsvServer]:
    with OsvServer([record(1), record(2)]) as running:
        yield running


@pytest.fixture
def service(server: OsvServer, tmp_path: Path) -> OsvService:
    return OsvService(server.url, server.url, cache=AnswerCache(server.url, tmp_path))


@pytest.fixture
def impatient(server: OsvServer, tmp_path: Path) -> OsvService:
    """The service with the same cache, whose answers are never fresh."""
    cache = AnswerCache(server.url, tmp_path)
    return OsvService(server.url, server.url, cache=cache, fresh_seconds=0.0)


def ids(result: AdvisoryResult) -> list[str]:
    assert isinstance(result, AdvisoryAnswer), result
    return sorted(advisory.id for advisory in result.advisories)


@pytest.fixture(params=["folder", "zip", "service"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AdvisorySource]:
    """Each kind of source, with the same 170 records."""
    if request.param == "zip":
        yield RecordFiles(ZIP)
    elif request.param == "folder":
        with zipfile.ZipFile(ZIP) as archive:
            archive.extractall(tmp_path / "records")
        yield RecordFiles(tmp_path / "records")
    else:
        with OsvServer(all_records(), page_size=7) as server:
            yield OsvService(server.url, server.url, cache=AnswerCache(server.url, tmp_path))


def test_all_sources_answer_the_same(source: AdvisorySource) -> None:
    versions = {PILLOW: Version("9.0.0"), MISTUNE: Version("2.0.2"), PEA: Version("1.0")}
    answers = source.advisories_of(versions)
    assert ids(answers[MISTUNE]) == ["PYSEC-2022-237"]
    assert ids(answers[PEA]) == []
    expected = [r["id"] for r in all_records() if _lists(r, "pillow", "9.0.0")]
    assert ids(answers[PILLOW]) == sorted(expected)
    assert expected
    everything = source.advisories_of({PILLOW: None, PEA: None})
    assert len(ids(everything[PILLOW])) == sum(_lists(r, "pillow") for r in all_records())
    assert ids(everything[PEA]) == []


def _lists(raw: Any, name: str, version: str = "") -> bool:
    return any(
        part["package"]["name"].lower() == name and (not version or version in part["versions"])
        for part in raw["affected"]
    )


def test_service_gets_names_and_versions_and_nothing_else(
    service: OsvService, server: OsvServer
) -> None:
    service.advisories_of({PEA: Version("1.0+local"), BEAN: None})
    bodies = [body for path, body in server.requests if path == "/v1/querybatch"]
    assert bodies == [
        {
            "queries": [
                {"package": {"name": "pea", "ecosystem": "PyPI"}, "version": "1.0"},
                {"package": {"name": "bean", "ecosystem": "PyPI"}},
            ]
        }
    ]


def test_fresh_answers_need_no_request(service: OsvService, server: OsvServer) -> None:
    first = service.advisories_of({PEA: Version("1.0"), BEAN: Version("1.0")})
    server.requests.clear()
    again = service.advisories_of({PEA: Version("1.0"), BEAN: Version("1.0")})
    assert server.requests == []
    assert again == first
    service.advisories_of({PEA: Version("1.1")})
    assert [path for path, _ in server.requests] == ["/v1/querybatch"]  # the records are known


def test_modified_record_is_fetched_again(
    service: OsvService, server: OsvServer, impatient: OsvService
) -> None:
    service.advisories_of({PEA: Version("1.0")})
    server.records["PYSEC-1"] = record(1, fixed="1.0", modified="2026-02-02T00:00:00Z")
    assert ids(impatient.advisories_of({PEA: Version("1.0")})[PEA]) == ["PYSEC-2"]
    everything = impatient.advisories_of({PEA: None})[PEA]
    assert isinstance(everything, AdvisoryAnswer)
    changed = next(a for a in everything.advisories if a.id == "PYSEC-1")
    assert changed.effect(PEA, Version("1.0")) is Effect.NOT_AFFECTED


def test_dead_service_answers_from_the_cache_with_the_age(
    service: OsvService, server: OsvServer, impatient: OsvService
) -> None:
    service.advisories_of({PEA: Version("1.0")})
    server.fault = lambda path: (404, b"", "text/plain")
    answers = impatient.advisories_of({PEA: Version("1.0"), BEAN: Version("1.0")})
    known = answers[PEA]
    assert isinstance(known, AdvisoryAnswer)
    assert "last checked" in known.stale_reason
    assert isinstance(answers[BEAN], AdvisoriesUnavailable)


BAD = [
    b"",
    b"{",
    b"[]",
    b"3",
    b"null",
    b'"text"',
    b"{}",
    b'{"results": {}}',
    b'{"results": []}',
    b'{"results": [{}, {}, {}]}',
    b'{"results": [3]}',
    b'{"results": [[]]}',
    b'{"results": [{"vulns": {}}]}',
    b'{"results": [{"vulns": "a"}]}',
    b'{"results": [{"vulns": [3]}]}',
    b'{"results": [{"vulns": [{}]}]}',
    b'{"results": [{"vulns": [{"id": 3}]}]}',
    b'{"results": [{"vulns": [{"id": ""}]}]}',
    b'{"results": [{"vulns": [{"id": "../../x"}]}]}',
    b'{"results": [{"vulns": [{"id": "a/b"}]}]}',
    b'{"results": [{"vulns": [{"id": "a b"}]}]}',
    b'{"results": [{"vulns": [{"id": "a\\nb"}]}]}',
    b'{"results": [{"vulns": [{"id": "PYSEC-404"}]}]}',
    b'{"results": [{"next_page_token": 3}]}',
    b'{"results": [{"next_page_token": "for ever"}]}',
    b'{"results": [{"vulns": [], "next_page_token": {}}]}',
    b"\xff\xfe{}",
    b"<html>log in</html>",
    b'{"results": [' + b"[" * 3000 + b"]" * 3000 + b"]}",
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_bad_answer_of_a_batch_is_an_error(
    service: OsvService, server: OsvServer, body: bytes
) -> None:
    def fault(path: str) -> tuple[int, bytes, str] | None:
        return (200, body, "application/json") if path == "/v1/querybatch" else None

    server.fault = fault
    answer = service.advisories_of({PEA: Version("1.0")})[PEA]
    assert isinstance(answer, AdvisoriesUnavailable)
    assert answer.source == server.url


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 429, 500, 503])
def test_failed_request_is_an_error(service: OsvService, server: OsvServer, status: int) -> None:
    server.fault = lambda path: (status, b"", "text/plain")
    answer = service.advisories_of({PEA: Version("1.0")})[PEA]
    assert isinstance(answer, AdvisoriesUnavailable)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 3}', b'{"id": "A", "affected": 3}'])
def test_record_that_cannot_be_read_is_unknown(
    service: OsvService, server: OsvServer, body: bytes
) -> None:
    def fault(path: str) -> tuple[int, bytes, str] | None:
        return (200, body, "application/json") if path.endswith("PYSEC-1") else None

    server.fault = fault
    answer = service.advisories_of({PEA: Version("1.0")})[PEA]
    assert isinstance(answer, AdvisoryAnswer)
    effects = {advisory.effect(PEA, Version("1.0")) for advisory in answer.advisories}
    assert effects == {Effect.AFFECTED, Effect.UNKNOWN}


def test_record_that_excludes_the_version_it_is_named_for_is_unknown(
    service: OsvService, server: OsvServer, impatient: OsvService
) -> None:
    named = {"results": [{"vulns": [{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z"}]}]}

    def fault(path: str) -> tuple[int, bytes, str] | None:
        is_batch = path == "/v1/querybatch"
        return (200, json.dumps(named).encode(), "application/json") if is_batch else None

    server.fault = fault
    expected = {"2.0": Effect.UNKNOWN, "1.0": Effect.AFFECTED, "3.0": Effect.NOT_AFFECTED}
    for source in (service, service, impatient):  # asked, cached, and asked again
        answer = source.advisories_of({PEA: Version("2.0+local")})[PEA]
        assert isinstance(answer, AdvisoryAnswer)
        (advisory,) = answer.advisories
        assert {v: advisory.effect(PEA, Version(v)) for v in expected} == expected
    server.records["PYSEC-1"] = {**record(1), "withdrawn": "2026-01-02T00:00:00Z"}
    named["results"][0]["vulns"][0]["modified"] = "2026-01-02T00:00:00Z"
    answer = impatient.advisories_of({PEA: Version("2.0")})[PEA]
    assert isinstance(answer, AdvisoryAnswer)
    assert answer.advisories[0].effect(PEA, Version("2.0")) is Effect.NOT_AFFECTED


def test_closed_port_is_an_error(tmp_path: Path) -> None:
    with OsvServer([]) as closed:
        url = closed.url
    service = OsvService(url, url, cache=AnswerCache(url, tmp_path))
    assert isinstance(service.advisories_of({PEA: None})[PEA], AdvisoriesUnavailable)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"no zip"])
def test_file_that_is_no_zip_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "records.zip"
    if content is not None:
        path.write_bytes(content)
    answer = RecordFiles(path).advisories_of({PEA: None})[PEA]
    assert isinstance(answer, AdvisoriesUnavailable)


def test_empty_folder_is_an_error_not_a_clean_answer(tmp_path: Path) -> None:
    answer = RecordFiles(tmp_path).advisories_of({PEA: None})[PEA]
    assert isinstance(answer, AdvisoriesUnavailable)
    assert answer.reason == "it holds no .json file"


@pytest.mark.parametrize("text", ["", "[]", '{"id": "PYSEC-3", "affected": 5}', '{"id": "'])
def test_damaged_file_makes_the_answer_doubtful(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    (answer,) = RecordFiles(tmp_path).advisories_of({BEAN: Version("1.0")}).values()
    assert isinstance(answer, AdvisoriesUnavailable)
    assert answer.reason == "none of its .json files is a record"
    (tmp_path / "b.json").write_text(json.dumps(record(1)))
    (tmp_path / "package.json").write_text('{"name": "something else"}')
    (answer,) = RecordFiles(tmp_path).advisories_of({BEAN: Version("1.0")}).values()
    assert isinstance(answer, AdvisoryAnswer)
    assert answer.stale_reason == f"1 file of {tmp_path} cannot be read"
    (tmp_path / "a.json").unlink()
    (answer,) = RecordFiles(tmp_path).advisories_of({BEAN: Version("1.0")}).values()
    assert isinstance(answer, AdvisoryAnswer)
    assert answer.stale_reason == ""


def test_record_from_the_future_makes_no_old_folder_new(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(record(1, modified="2024-01-01T00:00:00Z")))
    (tmp_path / "b.json").write_text(json.dumps(record(2, modified="9000-01-01T00:00:00Z")))
    answer = RecordFiles(tmp_path).advisories_of({PEA: None})[PEA]
    assert isinstance(answer, AdvisoryAnswer)
    assert answer.as_of.year == 2024


def test_changed_folder_is_read_again(tmp_path: Path) -> None:
    source = RecordFiles(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(record(1)))
    assert ids(source.advisories_of({PEA: None})[PEA]) == ["PYSEC-1"]
    (tmp_path / "b.json").write_text(json.dumps(record(2)))
    assert ids(source.advisories_of({PEA: None})[PEA]) == ["PYSEC-1", "PYSEC-2"]


def test_damaged_cache_is_replaced(server: OsvServer, tmp_path: Path) -> None:
    cache = AnswerCache(server.url, tmp_path)
    service = OsvService(server.url, server.url, cache=cache)
    service.advisories_of({PEA: Version("1.0")})
    (file,) = tmp_path.glob("advisories-*.sqlite3")
    file.write_bytes(b"no database" * 1000)
    assert ids(service.advisories_of({PEA: Version("1.0")})[PEA]) == ["PYSEC-1", "PYSEC-2"]
    service.advisories_of({PEA: Version("1.0")})
    server.requests.clear()
    assert ids(service.advisories_of({PEA: Version("1.0")})[PEA]) == ["PYSEC-1", "PYSEC-2"]
    assert server.requests == []


def test_index_api_knows_the_asked_version_and_the_fixed_ones() -> None:
    page = {"vulnerabilities": [{"id": "PYSEC-1", "fixed_in": ["2.2", "3.1"], "link": "x"}]}
    with OsvServer([]) as server:
        server.fault = lambda path: (200, json.dumps(page).encode(), "application/json")
        answer = IndexApi(f"{server.url}/simple/", server.url).advisories_of({PEA: Version("2.0")})
        assert server.requests == [("/pypi/pea/2.0/json", None)]
    result = answer[PEA]
    assert isinstance(result, AdvisoryAnswer)
    (advisory,) = result.advisories
    effects = {v: advisory.effect(PEA, Version(v)).value for v in ("2.0", "2.2", "3.0", "3.1", "4")}
    assert effects == {
        "2.0": "affected",
        "2.2": "not affected",
        "3.0": "unknown",
        "3.1": "not affected",
        "4": "not affected",
    }


def test_index_that_names_a_fixed_version_leaves_it_unknown() -> None:
    page = {"vulnerabilities": [{"id": "PYSEC-1", "fixed_in": ["2.0"], "link": "x"}]}
    with OsvServer([]) as server:
        server.fault = lambda path: (200, json.dumps(page).encode(), "application/json")
        answer = IndexApi(f"{server.url}/simple/", server.url).advisories_of({PEA: Version("2.0")})
    result = answer[PEA]
    assert isinstance(result, AdvisoryAnswer)
    assert result.advisories[0].effect(PEA, Version("2.0")) is Effect.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b'{"vulnerabilities": 3}', b'{"vulnerabilities": [3]}'),
        b'{"vulnerabilities": [{"id": "PYSEC-1", "fixed_in": 5}]}',
    ],
)
def test_index_without_vulnerabilities_is_an_error(body: bytes) -> None:
    with OsvServer([]) as server:
        server.fault = lambda path: (200, body, "application/json")
        answer = IndexApi(f"{server.url}/simple/", server.url).advisories_of({PEA: Version("2.0")})
    assert isinstance(answer[PEA], AdvisoriesUnavailable)
