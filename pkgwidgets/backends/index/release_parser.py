"""The releases of a project, made of its page; few are looked at if few are taken."""

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
_MAX_TURNS = 6
"""So many times a page is gone around for releases one by one; then it is read as a whole."""
_MAX_MAJOR_DIGITS = 20
_named = lru_cache(maxsize=4096)(canonicalize_name)


def newest_releases(
    id: NormalizedName, page: Page, skip_version: Callable[[Version], bool]
) -> Iterator[Release]:
    """Yield the newest releases at a quick look, as far as that can tell, without skipped versions.

    For who takes the first that will do: a release is first made of the files that stand together,
    and if another is wanted then made again, in case that others stand apart.
    """
    for version, spelled in _newest_first(page.versions):
        if skip_version(version):
            continue
        some = _own(id, page.together, spelled)
        # Spelled otherwise, or listed without a file; or in no order that would help.
        if not some or page.looked > _MAX_TURNS * len(page):
            return
        yield _release(version, some)
        if skip_version(version):
            continue
        # It will not do: perhaps with the files that stand apart it will.
        every = _own(id, page.all_of, spelled)
        if len(every) > len(some):
            yield _release(version, every)


def _own(id: NormalizedName, look: Callable[[str], list[File]], spelled: list[str]) -> list[File]:
    return [file for text in spelled for file in look(text) if _is_of(id, text, file.filename)]


def releases_from_page(id: NormalizedName, page: Page) -> Iterator[Release]:
    """Yield the releases of a page from the newest down; files are looked at only then.

    Files of other projects, and of kinds that are no wheel and no sdist, are passed over.
    """
    files = page.files
    groups: dict[str, list[File]] | None = None
    for nth, (version, spelled) in enumerate(_newest_first(_versions(files))):
        if nth == 1:  # more than the newest is wanted: from now on no page is gone through again
            groups = _grouped(files)
        near = files if groups is None else [f for text in spelled for f in groups.get(text, ())]
        own = [file for text in spelled for file in _files_of(id, text, near)]
        if own:
            yield _release(version, own)


def _newest_first(texts: Iterable[str]) -> Iterator[tuple[Version, list[str]]]:
    """Yield versions with the texts that spell them; few are parsed if few are taken.

    The first number decides for all but the odd ones, those with an epoch or a letter before.
    """
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(text.partition(".")[0], []).append(text)
    majors: dict[int, list[str]] = {}
    odd: list[str] = []
    for major, those in alike.items():
        plain = len(major) < _MAX_MAJOR_DIGITS and major.isascii() and major.isdigit()
        (majors.setdefault(int(major), []) if plain else odd).extend(those)
    ordered = sorted(majors, reverse=True)
    numbers = chain.from_iterable(_descending(majors[major]) for major in ordered)
    for version, group in groupby(_merged(numbers, list(_descending(odd))), itemgetter(0)):
        yield version, [text for _, text in group]


_Spelled = tuple[Version, str]


def _descending(texts: Iterable[str]) -> Iterator[_Spelled]:
    """Yield versions from the newest down; those of numbers alone are in the order of tuples."""
    plain: list[tuple[tuple[int, ...], str]] = []
    odd: list[str] = []
    for text in texts:
        try:
            plain.append((tuple(map(int, text.split("."))), text))
        except ValueError:  # letters, too many dots, or a number too long to be read
            odd.append(text)
    plain.sort(reverse=True)
    rest = sorted(_parsed(odd), key=itemgetter(0), reverse=True)
    return _merged(_parsed(text for _, text in plain), rest)


def _merged(many: Iterator[_Spelled], few: list[_Spelled]) -> Iterator[_Spelled]:
    """Join two sequences that descend; mostly there is only one."""
    return heapq.merge(many, few, key=itemgetter(0), reverse=True) if few else many


def _parsed(texts: Iterable[str]) -> Iterator[_Spelled]:
    for text in texts:
        with suppress(ValueError):  # no version, or a number too long to be read
            yield Version(text), text


def _versions(files: list[File]) -> set[str]:
    """Return what the names of the files spell as versions, each once.

    A large page has thousands of files, and this is the only thing done to all of them: those of
    one version mostly stand together, so a name that begins as the last one did is passed over.
    """
    found: set[str] = set()
    seen = "-"
    for file in files:
        name = file.filename
        if name.startswith(seen):
            continue
        text = spelled_version(name)
        if text is not None:
            found.add(text)
            seen = f"{name.partition('-')[0]}-{text}-"
    return found


def _grouped(files: list[File]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for file in files:
        text = spelled_version(file.filename)
        if text is not None:
            found.setdefault(text, []).append(file)
    return found


def _files_of(id: NormalizedName, version: str, files: list[File]) -> Iterator[File]:
    part = f"-{version}"
    for file in files:
        if part in file.filename and _is_of(id, version, file.filename):
            yield file


def _is_of(id: NormalizedName, version: str, filename: str) -> bool:
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        return rest.startswith(f"{version}-") and _named(name) == id
    for ending in SDISTS:
        if filename.endswith(f"-{version}{ending}"):
            return _named(filename[: -len(version) - len(ending) - 1]) == id
    return False


def _release(version: Version, files: list[File]) -> Release:
    # PEP 592 marks files; a release counts as yanked when all of its files are.
    live = [file for file in files if not file.is_yanked]
    times = [file.upload_time for file in files if file.upload_time]
    wheels = [file for file in live or files if file.filename.endswith(".whl")]
    return Release(
        version=version,
        yanked=not live,
        uploaded=_time(min(times)) if times else None,
        wheels=tuple(_wheel(file) for file in wheels),
    )


def _wheel(file: File) -> Wheel:
    # No file is larger than that, and the cache can keep no larger number.
    size = file.size if file.size is not None and 0 <= file.size < 1 << 63 else None
    return Wheel(
        filename=file.filename,
        sha256=sha256(file),
        size=size,
        requires_python=parse_requires_python(file.requires_python),
    )


def sha256(file: File) -> str | None:
    """Return the hash that a page gives; None for what is none: requirements files take it."""
    given = file.hashes.sha256
    return given if _SHA256.fullmatch(given) else None


def _time(text: str) -> datetime | None:
    """Read an upload time (PEP 700, RFC 3339); one without a zone or a sense is unknown."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
