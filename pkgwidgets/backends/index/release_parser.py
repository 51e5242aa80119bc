"""Make the releases of a project from its page; lazily, so that few are parsed if few are used."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core.compatibility import parse_requires_python
from pkgwidgets.core.releases import Release, Wheel

from .project_page import SDISTS, File, Page, spelled_version

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_PASSES = 6
"""Searches of a whole page for single releases; after that the page is decoded completely."""
_MAX_MAJOR_DIGITS = 20
_canonical_name = lru_cache(maxsize=4096)(canonicalize_name)


def newest_releases(
    project: NormalizedName, page: Page, skip_version: Callable[[Version], bool]
) -> Iterator[Release]:
    """Yield the newest releases by a quick search, without the skipped versions.

    For callers that take the first release that will do. A release is first made of adjacent
    files; if the caller wants another, it comes again with files found elsewhere. Ends early where
    the search cannot tell.
    """
    for version, spellings in _newest_first(page.versions):
        if skip_version(version):
            continue
        adjacent = _project_files(project, page.adjacent_files, spellings)
        # Another spelling, a version without files, or a page in no useful order.
        if not adjacent or page.searched_bytes > _MAX_PASSES * len(page):
            return
        yield _release(version, adjacent)
        if skip_version(version):
            continue
        # The caller did not take it: perhaps it will with the files found elsewhere.
        all_files = _project_files(project, page.all_files, spellings)
        if len(all_files) > len(adjacent):
            yield _release(version, all_files)


def _project_files(
    project: NormalizedName, search: Callable[[str], list[File]], spellings: list[str]
) -> list[File]:
    return [
        file
        for text in spellings
        for file in search(text)
        if _belongs_to(project, text, file.filename)
    ]


def releases_from_page(project: NormalizedName, page: Page) -> Iterator[Release]:
    """Yield the releases of a page, newest first; each is parsed when it is taken.

    Files of other projects, and files that are neither wheels nor sdists, are ignored.
    """
    files = page.files
    groups: dict[str, list[File]] | None = None
    for index, (version, spellings) in enumerate(_newest_first(_spelled_versions(files))):
        if index == 1:  # more than the newest is wanted: group the files once
            groups = _group_files(files)
        candidates = (
            files if groups is None else [f for text in spellings for f in groups.get(text, ())]
        )
        project_files = [
            file for text in spellings for file in _version_files(project, text, candidates)
        ]
        if project_files:
            yield _release(version, project_files)


def _newest_first(texts: Iterable[str]) -> Iterator[tuple[Version, list[str]]]:
    """Yield versions, newest first, with the texts that spell them; parse few if few are taken.

    The first number orders all but odd texts: those with an epoch or a leading letter.
    """
    by_major: dict[str, list[str]] = {}
    for text in texts:
        by_major.setdefault(text.partition(".")[0], []).append(text)
    majors: dict[int, list[str]] = {}
    odd: list[str] = []
    for major, same_major in by_major.items():
        is_plain = len(major) < _MAX_MAJOR_DIGITS and major.isascii() and major.isdigit()
        (majors.setdefault(int(major), []) if is_plain else odd).extend(same_major)
    ordered = sorted(majors, reverse=True)
    numbers = chain.from_iterable(_sorted_versions(majors[major]) for major in ordered)
    for version, group in groupby(
        _merge_sorted(numbers, list(_sorted_versions(odd))), itemgetter(0)
    ):
        yield version, [text for _, text in group]


_SpelledVersion = tuple[Version, str]


def _sorted_versions(texts: Iterable[str]) -> Iterator[_SpelledVersion]:
    """Yield versions, newest first; those of numbers alone are sorted as tuples."""
    plain: list[tuple[tuple[int, ...], str]] = []
    odd: list[str] = []
    for text in texts:
        try:
            plain.append((tuple(map(int, text.split("."))), text))
        except ValueError:  # letters, too many dots, or a number too long to be read
            odd.append(text)
    plain.sort(reverse=True)
    rest = sorted(_parse_versions(odd), key=itemgetter(0), reverse=True)
    return _merge_sorted(_parse_versions(text for _, text in plain), rest)


def _merge_sorted(
    many: Iterator[_SpelledVersion], few: list[_SpelledVersion]
) -> Iterator[_SpelledVersion]:
    """Merge two descending sequences; mostly the second is empty."""
    return heapq.merge(many, few, key=itemgetter(0), reverse=True) if few else many


def _parse_versions(texts: Iterable[str]) -> Iterator[_SpelledVersion]:
    for text in texts:
        with suppress(ValueError):  # no version, or a number too long to be read
            yield Version(text), text


def _spelled_versions(files: list[File]) -> set[str]:
    """Return the version texts of all file names, each once.

    A large page has thousands of files, and only this is done to all of them. Files of one version
    are mostly adjacent, so a name with the same prefix as the last one is skipped.
    """
    versions: set[str] = set()
    seen_prefix = "-"
    for file in files:
        name = file.filename
        if name.startswith(seen_prefix):
            continue
        text = spelled_version(name)
        if text is not None:
            versions.add(text)
            seen_prefix = f"{name.partition('-')[0]}-{text}-"
    return versions


def _group_files(files: list[File]) -> dict[str, list[File]]:
    groups: dict[str, list[File]] = {}
    for file in files:
        text = spelled_version(file.filename)
        if text is not None:
            groups.setdefault(text, []).append(file)
    return groups


def _version_files(project: NormalizedName, version: str, files: list[File]) -> Iterator[File]:
    part = f"-{version}"
    for file in files:
        if part in file.filename and _belongs_to(project, version, file.filename):
            yield file


def _belongs_to(project: NormalizedName, version: str, filename: str) -> bool:
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        return rest.startswith(f"{version}-") and _canonical_name(name) == project
    for ending in SDISTS:
        if filename.endswith(f"-{version}{ending}"):
            return _canonical_name(filename[: -len(version) - len(ending) - 1]) == project
    return False


def _release(version: Version, files: list[File]) -> Release:
    # PEP 592 marks files; a release counts as yanked when all of its files are.
    not_yanked = [file for file in files if not file.is_yanked]
    times = [file.upload_time for file in files if file.upload_time]
    wheels = [file for file in not_yanked or files if file.filename.endswith(".whl")]
    return Release(
        version=version,
        yanked=not not_yanked,
        yanked_reason="" if not_yanked else next(filter(None, _yanked_reasons(files)), ""),
        uploaded=_first_time(times),
        wheels=tuple(_wheel(file) for file in wheels),
    )


def _first_time(texts: list[str]) -> datetime | None:
    """Return the earliest upload time; None if none can be read."""
    if texts and all(text.endswith("Z") for text in texts):  # their order is that of the times
        first = _parse_time(min(texts))
        if first is not None:
            return first
    return min(filter(None, map(_parse_time, texts)), default=None)


def _yanked_reasons(files: list[File]) -> Iterator[str]:
    for file in files:
        yield file.yanked_reason


def _wheel(file: File) -> Wheel:
    # No file is larger, and the cache cannot store a larger number.
    size = file.size if file.size is not None and 0 <= file.size < 1 << 63 else None
    return Wheel(
        filename=file.filename,
        sha256=sha256(file),
        size=size,
        requires_python=parse_requires_python(file.requires_python),
        provenance=file.provenance_address,
    )


def sha256(file: File) -> str | None:
    """Return the sha256 of a file on a page; None if it is invalid, since pins quote it."""
    digest = file.hashes.sha256
    return digest if _SHA256.fullmatch(digest) else None


def _parse_time(text: str) -> datetime | None:
    """Parse an upload time (PEP 700, RFC 3339); None if it is invalid or has no zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
