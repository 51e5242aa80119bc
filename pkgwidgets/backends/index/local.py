"""An index that is a folder on this machine: a page of links per project (PEP 503, `file:`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.errors import IndexUnavailable, ProjectNotFound
from pkgwidgets.core.events import Stage
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import (
    ProjectAnswered,
    ProjectResult,
    Report,
    no_report,
)
from pkgwidgets.core.releases import ReleaseList

from . import project_page, release_parser

_PAGE = "index.html"


class LocalIndex:
    """The projects whose pages lie in a folder; read each time, since that costs nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(unquote(urlsplit(url).path))

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Read the page of each project, whole: such pages are small."""
        found: dict[NormalizedName, ProjectResult] = {}
        for id in query.names:
            found[id] = self._read(id)
            done, total = len(found), len(query.names)
            report(
                ProjectAnswered(stage=Stage.ASKING, id=id, answer=found[id], done=done, total=total)
            )
        return found

    def _read(self, id: NormalizedName) -> ProjectResult:
        try:
            body = (self._folder / id / _PAGE).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if self._folder.is_dir():
                return ProjectNotFound(id, self.url)
            return IndexUnavailable(self.url, "the folder is not there")
        except OSError as error:
            reason = f"its page of {id} cannot be read ({os_error_text(error)})"
            return IndexUnavailable(self.url, reason)
        try:
            return ReleaseList(
                tuple(release_parser.releases_from_page(id, project_page.read("text/html", body)))
            )
        except ValueError as error:
            return IndexUnavailable(self.url, f"its page of {id} cannot be read ({error!s:.200})")
