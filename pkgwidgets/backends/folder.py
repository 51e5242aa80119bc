"""An index that is a folder on this machine: a page of links per project (PEP 503, `file:`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pkgwidgets.core.distributions import Id
from pkgwidgets.core.errors import IndexUnavailable, ProjectNotFound
from pkgwidgets.core.interfaces import Answer, Enough, Report, Skip, everything, ignore, nothing
from pkgwidgets.core.releases import Listing
from pkgwidgets.core.transactions import Event, Stage

from . import pages, releases
from .disk import said

_PAGE = "index.html"


class FolderIndex:
    """The projects whose pages lie in a folder; read each time, since that costs nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(unquote(urlsplit(url).path))

    def releases_of(
        self,
        ids: Collection[Id],
        report: Report = ignore,
        *,
        refresh: bool = False,
        enough: Enough = everything,
        skip: Skip = nothing,
    ) -> Mapping[Id, Answer]:
        """Read the page of each project, whole: such pages are small."""
        found: dict[Id, Answer] = {}
        for id in ids:
            found[id] = self._read(id)
            done, total = len(found), len(ids)
            report(Event(stage=Stage.ASKING, id=id, answer=found[id], done=done, total=total))
        return found

    def _read(self, id: Id) -> Answer:
        try:
            body = (self._folder / id / _PAGE).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if self._folder.is_dir():
                return ProjectNotFound(id, self.url)
            return IndexUnavailable(self.url, "the folder is not there")
        except OSError as error:
            reason = f"its page of {id} cannot be read ({said(error)})"
            return IndexUnavailable(self.url, reason)
        try:
            return Listing(tuple(releases.of(id, pages.read("text/html", body))))
        except ValueError as error:
            return IndexUnavailable(self.url, f"its page of {id} cannot be read ({error!s:.200})")
