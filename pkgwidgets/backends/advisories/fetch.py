"""Fetch many answers of a source of advisories at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TypeVar

from packaging.utils import NormalizedName

from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.backends.index.fetch import fetch_all
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report

ROUND_SECONDS = 120.0
"""Seconds after which the answers of a check that are still missing are given up."""


_Key = TypeVar("_Key", bound=str)


def fetch_answers(
    client: Client,
    paths: Mapping[_Key, str],
    *,
    connections: int,
    until: float,
    report: Report,
) -> Iterator[tuple[_Key, Response | RequestFailed]]:
    """Yield the answer for each key of `paths`, or why there is none, as they arrive.

    `until` is in monotonic seconds. `report` gets an event ten times a second while none arrives.
    """
    by_name = {NormalizedName(key): key for key in paths}

    def fetch(name: NormalizedName) -> Response | RequestFailed:
        try:
            return client.get(paths[by_name[name]], {}, until=until)
        except RequestFailed as failed:
            return failed
        except Exception as error:  # one bad answer must not stop the others
            return RequestFailed(f"the request failed ({type(error).__name__})")

    late = RequestFailed(f"no answer within {ROUND_SECONDS:.0f} seconds")
    answers = fetch_all([*by_name], fetch, connections=connections, until=until, late=late)
    done = 0
    with closing(answers):  # type: ignore[type-var]
        for answer in answers if by_name else ():
            if answer is not None:
                done += 1
                name, response = answer
                yield by_name[name], response
            report(Event(stage=Stage.ASKING, done=done, total=len(by_name)))
