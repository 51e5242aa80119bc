"""The quick parse of a project page agrees with the full parse, in any order of files."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.index import project_page, release_parser
from pkgwidgets.core.releases import Release

PEA = canonicalize_name("pea-pod")
ODD = ("1.0rc1", "1.0.post1", "2.0.dev3", "1!0.1", "v3.1", "1.0+local.1", "2024.1", "3a1")


def file(version: str, tag: str = "py3-none-any", **fields: object) -> dict[str, object]:
    return {"filename": f"pea_pod-{version}-{tag}.whl", "hashes": {}, **fields}


def page(
    files: Sequence[dict[str, object]], versions: Sequence[str] | None = None
) -> project_page.Page:
    content: dict[str, object] = {"meta": {"api-version": "1.1"}, "files": files}
    if versions is not None:
        content["versions"] = versions
    return project_page.read(project_page.JSON, json.dumps(content).encode())


def quick(parsed: project_page.Page) -> Iterator[Release]:
    return release_parser.newest_releases(PEA, parsed, lambda version: False)


def version_files(releases: Iterator[Release]) -> list[tuple[str, set[str]]]:
    return [
        (str(release.version), {wheel.filename for wheel in release.wheels}) for release in releases
    ]


@pytest.mark.parametrize("seed", range(40))
def test_quick_parse_agrees_with_the_full_parse(seed: int) -> None:
    chance = random.Random(seed)
    versions = {f"{chance.randrange(12)}.{chance.randrange(30)}" for _ in range(30)}
    versions |= set(chance.sample(ODD, 4))
    spelled = sorted(versions, key=str if seed % 2 else Version)
    tags = ("py3-none-any", "cp311-cp311-win_amd64", "cp312-cp312-musllinux_1_2_x86_64")
    files = [file(version, tag) for version in spelled for tag in tags]
    parsed = page(files, chance.sample(spelled, len(spelled)))
    whole = version_files(release_parser.releases_from_page(PEA, parsed))
    assert [Version(version) for version, _ in whole] == sorted({*map(Version, versions)})[::-1]
    seen = dict(version_files(quick(parsed)))
    assert list(seen.items()) == whole[: len(seen)]
    assert len(seen) >= 3


def test_scattered_files_of_a_version_are_found_in_a_second_pass() -> None:
    files = [file("2.0", "cp311-none-any"), file("1.0"), file("2.0"), file("2.0.1rc1")]
    first, again, *_ = quick(page(files, ["1.0", "2.0"]))
    assert [wheel.filename for wheel in first.wheels] == ["pea_pod-2.0-py3-none-any.whl"]
    assert first.version == again.version
    assert len(again.wheels) == 2


def test_wheel_separated_from_its_sdist_by_dev_releases_is_found() -> None:
    files = [file("2.0"), *(file(f"2.1{dev}") for dev in ("", ".dev1", ".dev2"))]
    files.append({"filename": "pea_pod-2.1.tar.gz", "hashes": {}})
    newest = next(quick(page(files, ["2.0", "2.1", "2.1.dev1", "2.1.dev2"])))
    assert (str(newest.version), len(newest.wheels)) == ("2.1", 1)


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        ([file("2.0.0"), file("1.0")], ["1.0", "2"]),
        ([file("1.0")], ["1.0", "2.0"]),
        ([file("1.0")], None),
        ([file("1.0")], []),
    ],
    ids=["spelled otherwise", "without a file", "no versions", "none of them"],
)
def test_quick_parse_yields_nothing_for_an_inconsistent_page(
    files: list[dict[str, object]], versions: list[str] | None
) -> None:
    parsed = page(files, versions)
    assert list(quick(parsed)) == []
    assert next(release_parser.releases_from_page(PEA, parsed)).version in (
        Version("1.0"),
        Version("2.0"),
    )


def test_skipped_version_is_not_parsed() -> None:
    parsed = page([file("1.0"), file("2.0"), file("3.0")], ["1.0", "2.0", "3.0"])
    seen = release_parser.newest_releases(PEA, parsed, lambda version: version == Version("2.0"))
    assert [str(release.version) for release in seen] == ["3.0", "1.0"]


def test_quick_parse_of_unordered_files_is_bounded() -> None:
    versions = [f"1.{number}" for number in range(400)]
    apart = random.Random(3).sample(versions, len(versions))
    parsed = page([file(version) for version in apart], versions)
    seen = len(list(quick(parsed)))
    assert 0 < seen < len(versions)
    assert parsed.searched_bytes <= 8 * len(parsed)


def test_invalid_file_entry_matters_only_in_the_full_parse() -> None:
    parsed = page([{"filename": 7}, file("1.0"), file("2.0")], ["1.0", "2.0"])
    assert next(quick(parsed)).version == Version("2.0")
    with pytest.raises(ValueError, match="filename"):
        list(release_parser.releases_from_page(PEA, parsed))


@pytest.mark.parametrize(
    "text", ["9" * 5000, "1." + "9" * 5000, "1..0", "", ".", "1_0", "٢.0", "x"]
)
def test_invalid_version_is_skipped(text: str) -> None:
    parsed = page([file("1.0")], [text, "1.0"])
    assert [str(release.version) for release in quick(parsed)] == ["1.0"]


def test_leading_zeros_do_not_affect_the_version_order() -> None:
    for versions in (["1.9", "01.5"], ["01.5", "1.9"], ["01.9", "1.5"]):
        parsed = page([file(version) for version in versions], versions)
        assert next(quick(parsed)).version == Version("1.9")
        assert next(release_parser.releases_from_page(PEA, parsed)).version == Version("1.9")


def test_unparsable_html_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="foo"):
        project_page.read("text/html", b"<a href='pea-1.0.tar.gz'>x</a><![foo[ x ]]>")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"<html></html>",
        b"<!DOCTYPE html>\n<html><head><meta charset='utf-8'></head><body>\n</body></html>\n",
        b"<!DOCTYPE html><html><head><title>Links for pea</title></head><body></body></html>",
    ],
)
def test_empty_html_page_is_a_project_without_files(body: bytes) -> None:
    assert project_page.read("text/html", body).files == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"<html><body>Please log in</body></html>",
        b"<html><body><form action='/login'></form></body></html>",
        b"<html><head><script src='/portal.js'></script></head><body></body></html>",
        b"<html><head><title>Welcome</title></head><body></body></html>",
    ],
)
def test_html_page_of_something_else_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not the HTML page"):
        project_page.read("text/html", body)
