"""Answers that are ready to be sent; long lists are made once while they are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pkgwidgets.core.packages import PackageInfo

from . import error_status


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """An answer as it is sent, and what tells a client that it has it already (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> JsonResponse:
        """Return the answer of what went well."""
        return cls.as_is({"success": True, **answer})

    @classmethod
    def as_is(cls, answer: Mapping[str, Any]) -> JsonResponse:
        """Return an answer that says itself whether it went well."""
        body = error_status.to_json_text(answer).encode()
        return cls(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')


class ResponseCache:
    """The last answer to each question. Threads share it: what is kept is only replaced."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Sequence[PackageInfo], JsonResponse]] = {}

    def answer(self, question: Hashable, field: str, rows: Sequence[PackageInfo]) -> JsonResponse:
        """Return the answer whose `field` has these rows."""
        known = self._known.get(question)
        # An operation gives the very row of the last time for what has not changed since.
        if known is None or not _same(known[0], rows):
            said = JsonResponse.of({field: [error_status.package(info) for info in rows]})
            known = self._known[question] = (rows, said)
        return known[1]


def _same(one: Sequence[PackageInfo], other: Sequence[PackageInfo]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
