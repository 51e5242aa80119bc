"""The distributions of one interpreter, from its `*.dist-info` folders (PEP 376, PEP 427)."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgwidgets.core.environment import DIRECT_URL, Distribution, Interpreter, Unreadable
from pkgwidgets.core.names import is_name
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.redaction import without_credentials
from pkgwidgets.core.text import escape_hidden

_MAX_HEAD_BYTES = 4 << 20
"""Longer than the headers of any METADATA file."""
_FIELDS = frozenset(["name", "version", "summary", "requires-dist", "project-url", "home-page"])
_MAX_SUMMARY_CHARACTERS = 512
_MAX_LINKS = 20
_WEB_SCHEMES = ("http://", "https://")
_STAT_SUFFIXES = ("", "/METADATA", "/RECORD")
"""What is looked at for changes: the dist-info folder itself and these files in it."""
_OPTIONAL_STAT_SUFFIXES = ("/INSTALLER", f"/{DIRECT_URL}")
_StatKey = tuple[tuple[int, int, int, int] | None, ...]
# Paths are strings here: with hundreds of folders, `Path` objects take twice the time.


class DistInfoReader:
    """Reads the installed distributions; a folder is read again only after a change in it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._cache: dict[str, tuple[_StatKey | None, Distribution | Unreadable]] = {}

    def read(self) -> dict[NormalizedName, Distribution | Unreadable]:
        """Read all distributions; of several with one name, the first in import order counts.

        Two with one name in the same folder are an `Unreadable`: it is unknown which of them
        the files belong to.
        """
        distributions: dict[NormalizedName, Distribution | Unreadable] = {}
        for folder in map(str, self._interpreter.search):
            in_folder: dict[NormalizedName, Distribution | Unreadable] = {}
            for entry in _metadata_folders(folder):
                distribution = self._read(folder, entry)
                name = distribution.id
                twin = in_folder.get(name)
                if twin is not None:
                    both = " and ".join(sorted((entry, twin.path.name)))
                    path = Path(folder, entry)
                    distribution = Unreadable(id=name, path=path, reason=f"installed twice: {both}")
                in_folder[name] = distribution
            distributions = {**in_folder, **distributions}
        return dict(sorted(distributions.items()))

    def _read(self, folder: str, name: str) -> Distribution | Unreadable:
        """Return one distribution, from the cache if its files are unchanged."""
        path = f"{folder}/{name}"
        cached = self._cache.get(path)
        stat_key = _folder_key(path, cached[0] if cached is not None else None)
        if cached is None or cached[0] != stat_key or stat_key is None:
            cached = self._cache[path] = (stat_key, self._read_uncached(folder, name))
        return cached[1]

    def _read_uncached(self, folder: str, name: str) -> Distribution | Unreadable:
        try:
            return self._parse_distribution(folder, name)
        except (OSError, ValueError, RecursionError) as error:
            stem = name.partition("-")[0].removesuffix(".dist").removesuffix(".egg")
            reason = error.strerror if isinstance(error, OSError) else None
            reason = (reason or str(error))[:300]
            return Unreadable(id=canonicalize_name(stem), path=Path(folder, name), reason=reason)

    def _parse_distribution(self, folder: str, name: str) -> Distribution:
        path = f"{folder}/{name}"
        files = _folder_entries(path)
        metadata = "PKG-INFO" if name.endswith(".egg-info") else "METADATA"
        if metadata not in files:
            raise ValueError(f"{metadata} is missing")
        headers = _read_headers(f"{path}/{metadata}")
        project, version = (headers.get(field, [""])[0] for field in ("name", "version"))
        if not is_name(project):
            raise ValueError(f"{metadata} has no valid project name")
        installer = _read_first_line(f"{path}/INSTALLER") if "INSTALLER" in files else ""
        origin, location = self._origin(folder, name, installer, files)
        return Distribution(
            name=project,
            version=_parse_version(version),
            path=Path(folder, name),
            installed=_modification_time(f"{path}/RECORD" if "RECORD" in files else path),
            requires=tuple(headers.get("requires-dist", ())),
            summary=escape_hidden(headers.get("summary", [""])[0][:_MAX_SUMMARY_CHARACTERS]),
            links=_project_links(headers),
            requested="REQUESTED" in files,
            origin=origin,
            location=location,
            installer=installer,
        )

    def _origin(
        self, folder: str, name: str, installer: str, files: Collection[str]
    ) -> tuple[Origin, str]:
        """Return where a distribution came from (PEP 610) and its address, or its other owner."""
        if folder not in self._own_folders:
            return Origin.SYSTEM, folder
        if installer == "conda" or name in self._conda_dist_infos():
            return Origin.CONDA, str(self._interpreter.prefix)
        if name.endswith(".egg-info") or installer in ("apt", "dpkg", "debian", "rpm"):
            return Origin.SYSTEM, folder
        if DIRECT_URL not in files:
            return Origin.INDEX, ""
        return _parse_direct_url(Path(folder, name, DIRECT_URL))

    @cached_property
    def _own_folders(self) -> frozenset[str]:
        return frozenset(str(self._interpreter.scheme[name]) for name in ("purelib", "platlib"))

    def _conda_dist_infos(self) -> frozenset[str]:
        try:
            modified_ns = os.stat(self._conda_meta).st_mtime_ns  # noqa: PTH116
        except OSError:
            return frozenset()
        return _dist_infos_of_conda(self._conda_meta, modified_ns)

    @cached_property
    def _conda_meta(self) -> str:
        return str(self._interpreter.prefix / "conda-meta")


@lru_cache(maxsize=4)
def _dist_infos_of_conda(folder: str, modified_ns: int) -> frozenset[str]:
    """Return the names of the dist-info folders that conda lists; cached per `modified_ns`."""
    names = set()
    for record in Path(folder).glob("*.json"):
        for file in _conda_files(record):
            parent, _, last = str(file).rpartition("/")
            if last == "METADATA":
                names.add(parent.rpartition("/")[2])
    return frozenset(names)


def _parse_direct_url(file: Path) -> tuple[Origin, str]:
    try:
        direct = json.loads(file.read_bytes())
        if not isinstance(direct, dict):
            raise ValueError("it is not a JSON object")
        location = without_credentials(str(direct.get("url", "")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{DIRECT_URL} cannot be read: {error}") from error
    dir_info = direct.get("dir_info")
    if isinstance(dir_info, dict) and dir_info.get("editable"):
        return Origin.EDITABLE, location
    return (Origin.VCS if "vcs_info" in direct else Origin.URL), location


def _conda_files(record: Path) -> list[object]:
    """Return the files that a record of conda lists; none if it cannot be read."""
    try:
        content = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    files = content.get("files") if isinstance(content, dict) else None
    return files if isinstance(files, list) else []


def _folder_key(path: str, previous: _StatKey | None) -> _StatKey | None:
    """Return a key that changes when a dist-info folder is written to; None if it is incomplete.

    The folder's times show added, removed and replaced files; the files' own show edits in place.
    """
    try:
        stats: list[os.stat_result | None] = [
            os.stat(path + name)  # noqa: PTH116
            for name in _STAT_SUFFIXES
        ]
        for number, name in enumerate(_OPTIONAL_STAT_SUFFIXES, len(_STAT_SUFFIXES)):
            # A file that was missing still is, unless the folder has changed.
            still_missing = previous is not None and previous[number] is None
            stats.append(None if still_missing else _stat_or_none(path + name))
    except OSError:
        return None
    return tuple(s and (s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for s in stats)


def _stat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None


def _folder_entries(folder: str) -> list[str]:
    """Return the names in a folder; an empty list if there is no such folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []


def _metadata_folders(folder: str) -> list[str]:
    """Return the `*.dist-info` and `*.egg-info` folders, without pip's `~name` leftovers."""
    try:
        names = _folder_entries(folder)
    except OSError:
        return []
    return sorted(
        name
        for name in names
        if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~")
    )


def _read_headers(file: str) -> Mapping[str, list[str]]:
    """Read the headers of a METADATA file (core metadata: e-mail headers), not the description."""
    with open(file, "rb") as opened:  # noqa: PTH123
        raw = opened.read(_MAX_HEAD_BYTES)
    if b"\r\n" in raw:
        raw = raw.replace(b"\r\n", b"\n")
    head = raw.partition(b"\n\n")[0].decode("utf-8", "replace")
    headers: dict[str, list[str]] = {}
    for line in head.replace("\n ", " ").replace("\n\t", " ").split("\n"):
        field, colon, value = line.partition(":")
        if colon and (name := field.strip().lower()) in _FIELDS:
            headers.setdefault(name, []).append(value.strip())
    return headers


def _project_links(headers: Mapping[str, list[str]]) -> tuple[tuple[str, str], ...]:
    """Return the web pages of `Project-URL: label, address` and the older `Home-page`."""
    pairs = [line.rpartition(",") for line in headers.get("project-url", ())]
    pairs += [("Home", ",", address) for address in headers.get("home-page", ())]
    links = {
        address.strip()[:_MAX_SUMMARY_CHARACTERS]: escape_hidden(label.strip()[:40])
        for label, _, address in pairs[:_MAX_LINKS]
        if address.strip().lower().startswith(_WEB_SCHEMES)
    }
    return tuple((label, address) for address, label in links.items())


def _parse_version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise ValueError(f"its version {text[:80]!a} is invalid (PEP 440)") from None


def _modification_time(path: str) -> datetime:
    """Return a file's time: RECORD, the last file written, has the time of the installation."""
    return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)  # noqa: PTH116


def _read_first_line(path: str) -> str:
    try:
        with open(path, "rb") as opened:  # noqa: PTH123
            return opened.read(100).decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""
