"""The distributions of one interpreter: what its `*.dist-info` folders say (PEP 376, PEP 427)."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgwidgets.core.environment import DIRECT_URL, Distribution, Interpreter, Origin, Unreadable
from pkgwidgets.core.names import is_name
from pkgwidgets.core.redaction import without_credentials
from pkgwidgets.core.text import escape_hidden

_MAX_HEAD_BYTES = 4 << 20
"""No METADATA head is longer: bytes."""
_FIELDS = frozenset(["name", "version", "summary", "requires-dist", "project-url", "home-page"])
_MAX_SUMMARY_CHARACTERS = 512
_MAX_LINKS = 20
_WEB = ("http://", "https://")
_WATCHED = ("", "/METADATA", "/RECORD")
_OPTIONAL = ("/INSTALLER", f"/{DIRECT_URL}")
_StatKey = tuple[tuple[int, int, int, int] | None, ...]
# Paths are texts here, not objects: of hundreds of folders that is half of the time.


class DistInfoReader:
    """What is installed; a folder is read again only if something in it has changed."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._known: dict[str, tuple[_StatKey | None, Distribution | Unreadable]] = {}

    def read(self) -> dict[NormalizedName, Distribution | Unreadable]:
        """Read all: in import order, the first of a name counts.

        Two of one name in the same folder are a row that cannot be read: nobody can tell which
        of them the files belong to.
        """
        found: dict[NormalizedName, Distribution | Unreadable] = {}
        for folder in map(str, self._interpreter.search):
            here: dict[NormalizedName, Distribution | Unreadable] = {}
            for name in _metadata_folders(folder):
                read = self._read(folder, name)
                id = read.id
                twin = here.get(id)
                if twin is not None:
                    both = " and ".join(sorted((name, twin.path.name)))
                    path = Path(folder, name)
                    read = Unreadable(id=id, path=path, reason=f"installed twice: {both}")
                here[id] = read
            found = {**here, **found}
        return dict(sorted(found.items()))

    def _read(self, folder: str, name: str) -> Distribution | Unreadable:
        """Read one, or take what was read of the very same files before."""
        place = f"{folder}/{name}"
        known = self._known.get(place)
        stamp = _folder_key(place, known[0] if known is not None else None)
        if known is None or known[0] != stamp or stamp is None:
            known = self._known[place] = (stamp, self._read_anew(folder, name))
        return known[1]

    def _read_anew(self, folder: str, name: str) -> Distribution | Unreadable:
        try:
            return self._distribution(folder, name)
        except (OSError, ValueError, RecursionError) as error:
            stem = name.partition("-")[0].removesuffix(".dist").removesuffix(".egg")
            reason = error.strerror if isinstance(error, OSError) else None
            reason = (reason or str(error))[:300]
            return Unreadable(id=canonicalize_name(stem), path=Path(folder, name), reason=reason)

    def _distribution(self, folder: str, name: str) -> Distribution:
        place = f"{folder}/{name}"
        files = _names(place)
        metadata = "PKG-INFO" if name.endswith(".egg-info") else "METADATA"
        if metadata not in files:
            raise ValueError(f"{metadata} is missing")
        head = _headers(f"{place}/{metadata}")
        named, version = (head.get(field, [""])[0] for field in ("name", "version"))
        if not is_name(named):
            raise ValueError(f"{metadata} names no project")
        installer = _first_line(f"{place}/INSTALLER") if "INSTALLER" in files else ""
        origin, location = self._origin(folder, name, installer, files)
        return Distribution(
            name=named,
            version=_version(version),
            path=Path(folder, name),
            installed=_time(f"{place}/RECORD" if "RECORD" in files else place),
            requires=tuple(head.get("requires-dist", ())),
            summary=escape_hidden(head.get("summary", [""])[0][:_MAX_SUMMARY_CHARACTERS]),
            links=_links(head),
            requested="REQUESTED" in files,
            origin=origin,
            location=location,
            installer=installer,
        )

    def _origin(
        self, folder: str, name: str, installer: str, files: Collection[str]
    ) -> tuple[Origin, str]:
        """Tell where a distribution came from (PEP 610), and who else owns it."""
        if folder not in self._own_folders:
            return Origin.SYSTEM, folder
        if installer == "conda" or name in self._conda_owned():
            return Origin.CONDA, str(self._interpreter.prefix)
        if name.endswith(".egg-info") or installer in ("apt", "dpkg", "debian", "rpm"):
            return Origin.SYSTEM, folder
        return (
            _direct(Path(folder, name, DIRECT_URL)) if DIRECT_URL in files else (Origin.INDEX, "")
        )

    @cached_property
    def _own_folders(self) -> frozenset[str]:
        return frozenset(str(self._interpreter.scheme[name]) for name in ("purelib", "platlib"))

    def _conda_owned(self) -> frozenset[str]:
        try:
            changed = os.stat(self._conda).st_mtime_ns  # noqa: PTH116
        except OSError:
            return frozenset()
        return _owned_by_conda(self._conda, changed)

    @cached_property
    def _conda(self) -> str:
        return str(self._interpreter.prefix / "conda-meta")


@lru_cache(maxsize=4)
def _owned_by_conda(folder: str, changed: int) -> frozenset[str]:
    """Return the names of dist-info folders that conda's records list, as of when they changed."""
    owned = set()
    for record in Path(folder).glob("*.json"):
        for file in _files_of(record):
            place, _, last = str(file).rpartition("/")
            if last == "METADATA":
                owned.add(place.rpartition("/")[2])
    return frozenset(owned)


def _direct(file: Path) -> tuple[Origin, str]:
    try:
        direct = json.loads(file.read_bytes())
        if not isinstance(direct, dict):
            raise ValueError("it is no object")
        location = without_credentials(str(direct.get("url", "")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{DIRECT_URL} cannot be read: {error}") from error
    about = direct.get("dir_info")
    if isinstance(about, dict) and about.get("editable"):
        return Origin.EDITABLE, location
    return (Origin.VCS if "vcs_info" in direct else Origin.URL), location


def _files_of(record: Path) -> list[object]:
    """Return what a record of conda lists; one that cannot be read lists nothing."""
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    files = found.get("files") if isinstance(found, dict) else None
    return files if isinstance(files, list) else []


def _folder_key(place: str, last: _StatKey | None) -> _StatKey | None:
    """Return what differs when anything was written in a dist-info folder; None if it is odd.

    The folder tells of files that came, went or were replaced; these files of edits in place.
    """
    try:
        found: list[os.stat_result | None] = [
            os.stat(place + name)  # noqa: PTH116
            for name in _WATCHED
        ]
        for nth, name in enumerate(_OPTIONAL, len(_WATCHED)):
            missed = last is not None and last[nth] is None  # the folder tells if it came since
            found.append(None if missed else _stat_or_none(place + name))
    except OSError:
        return None
    return tuple(s and (s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for s in found)


def _stat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None


def _names(folder: str) -> list[str]:
    """Return what is in a folder; nothing if it is none."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []


def _metadata_folders(folder: str) -> list[str]:
    """Return the `*.dist-info` and `*.egg-info` folders; `~name` leftovers of pip are none."""
    try:
        names = _names(folder)
    except OSError:
        return []
    return sorted(
        name
        for name in names
        if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~")
    )


def _headers(file: str) -> Mapping[str, list[str]]:
    """Read the head of a METADATA file (core metadata: e-mail headers), not its description."""
    with open(file, "rb") as opened:  # noqa: PTH123
        raw = opened.read(_MAX_HEAD_BYTES)
    if b"\r\n" in raw:
        raw = raw.replace(b"\r\n", b"\n")
    head = raw.partition(b"\n\n")[0].decode("utf-8", "replace")
    found: dict[str, list[str]] = {}
    for line in head.replace("\n ", " ").replace("\n\t", " ").split("\n"):
        field, colon, value = line.partition(":")
        if colon and (known := field.strip().lower()) in _FIELDS:
            found.setdefault(known, []).append(value.strip())
    return found


def _links(head: Mapping[str, list[str]]) -> tuple[tuple[str, str], ...]:
    """Return what `Project-URL: label, address` and the older `Home-page` name, if web pages."""
    named = [line.rpartition(",") for line in head.get("project-url", ())]
    named += [("Home", ",", address) for address in head.get("home-page", ())]
    links = {
        address.strip()[:_MAX_SUMMARY_CHARACTERS]: escape_hidden(label.strip()[:40])
        for label, _, address in named[:_MAX_LINKS]
        if address.strip().lower().startswith(_WEB)
    }
    return tuple((label, address) for address, label in links.items())


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise ValueError(f"its version {text[:80]!a} is none by PEP 440") from None


def _time(path: str) -> datetime:
    """Return when a distribution was installed: RECORD is the last file that is written."""
    return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)  # noqa: PTH116


def _first_line(path: str) -> str:
    try:
        with open(path, "rb") as opened:  # noqa: PTH123
            return opened.read(100).decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""
