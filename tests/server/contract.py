"""Every answer that a test gets is held against the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jsonschema import (  # type: ignore[import-untyped]
    Draft202012Validator,
    FormatChecker,
)

from pkgwidgets.server import openapi

_VERBS = ("get", "put", "post", "delete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    json: Any

    @property
    def code(self) -> str:
        """The code of its error."""
        return str(self.json["error"]["code"])


class Contract:
    """The document of a server, and what it says of a request."""

    def __init__(self, base_url: str = "/") -> None:
        self.document = openapi.document(base_url)
        self._known: dict[str, Draft202012Validator] = {}
        self.base = str(urlsplit(self.document["servers"][0]["url"]).path)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return what is said of a request; of the paths that fit, the one without parts counts."""
        for template in sorted(
            self.document["paths"], key=lambda path_template: path_template.count("{")
        ):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template.replace(".", r"\."))
            if re.fullmatch(re.escape(self.base) + pattern, path):
                operation: dict[str, Any] | None = self.document["paths"][template].get(
                    method.lower()
                )
                return operation
        return None

    def problems(self, method: str, path: str, answer: Answer) -> list[str]:
        """Say in what an answer is not as promised; a request that is not promised only fails."""
        operation = self.operation(method, path)
        if operation is None:
            failed = self.of({"$ref": "#/components/schemas/Failure"}).iter_errors(answer.json)
            return [str(error.message) for error in failed] + (
                ["200"] if answer.status < 400 else []
            )
        promised = operation["responses"].get(str(answer.status))
        if promised is None:
            return [f"{answer.status} is not promised"]
        missing = set(promised.get("headers", {})) - set(answer.headers)
        schema = promised["content"]["application/json"]["schema"]
        wrong = self.of(schema).iter_errors(answer.json)
        return [f"{name} is missing" for name in missing] + [error.message for error in wrong]

    def of(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Return what checks a value against a schema of the document."""
        key = json.dumps(schema)
        if key not in self._known:
            whole = {**schema, "components": self.document["components"]}
            self._known[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        return self._known[key]

    def bodies(self) -> dict[str, Draft202012Validator]:
        """Return what checks the bodies of each operation that takes one."""
        return {
            operation["operationId"]: self.of(
                operation["requestBody"]["content"]["application/json"]["schema"]
            )
            for path in self.document["paths"].values()
            for verb, operation in path.items()
            if verb in _VERBS and "requestBody" in operation
        }
