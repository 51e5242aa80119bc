"""Read from uv's messages what failed: the requirements, a page, a file, or something else.

uv exits with 1 if there is no solution, and also for a file that answers 404 or a page that it
cannot parse.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.core.errors import IndexUnavailable

_NO_SOLUTION = re.compile(r"\bNo solution found\b")
_URL = re.compile(r"\b(?:https?|file)://[^\s`'\"<>)]+")
_OFFLINE = "Network connectivity is disabled"
_NO_CONNECTION = "error sending request"
"""What uv says when no server answers, or when a redirect leads to one that does not."""
_UNPARSABLE = "Received some unexpected JSON"
_FILE_ENDINGS = (".whl", ".whl.metadata", ".tar.gz", ".zip")
_DENIED = re.compile(r"\((https?://[^\s)]+)\)[^\n]*?\b(401|403)\b")
"""uv's hint that an index answered 401 or 403; uv then goes on as if it had no such project."""
_NOT_FOUND = re.compile(r"\b([A-Za-z0-9._-]+) was not found in the package registry")
_NO_CAUSE = ("hint:", "Using Python ", "Using CPython ")
"""How lines of uv begin that are not part of an explanation."""


def extract_cause(output: str) -> str:
    """Return uv's text after `cause:`, for the user only: no decision depends on it."""
    output = output.strip()
    _, has_cause, cause = output.partition("cause: ")
    lines = (cause if has_cause else output).splitlines()
    stripped = (line.strip().removeprefix("cause: ").removeprefix("error: ") for line in lines)
    return " ".join(line for line in stripped if line and not line.startswith(_NO_CAUSE))


def is_without_solution(output: str) -> bool:
    """Tell whether uv's output says that the requirements have no solution."""
    return _NO_SOLUTION.search(output) is not None


def find_index_failure(
    output: str, explanation: str, sources: str, shown: Callable[[str], str]
) -> IndexUnavailable | None:
    """Return the failure of a page or file that uv's output names; None if it names none.

    `sources` are the indexes and folders that uv asks. `shown` removes the credentials of a URL.
    """
    if is_without_solution(output):
        return find_denied_project(output, shown)
    url = _URL.search(output)
    if url is None or _OFFLINE in output:
        return None
    address = urlsplit(url[0].rstrip(".,"))
    folder, _, last = address.path.rstrip("/").rpartition("/")
    last = unquote(last)
    is_unreachable = _NO_CONNECTION in output
    if last.endswith(_FILE_ENDINGS):
        if is_unreachable:  # the server of all files does not answer
            return None
        file = last.removesuffix(".metadata")
        return IndexUnavailable(sources, explanation, _project_of(file), file)
    index = shown(f"{address.scheme}://{address.netloc}{folder}/")
    if is_unreachable and index.rstrip("/") not in _addresses(sources):
        return None  # a page of links
    reason = f"uv cannot parse its JSON ({explanation})" if _UNPARSABLE in output else explanation
    return IndexUnavailable(index, reason, canonicalize_name(last))


def find_denied_project(output: str, shown: Callable[[str], str]) -> IndexUnavailable | None:
    """Return the failure of an index that answered 401 or 403; None if uv names none.

    `shown` removes the credentials of a URL.
    """
    denied, project = _DENIED.search(output), _NOT_FOUND.search(" ".join(output.split()))
    if denied is None or project is None:
        return None
    reason = status_reason(int(denied[2]))
    return IndexUnavailable(shown(denied[1]), reason, canonicalize_name(project[1]))


def _addresses(sources: str) -> list[str]:
    return [source.rstrip("/") for source in sources.split(", ")]


def _project_of(file: str) -> str:
    """Return the normalized name of the project of a file, by its name."""
    if file.endswith(".whl"):
        return canonicalize_name(file.partition("-")[0])
    return canonicalize_name(file.rpartition("-")[0])
