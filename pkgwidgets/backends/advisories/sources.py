"""Which sources of advisories are configured, and to which of them the user agreed.

They are named in one place: the variable `PKGWIDGETS_ADVISORIES`, else the table `[advisories]` of
the environment's `pkgwidgets.toml`, else the user's own settings. There is no default address.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from pkgwidgets.backends.config.index_sources import IndexSources, shown_url
from pkgwidgets.backends.config.policy_file import PolicyFile
from pkgwidgets.core.advisory_sources import AdvisorySource
from pkgwidgets.core.errors import InvalidRequest, PolicyUnreadable, SourceNotAgreed

from .late_source import LateSource

VARIABLE = "PKGWIDGETS_ADVISORIES"
INDEX = "index"
"""The word that names the JSON API of the configured index."""


class ConfiguredSources:
    """The configured sources of one environment, and the user's agreements."""

    def __init__(
        self, prefix: Path, index: Callable[[], IndexSources], folder: Path | None = None
    ) -> None:
        self._prefix = prefix
        self._index = index
        base = folder if folder is not None else platformdirs.user_config_path("pkgwidgets")
        self._file = base / "advisories.json"

    def configured(self) -> tuple[str, ...]:
        """Return the configured sources as written; raise `PolicyUnreadable` for a broken file."""
        variable = os.environ.get(VARIABLE, "").split()
        return tuple(variable) or self._of_environment() or tuple(self._own("sources"))

    def sources(self, names: Sequence[str | Path] = ()) -> tuple[AdvisorySource, ...]:
        """Return the sources of these names, or the configured ones.

        Raises `SourceNotAgreed` for an address to which the user has not agreed, and
        `InvalidRequest` for one that is no source.
        """
        return tuple(self._source(checked_source(name)) for name in names or self.configured())

    def agree(self, names: Sequence[str | Path]) -> None:
        """Remember these sources for this user, and that they may get names and versions."""
        checked = [checked_source(name) for name in names]
        agreed = sorted({*self._own("agreed"), *map(self._shown, checked)})
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"sources": checked, "agreed": agreed}), encoding="utf-8")
        temporary.replace(self._file)

    def _source(self, name: str) -> AdvisorySource:
        if name != INDEX and not _is_address(name):
            from .record_files import RecordFiles

            return RecordFiles(Path(name).expanduser().absolute())
        shown = self._shown(name)
        if shown not in self._own("agreed"):
            raise SourceNotAgreed(shown)
        return self._index_api(shown) if name == INDEX else self._osv_service(name, shown)

    def _osv_service(self, address: str, shown: str) -> LateSource:
        def make() -> AdvisorySource:
            from .osv_service import OsvService

            return OsvService(address, shown, self._index().access)

        return LateSource(address=shown, knows_projects=True, known_state=shown, make=make)

    def _index_api(self, shown: str) -> LateSource:
        def make() -> AdvisorySource:
            from .index_api import IndexApi

            index = self._index()
            return IndexApi(index.indexes[-1], shown, index.access)

        return LateSource(address=shown, knows_projects=False, known_state="", make=make)

    def _shown(self, name: str) -> str:
        if name != INDEX:
            return shown_url(name)
        indexes = self._index().indexes
        if not indexes or not _is_address(indexes[-1]):
            raise InvalidRequest("source", name, "the configured index is not an http address")
        return shown_url(indexes[-1])

    def _of_environment(self) -> tuple[str, ...]:
        file = PolicyFile(self._prefix)
        sources = file.policy().advisories.get("sources", [])
        if not isinstance(sources, list) or not all(isinstance(name, str) for name in sources):
            raise PolicyUnreadable(file.path, 0, "advisories.sources is not a list of texts")
        return tuple(sources)

    def _own(self, key: str) -> list[str]:
        try:
            values = json.loads(self._file.read_text("utf-8")).get(key, [])
        except (OSError, ValueError, AttributeError):
            return []
        return [value for value in values if isinstance(value, str)]


def checked_source(name: object) -> str:
    """Return the name of a source; raise `InvalidRequest` if it is no address, path or `index`."""
    text = name if isinstance(name, str) else str(name) if isinstance(name, Path) else ""
    if not text.strip() or not text.isprintable():
        raise InvalidRequest("source", name, "use an http address, a path, or `index`")
    if "://" in text and not _is_address(text):
        raise InvalidRequest("source", name, "use an http address, a path, or `index`")
    return text.strip()


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
