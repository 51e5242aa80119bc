"""Let values show themselves as HTML in a notebook without an import of the renderers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_RENDERERS: dict[type, Callable[[Any], str]] = {}


class HtmlRepr:
    """A mixin whose HTML comes from the renderer that is registered for its class.

    Without a renderer IPython falls back to `repr`.
    """

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        renderer = _RENDERERS.get(type(self))
        return None if renderer is None else renderer(self)


def register_renderer(kind: type[_T], renderer: Callable[[_T], str]) -> None:
    """Register the renderer of a class; `presentation/value_html.py` calls it."""
    _RENDERERS[kind] = renderer
