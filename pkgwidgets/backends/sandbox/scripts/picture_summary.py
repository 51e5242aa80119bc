"""A small grid of grey values in place of a picture, so that pictures can be compared."""

from __future__ import annotations

import base64
import io
from contextlib import suppress
from typing import Any

PICTURE = "application/vnd.pkgwidgets.picture+json"
_GRID = 64
_MAX_PIXELS = 50_000_000


def picture_summary(encoded: str) -> dict[str, Any] | None:
    """Return the size and the grid of a PNG file in Base64.

    None without Pillow, which Matplotlib requires, and for a file that is no picture.
    """
    try:
        from PIL import Image
    except ImportError:
        return None
    with suppress(Exception):  # whatever a damaged file raises
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
            width, height = picture.size
            if width * height > _MAX_PIXELS:
                return None
            white = Image.new("RGBA", picture.size, "white")
            white.alpha_composite(picture.convert("RGBA"))
            grid = white.convert("L").resize((_GRID, _GRID), Image.Resampling.BOX)
        return {"width": width, "height": height, "grey": grid.tobytes().hex()}
    return None
