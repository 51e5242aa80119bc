"""The distributions of one interpreter: `*.dist-info` folders (PEP 376, PEP 427), and eggs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core.environment import DIRECT_URL, Distribution, Interpreter, Unreadable
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.redaction import without_credentials

from . import eggs, headers, leftovers, stat_keys
from .folder_names import likely_versions
from .search_path import with_added_folders

if TYPE_CHECKING:
    from .stat_keys import Installation, StatKey

# Paths are strings here: with hundreds of folders, `Path` objects take twice the time.


class DistInfoReader:
    """Reads the installed distributions; a folder is read again only after a change in it."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._cache: dict[str, tuple[StatKey | None, Distribution | Unreadable]] = {}
        self._last: tuple[
            list[list[Installation]], dict[NormalizedName, Distribution | Unreadable]
        ] = ([], {})
        self._seen: tuple[list[list[Installation]], stat_keys.Keys] = ([], {})
        """The last look that differed, and its keys that show each later change."""
        self._look = threading.local()

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Look at the folders once in this block, for the key and for reading, in this thread."""
        self._look.installations = None
        try:
            yield
        finally:
            del self._look.installations

    def read(self) -> dict[NormalizedName, Distribution | Unreadable]:
        """Read all distributions; of several with one name, the first in import order counts.

        Two with one name in the same folder are an `Unreadable`: it is unknown which of them
        the files belong to. A leftover `dist-info` beside a whole one does not count.
        """
        installations = self.installations()
        last, distributions = self._last
        # Of a folder without a complete key, a change may be missed.
        if installations != last or any(key is None for found in last for _, _, key in found):
            distributions = self._read_all(installations)
            self._last = installations, distributions
        return distributions

    def installations(self) -> list[list[Installation]]:
        """Return the installations of each folder, in import order."""
        seen: list[list[Installation]] | None = getattr(self._look, "installations", None)
        if seen is not None:
            return seen
        (last_look, last), now = self._seen, time_ns()
        installations = [stat_keys.with_keys(places, last) for places in self._places()]
        if installations != last_look or len(last) < sum(map(len, installations)):
            self._seen = installations, stat_keys.settled_keys(installations, now)
        if hasattr(self._look, "installations"):
            self._look.installations = installations
        return installations

    def likely_versions(self) -> Mapping[NormalizedName, Version]:
        """Return the likely versions of what came from an index; little METADATA is read."""

        def read(folder: str, name: str) -> Distribution | Unreadable:
            return self.read_one(*stat_keys.with_keys([(folder, name)], {}))

        return likely_versions((place for places in self._places() for place in places), read)

    def _places(self) -> list[list[tuple[str, str]]]:
        """Return the folder and the name of each installation, by folder in import order."""
        folders = with_added_folders(list(map(str, self._interpreter.search)))
        return list(map(_installations, folders))

    def _read_all(
        self, installations: Iterable[Iterable[Installation]]
    ) -> dict[NormalizedName, Distribution | Unreadable]:
        distributions: dict[NormalizedName, Distribution | Unreadable] = {}
        for in_folder in installations:
            twins: dict[NormalizedName, list[Distribution | Unreadable]] = {}
            for installation in in_folder:
                distribution = self.read_one(installation)
                twins.setdefault(distribution.id, []).append(distribution)
            one_each = {name: leftovers.only_whole(same_name) for name, same_name in twins.items()}
            distributions = {**one_each, **distributions}
        return dict(sorted(distributions.items()))

    def read_one(self, installation: Installation) -> Distribution | Unreadable:
        """Return one distribution, from the cache if its files are unchanged."""
        folder, name, stat_key = installation
        path = f"{folder}/{name}"
        cached = self._cache.get(path)
        if cached is None or cached[0] != stat_key or stat_key is None:
            cached = self._cache[path] = (stat_key, self._read_uncached(folder, name))
        return cached[1]

    def _read_uncached(self, folder: str, name: str) -> Distribution | Unreadable:
        try:
            return self._parse_distribution(folder, name)
        except (OSError, ValueError, RecursionError) as error:
            stem, _, kind = name.rpartition(".")
            stem = stem if kind == "egg-link" else stem.partition("-")[0]
            reason = error.strerror if isinstance(error, OSError) else None
            return Unreadable(
                id=canonicalize_name(stem),
                path=Path(folder, name),
                reason=(reason or str(error))[:300],
                requires=error.requires if isinstance(error, headers.HeadersError) else (),
            )

    def _parse_distribution(self, folder: str, name: str) -> Distribution:
        if not name.endswith(".dist-info"):
            return self._parse_egg(folder, name)
        path = f"{folder}/{name}"
        files = _folder_entries(path)
        if "METADATA" not in files:
            raise ValueError("METADATA is missing")
        fields = headers.read(f"{path}/METADATA")
        installer = _read_first_line(f"{path}/INSTALLER") if "INSTALLER" in files else ""
        origin, location = self._origin(folder, name, installer, files)
        return Distribution(
            path=Path(path),
            installed=_modification_time(f"{path}/RECORD" if "RECORD" in files else path),
            requires=tuple(fields.get("requires-dist", ())),
            requested="REQUESTED" in files,
            origin=origin,
            location=location,
            installer=installer,
            **headers.describe(fields, "METADATA"),
        )

    def _parse_egg(self, folder: str, name: str) -> Distribution:
        """Read an egg-info, an egg, or what an egg-link leads to: a project in development mode."""
        path = eggs.find_metadata(f"{folder}/{name}")
        metadata, requires = eggs.read_metadata(path)
        fields = headers.parse(metadata)
        is_link = name.endswith(".egg-link")
        origin, location = Origin.SYSTEM, folder
        if is_link:
            origin, location = Origin.EDITABLE, Path(path).parent.as_uri()
        return Distribution(
            path=Path(path),
            installed=_modification_time(f"{folder}/{name}"),
            requires=tuple(fields.get("requires-dist", requires)),
            origin=origin,
            location=location,
            **headers.describe(fields, "PKG-INFO"),
        )

    def _origin(
        self, folder: str, name: str, installer: str, files: Collection[str]
    ) -> tuple[Origin, str]:
        """Return where a distribution came from (PEP 610) and its address, or its other owner."""
        if folder not in self._own_folders:
            return Origin.SYSTEM, folder
        if installer == "conda" or name in self._conda_dist_infos():
            return Origin.CONDA, str(self._interpreter.prefix)
        if installer in ("apt", "dpkg", "debian", "rpm"):
            return Origin.SYSTEM, folder
        if DIRECT_URL not in files:
            finder = f"{folder}/__editable__.{name.removesuffix('.dist-info')}.pth"
            return (Origin.EDITABLE if os.path.exists(finder) else Origin.INDEX), ""  # noqa: PTH110
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
    for conda_record in Path(folder).glob("*.json"):
        for file in _conda_files(conda_record):
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


def _folder_entries(folder: str) -> list[str]:
    """Return the names in a folder; an empty list if there is no such folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []


def _installations(folder: str) -> list[tuple[str, str]]:
    """Return the folder and the name of each installation, sorted, without pip's `~` leftovers."""
    if folder.endswith(".egg"):
        parent, _, name = folder.rpartition("/")
        return [(parent, name)]
    try:
        names = _folder_entries(folder)
    except OSError:
        return []
    return [
        (folder, name)
        for name in sorted(names)
        if name.endswith((".dist-info", *eggs.SUFFIXES)) and name[0] != "~"
    ]


def _modification_time(path: str) -> datetime:
    """Return a file's time: RECORD, the last file written, has the time of the installation."""
    return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)  # noqa: PTH116


def _read_first_line(path: str) -> str:
    try:
        with open(path, "rb") as opened:  # noqa: PTH123
            return opened.read(100).decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""
