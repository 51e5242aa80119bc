"""The distributions, owner and lock of one interpreter."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgwidgets.core.model import DIRECT_URL, Distribution, Id, Interpreter, Origin, Unreadable
from pkgwidgets.core.versions import is_name
from pkgwidgets.core.words import visible, without_credentials

from . import lock

PLACE = ".pkgwidgets"
"""Our own folder in the prefix: same device as site-packages, outside of every RECORD."""
_HEAD = 4 << 20
"""No METADATA head is longer: bytes."""
_SUMMARY = 512
_CUSTOMIZED = ("sitecustomize.py", "usercustomize.py")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP)
_WATCHED = ("", "/METADATA", "/RECORD", "/INSTALLER")


class InstalledEnvironment:
    """What one interpreter has installed, read from the disk each time that it is asked for."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.lock_descriptor: int | None = None
        self._known: dict[Path, tuple[object, Distribution | Unreadable]] = {}

    @property
    def place(self) -> Path:
        """Where transactions and their files are kept."""
        return self.interpreter.prefix / PLACE

    def distributions(self) -> Mapping[Id, Distribution | Unreadable]:
        """Read everything installed: in import order, the first of a name counts.

        Two of one name in the same folder are a row that cannot be read: nobody can tell which
        of them the files belong to.
        """
        found: dict[Id, Distribution | Unreadable] = {}
        for folder in self.interpreter.search:
            here: dict[Id, Distribution | Unreadable] = {}
            for path in _metadata_folders(folder):
                read = self._read(path)
                twin = here.get(read.id)
                if twin is not None:
                    both = " and ".join(sorted((path.name, twin.path.name)))
                    read = Unreadable(id=read.id, path=path, reason=f"installed twice: {both}")
                here[read.id] = read
            found = {**here, **found}
        return dict(sorted(found.items()))

    def refusal(self) -> str | None:
        """Say why nothing may be changed here: externally managed (PEP 668), or not writable."""
        interpreter = self.interpreter
        if self._is_externally_managed():
            return (
                f"{interpreter.prefix} is managed by the operating system (PEP 668); "
                "use a virtual environment"
            )
        if self._is_frozen():
            return f"{interpreter.prefix} is frozen by its owner"
        for folder in dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()]):
            reason = _not_writable(folder)
            if reason is not None:
                return f"{folder} cannot be written to: {reason}"
        if not _has_locks(interpreter.prefix):
            return (
                f"{interpreter.prefix} lies on a file system without locks: "
                "nobody could be kept from changing it at the same time"
            )
        return None

    def stamps(self) -> Mapping[str, str]:
        """Return, for what is nobody's distribution, texts that differ if it was changed.

        The interpreter, the rights of the folders, and what runs at every start.
        """
        interpreter = self.interpreter
        folders = dict.fromkeys([interpreter.prefix, *interpreter.scheme.values()])
        own = sorted(self._own_folders)
        starts = [f"{file} {_look(file)}" for folder in own for file in _starting(folder)]
        marked = self._is_externally_managed(), self._is_frozen()
        return {
            "its interpreter": f"{_look(interpreter.python, inode=True)} {interpreter.version}",
            "whether it may be changed": str(marked),
            "the rights of its folders": " ".join(map(_rights, folders)),
            "what runs at every start": _digest("\n".join(starts)),
        }

    def _is_frozen(self) -> bool:
        return (self.interpreter.prefix / "conda-meta" / "frozen").exists()

    def _is_externally_managed(self) -> bool:
        """Look again where the marker would be: it may have come since the interpreter told."""
        interpreter = self.interpreter
        if interpreter.externally_managed is not None:
            return True
        if interpreter.stdlib is None or interpreter.prefix != interpreter.base_prefix:
            return False
        return (interpreter.stdlib / "EXTERNALLY-MANAGED").is_file()

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Hold the environment alone; raises `EnvironmentBusy` at once if another holds it.

        The descriptor that holds it is inherited by installers.
        """
        with lock.held(self.place, holder) as descriptor:
            self.lock_descriptor = descriptor
            try:
                yield
            finally:
                self.lock_descriptor = None

    def holder(self) -> str | None:
        """Tell who holds the environment, without taking it from anybody; None if nobody does."""
        return lock.holder(self.place)

    def _read(self, path: Path) -> Distribution | Unreadable:
        """Read one, or take what was read of the very same files before."""
        stamp = _stamp(path)
        known = self._known.get(path)
        if known is None or known[0] != stamp or stamp is None:
            known = self._known[path] = (stamp, self._read_anew(path))
        return known[1]

    def _read_anew(self, path: Path) -> Distribution | Unreadable:
        try:
            return self._distribution(path)
        except (OSError, ValueError, RecursionError) as error:
            stem = path.name.partition("-")[0].removesuffix(".dist").removesuffix(".egg")
            reason = error.strerror if isinstance(error, OSError) else None
            reason = reason or str(error)
            return Unreadable(id=canonicalize_name(stem), path=path, reason=reason[:300])

    def _distribution(self, path: Path) -> Distribution:
        legacy = path.name.endswith(".egg-info")
        metadata = path / ("PKG-INFO" if legacy else "METADATA")
        if not metadata.is_file():
            raise ValueError(f"{metadata.name} is missing")
        head = _headers(metadata)
        name, version = (head.get(field, [""])[0] for field in ("name", "version"))
        if not is_name(name):
            raise ValueError(f"{metadata.name} names no project")
        installer = _first_line(path / "INSTALLER")
        origin, location = self._origin(path, installer)
        return Distribution(
            name=name,
            version=_version(version),
            path=path,
            installed=_time(path),
            requires=tuple(head.get("requires-dist", ())),
            extras=tuple(head.get("provides-extra", ())),
            summary=visible(head.get("summary", [""])[0][:_SUMMARY]),
            requested=(path / "REQUESTED").exists(),
            origin=origin,
            location=location,
            installer=installer,
        )

    def _origin(self, path: Path, installer: str) -> tuple[Origin, str]:
        """Tell where a distribution came from (PEP 610), and who else owns it."""
        if path.parent not in self._own_folders:
            return Origin.SYSTEM, str(path.parent)
        if installer == "conda" or path.name in self._conda_owned:
            return Origin.CONDA, str(self.interpreter.prefix)
        if path.name.endswith(".egg-info") or installer in ("apt", "dpkg", "debian", "rpm"):
            return Origin.SYSTEM, str(path.parent)
        try:
            direct = json.loads((path / DIRECT_URL).read_bytes())
            if not isinstance(direct, dict):
                raise ValueError("it is no object")
            location = without_credentials(str(direct.get("url", "")))
        except FileNotFoundError:
            return Origin.INDEX, ""
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{DIRECT_URL} cannot be read: {error}") from error
        about = direct.get("dir_info")
        if isinstance(about, dict) and about.get("editable"):
            return Origin.EDITABLE, location
        return (Origin.VCS if "vcs_info" in direct else Origin.URL), location

    @cached_property
    def _own_folders(self) -> frozenset[Path]:
        return frozenset(self.interpreter.scheme[name] for name in ("purelib", "platlib"))

    @cached_property
    def _conda_owned(self) -> frozenset[str]:
        """Return the names of dist-info folders that conda's records list."""
        owned = set()
        for record in (self.interpreter.prefix / "conda-meta").glob("*.json"):
            for file in _files_of(record):
                folder, _, last = str(file).rpartition("/")
                if last == "METADATA":
                    owned.add(folder.rpartition("/")[2])
        return frozenset(owned)


def _files_of(record: Path) -> list[object]:
    """Return what a record of conda lists; one that cannot be read lists nothing."""
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    files = found.get("files") if isinstance(found, dict) else None
    return files if isinstance(files, list) else []


def _stamp(path: Path) -> object:
    """Return what differs when anything was written in a dist-info folder; None if it is odd.

    The folder tells of files that came, went or were replaced; these files of edits in place.
    """
    try:
        found = [os.stat(f"{path}{name}") for name in _WATCHED]  # noqa: PTH116 - a fifth of the time
    except OSError:
        return None
    return [(s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for s in found]


def _metadata_folders(folder: Path) -> list[Path]:
    """Return the `*.dist-info` and `*.egg-info` folders; `~name` leftovers of pip are none."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return []
    return [
        folder / name
        for name in sorted(names)
        if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~")
    ]


def _headers(file: Path) -> dict[str, list[str]]:
    """Read the head of a METADATA file (core metadata: e-mail headers), not its description."""
    with file.open("rb") as opened:
        raw = opened.read(_HEAD)
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    found: dict[str, list[str]] = {}
    for line in head.replace("\n ", " ").replace("\n\t", " ").split("\n"):
        field, colon, value = line.partition(":")
        if colon:
            found.setdefault(field.strip().lower(), []).append(value.strip())
    return found


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise ValueError(f"its version {text[:80]!a} is none by PEP 440") from None


def _time(path: Path) -> datetime:
    """Return when a distribution was installed: RECORD is the last file that is written."""
    try:
        found = (path / "RECORD").stat()
    except OSError:
        found = path.stat()
    return datetime.fromtimestamp(found.st_mtime, UTC)


def _first_line(path: Path) -> str:
    try:
        return path.read_bytes()[:100].decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""


def _starting(folder: Path) -> list[str]:
    """Return the files of a folder that `site` reads or runs at every start."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name.endswith(".pth") or entry.name in _CUSTOMIZED
            )
    except OSError:
        return []


def _look(path: str | Path, *, inode: bool = False) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 - as `_stamp`
    except OSError:
        return "-"
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ino if inode else ''}"


def _rights(folder: Path) -> str:
    try:
        found = folder.stat()
    except OSError:
        return "-"
    return f"{found.st_mode:o}:{found.st_uid}:{found.st_gid}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _has_locks(prefix: Path) -> bool:
    """Try to lock a file of its own: some network file systems have none, or only say so."""
    with tempfile.TemporaryFile(prefix=".pkgwidgets-", dir=prefix) as trial:
        try:
            fcntl.flock(trial.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _NO_LOCKS
    return True


def _not_writable(folder: Path) -> str | None:
    """Try what an installation does: create, link, rename, delete. A mode alone proves nothing."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".pkgwidgets-", dir=folder) as trial:
            old, new = Path(trial, "a"), Path(trial, "b")
            old.write_bytes(b"")
            old.rename(new)
    except OSError as error:
        return (error.strerror or "it refuses").lower()
    return None if stat.S_ISDIR(folder.stat().st_mode) else "it is no folder"
