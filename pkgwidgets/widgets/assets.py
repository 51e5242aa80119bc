"""The files of the front end: views share parts, and each is one module for the browser."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"


def sources(*names: str) -> str:
    """Return these files as one ES module; only the last of them exports."""
    return "\n".join((STATIC / f"{name}.js").read_text("utf-8") for name in names)
