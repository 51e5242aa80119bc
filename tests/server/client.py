"""Types of the server tests' fixtures, and the command of a kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from server.contract import Answer

Spec = Callable[..., None]


class Ask(Protocol):
    """Send a request, by default with the token, and check the answer against the contract."""

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> Awaitable[Answer]: ...


def kernel(python: Path | str, *options: str) -> tuple[str, ...]:
    """Return the command of a kernel."""
    return (str(python), *options, "-m", "ipykernel_launcher", "-f", "{connection_file}")
