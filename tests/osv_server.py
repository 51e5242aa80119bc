"""An OSV service on loopback, as the OSV API describes it, with pages and faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Advisory, Effect

Fault = Callable[[str], tuple[int, bytes, str] | None]
"""Returns another answer for a path: status, body, media type; None for the usual one."""


class OsvServer:
    """Serves records; a context manager. `requests` are (path, decoded body or None)."""

    def __init__(self, records: Iterable[Mapping[str, Any]], page_size: int = 1000) -> None:
        self.records = {record["id"]: record for record in records}
        self.page_size = page_size
        self.requests: list[tuple[str, Any]] = []
        self._read: dict[str, tuple[object, Advisory]] = {}
        self.fault: Fault = lambda path: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _advisory(self, advisory_id: str) -> Advisory:
        """Return a record as read; a replaced record is read again."""
        record = self.records[advisory_id]
        known = self._read.get(advisory_id)
        if known is None or known[0] is not record:
            known = self._read[advisory_id] = record, osv.read_record(record)
        return known[1]

    def answer(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one query of a batch with ids, a page at a time."""
        ids = sorted(i for i in self.records if _matches(self._advisory(i), query))
        start = int(query.get("page_token", "0"))
        page = ids[start : start + self.page_size]
        result: dict[str, Any] = {
            "vulns": [{"id": i, "modified": self.records[i].get("modified", "")} for i in page]
        }
        if start + self.page_size < len(ids):
            result["next_page_token"] = str(start + self.page_size)
        return result if page else {}


def _matches(advisory: Advisory, query: Mapping[str, Any]) -> bool:
    name = canonicalize_name(query["package"]["name"])
    if name not in {part.name for part in advisory.affected} or advisory.is_withdrawn:
        return False
    if "version" not in query:
        return True
    return advisory.effect(name, Version(query["version"])) is not Effect.NOT_AFFECTED


def _handler(server: OsvServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append((self.path, body))
            results = [server.answer(query) for query in body["queries"]]
            self.reply(200, json.dumps({"results": results}).encode())

        def do_GET(self) -> None:
            server.requests.append((self.path, None))
            record = server.records.get(self.path.removeprefix("/v1/vulns/"))
            self.reply(404 if record is None else 200, json.dumps(record).encode())

        def reply(self, status: int, body: bytes) -> None:
            media_type = "application/json"
            status, body, media_type = server.fault(self.path) or (status, body, media_type)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
