"""The messages between a client and the leaders of environments: one line of JSON each way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pkgwidgets.core.error_json import error_from_json, error_to_json
from pkgwidgets.core.errors import PkgwidgetsError, WorkerFailed

FORMAT = 1
_MAX_WORDS = 300
"""Characters of an unexpected output that an error quotes."""


def request(do: str, **facts: Any) -> str:
    """Return the request for a leader to do something."""
    given = {name: fact for name, fact in facts.items() if fact is not None}
    return json.dumps({"format": FORMAT, "do": do, **given})


def check_format(data: Mapping[str, Any]) -> None:
    """Raise `WorkerFailed` for a request of another version of pkgwidgets."""
    if data.get("format") != FORMAT:
        raise WorkerFailed("", "another version of pkgwidgets sent the request")


def success(result: Mapping[str, Any]) -> str:
    """Return the answer of a leader that did what was requested."""
    return json.dumps({"format": FORMAT, "result": result}) + "\n"


def failure(error: PkgwidgetsError) -> str:
    """Return the answer of a leader that failed."""
    return json.dumps({"format": FORMAT, "error": error_to_json(error)}) + "\n"


def read_answer(returncode: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return the result of a leader; raise its error, or `WorkerFailed` for any other output."""
    try:
        answer = json.loads(stdout)
        check_format(answer)
        if "result" in answer:
            result: dict[str, Any] = answer["result"]
            return result
        error = error_from_json(answer["error"])
    except (ValueError, KeyError, TypeError, AttributeError):
        nothing = f"it ended without an answer (code {returncode})"
        words = (stderr.strip().splitlines() or [nothing])[-1]
        raise WorkerFailed("", words[:_MAX_WORDS]) from None
    raise error
