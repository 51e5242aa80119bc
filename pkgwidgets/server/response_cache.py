"""Serialized answers; long lists are serialized once while they are unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pkgwidgets.core.packages import PackageInfo

from . import payloads


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """A serialized answer and its entity tag (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> JsonResponse:
        """Serialize the answer of a request that succeeded."""
        return cls.from_payload({"success": True, **fields})

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> JsonResponse:
        """Serialize an answer as it is, without adding `success`."""
        body = payloads.to_json_text(payload).encode()
        return cls(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')


class ResponseCache:
    """The last response for each key. Threads share it: an entry is only ever replaced."""

    def __init__(self) -> None:
        self._responses: dict[Hashable, tuple[Sequence[PackageInfo], JsonResponse]] = {}

    def get_response(self, key: Hashable, field: str, rows: Sequence[PackageInfo]) -> JsonResponse:
        """Return the response whose `field` holds these rows."""
        entry = self._responses.get(key)
        # For a package that is unchanged, the operations return the same object as before.
        if entry is None or not _are_same_objects(entry[0], rows):
            response = JsonResponse.of({field: [payloads.package(info) for info in rows]})
            entry = self._responses[key] = (rows, response)
        return entry[1]


def _are_same_objects(old_rows: Sequence[PackageInfo], new_rows: Sequence[PackageInfo]) -> bool:
    return len(old_rows) == len(new_rows) and all(
        old is new for old, new in zip(old_rows, new_rows, strict=True)
    )
