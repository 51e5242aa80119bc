"""Check every answer against the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    """A response of the server."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    json: Any

    @property
    def code(self) -> str:
        """The code of the error in the response."""
        return str(self.json["error"]["code"])


class Contract:
    """The OpenAPI document of a server, with checks of single responses."""

    def __init__(self, base_url: str = "/") -> None:
        self.document = openapi.document(base_url)
        self._known: dict[str, Draft202012Validator] = {}
        self.base = str(urlsplit(self.document["servers"][0]["url"]).path)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the operation of a request; a path without parameters takes precedence."""
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
        """Return how an answer differs from the contract; an unknown request must fail."""
        if path.startswith(f"{self.base}/views/"):  # the panel's own: test_views.py has them
            if answer.status < 400:
                return []
            known = {field: answer.json[field] for field in ("success", "error")}
            answer = replace(answer, json=known)
        operation = self.operation(method, path)
        if operation is None:
            failed = self.of({"$ref": "#/components/schemas/Failure"}).iter_errors(answer.json)
            return [str(error.message) for error in failed] + (
                ["200"] if answer.status < 400 else []
            )
        response_contract = operation["responses"].get(str(answer.status))
        if response_contract is None:
            return [f"{answer.status} is not promised"]
        missing = set(response_contract.get("headers", {})) - set(answer.headers)
        schema = response_contract["content"]["application/json"]["schema"]
        wrong = self.of(schema).iter_errors(answer.json)
        return [f"{name} is missing" for name in missing] + [error.message for error in wrong]

    def of(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        """Return a validator for a schema of the document."""
        key = json.dumps(schema)
        if key not in self._known:
            whole = {**schema, "components": self.document["components"]}
            self._known[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        return self._known[key]

    def bodies(self) -> dict[str, Draft202012Validator]:
        """Return a validator for the request body of each operation that has one."""
        return {
            operation["operationId"]: self.of(
                operation["requestBody"]["content"]["application/json"]["schema"]
            )
            for path in self.document["paths"].values()
            for verb, operation in path.items()
            if verb in _VERBS and "requestBody" in operation
        }
