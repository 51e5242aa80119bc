"""How a value shows itself as HTML in a notebook, without importing what draws it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_RENDERERS: dict[type, Callable[[Any], str]] = {}


class HtmlRepr:
    """Gives a value the HTML of the renderer that is registered for its class.

    Without one IPython falls back to `repr`.
    """

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        renderer = _RENDERERS.get(type(self))
        return None if renderer is None else renderer(self)


def register_renderer(kind: type[_T], renderer: Callable[[_T], str]) -> None:
    """Show values of this class by `renderer`; `presentation/value_html.py` calls it."""
    _RENDERERS[kind] = renderer
