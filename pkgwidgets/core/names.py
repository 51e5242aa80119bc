"""Check names and requirements from a user (PEP 503, PEP 508)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from packaging.utils import (
    NormalizedName,
    canonicalize_name,
)

from .errors import InvalidRequest
from .versions import checked_version

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# A PEP 508 name in ASCII only: IGNORECASE would admit the dotless i and the Kelvin sign.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAME_CHARACTERS = re.compile(r"[A-Za-z0-9._-]+")
_MAX_NAME_CHARACTERS = 100


def checked_name(text: object) -> NormalizedName:
    """Return the normalised name (PEP 503) of `text`, or raise `InvalidRequest` (PEP 508 names)."""
    if not isinstance(text, str) or len(text) > _MAX_NAME_CHARACTERS or not _NAME.fullmatch(text):
        raise InvalidRequest("name", text, _why_no_name(text))
    return canonicalize_name(text)


def _why_no_name(text: object) -> str:
    if not isinstance(text, str):
        return "give it as a text"
    if not text:
        return "it is empty"
    if not _NAME_CHARACTERS.fullmatch(text):
        return "use letters, digits, '.', '_' and '-'"
    if len(text) > _MAX_NAME_CHARACTERS:
        return f"use at most {_MAX_NAME_CHARACTERS} characters"
    return "start and end it with a letter or a digit"


def is_name(text: str) -> bool:
    """Tell whether a text is a valid project name (PEP 508) of any length."""
    return _NAME.fullmatch(text) is not None


def checked_requirement(text: object) -> Requirement:
    """Return the requirement that `text` spells: a name, extras and versions (PEP 508).

    Raises `InvalidRequest` also for a URL or a marker: both would make the plan depend on
    something that it does not show.
    """
    if not isinstance(text, str) or len(text) > 10 * _MAX_NAME_CHARACTERS or not text.isascii():
        raise InvalidRequest("requirement", text)
    from packaging.requirements import InvalidRequirement, Requirement  # late: names need neither

    try:
        requirement = Requirement(text)
    except (InvalidRequirement, ValueError, RecursionError):
        raise InvalidRequest("requirement", text) from None
    checked_name(requirement.name)
    for specifier in requirement.specifier:
        if specifier.operator == "===":  # compares text: any text may follow it
            checked_version(specifier.version)
    if requirement.url is not None or requirement.marker is not None or "\n" in text:
        raise InvalidRequest("requirement", text, "give a name and versions, such as polars>=1")
    return requirement


def checked_names(names: object) -> tuple[NormalizedName, ...]:
    """Return the normalised names of one or several texts, without duplicates."""
    return tuple(dict.fromkeys(map(checked_name, _as_tuple("name", names))))


def checked_requirements(requirements: object) -> Mapping[str, Requirement]:
    """Return the requirements of one or several texts, by their text."""
    checked = map(checked_requirement, _as_tuple("requirement", requirements))
    return {str(requirement): requirement for requirement in checked}


def _as_tuple(field: str, value: object) -> tuple[object, ...]:
    given: tuple[object, ...] = (value,)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        given = tuple(value)
    if not given:
        raise InvalidRequest(field, None, f"no {field} was given")
    return given
