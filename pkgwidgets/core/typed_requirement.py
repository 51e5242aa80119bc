"""Read the requirement that a user typed, or pasted with the command around it."""

from __future__ import annotations

import re

from .errors import InvalidRequest

# The part of a pasted command before the name: `%pip install -U polars`.
_INSTALL_COMMAND = re.compile(
    r"^\s*[!%$]?\s*(?:(?:python3?|py)\s+-m\s+)?(?:uv\s+)?(?:pip3?\s+install|add)\s+"
    r"(?:(?:-U|--upgrade|-q|--quiet)\s+)*"
)
_NAME_END = re.compile(r"[\s\[<>=!~;,(]")
_QUOTES = "\"'` \t\n"


def strip_command(text: object) -> str:
    """Return the requirement in a typed or pasted text, without an install command.

    Raises `InvalidRequest` if `text` is not a `str`.
    """
    if not isinstance(text, str):
        raise InvalidRequest("requirement", text)
    return _INSTALL_COMMAND.sub("", text).strip(_QUOTES)


def project_name(text: str) -> str:
    """Return the project name in a typed or pasted text, without versions and extras."""
    return _NAME_END.split(strip_command(text), maxsplit=1)[0]
