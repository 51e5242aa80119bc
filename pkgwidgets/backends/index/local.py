"""An index in a local folder: one page of links per project (PEP 503, `file:`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import os_error_text
from pkgwidgets.core.errors import IndexUnavailable, ProjectNotFound
from pkgwidgets.core.events import Stage
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import ProjectAnswered, ProjectResult, Report, no_report
from pkgwidgets.core.releases import ReleaseList

from . import project_page, release_parser

_PAGE = "index.html"


class LocalIndex:
    """An index whose pages lie in a folder; they are read each time, which is fast."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(unquote(urlsplit(url).path))

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Read the whole page of each project: such pages are small."""
        answers: dict[NormalizedName, ProjectResult] = {}
        for name in query.names:
            answers[name] = self._read(name)
            done, total = len(answers), len(query.names)
            report(
                ProjectAnswered(
                    stage=Stage.ASKING, id=name, answer=answers[name], done=done, total=total
                )
            )
        return answers

    def _read(self, name: NormalizedName) -> ProjectResult:
        try:
            body = (self._folder / name / _PAGE).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if self._folder.is_dir():
                return ProjectNotFound(name, self.url)
            return IndexUnavailable(self.url, "the folder does not exist")
        except OSError as error:
            reason = f"its page of {name} cannot be read ({os_error_text(error)})"
            return IndexUnavailable(self.url, reason)
        try:
            return ReleaseList(
                tuple(
                    release_parser.releases_from_page(name, project_page.read("text/html", body))
                ),
                index_url=self.url,
            )
        except ValueError as error:
            return IndexUnavailable(self.url, f"its page of {name} cannot be read ({error!s:.200})")
