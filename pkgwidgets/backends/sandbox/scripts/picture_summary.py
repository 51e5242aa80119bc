"""A small grid of grey values in place of a picture, so that pictures can be compared."""

from __future__ import annotations

import base64
import struct
from contextlib import suppress
from typing import Any

PICTURE = "application/vnd.pkgwidgets.picture+json"
_GRID = 64
_MAX_PIXELS = 50_000_000
_PNG_SIZE = slice(16, 24)
"""Where a PNG file has its width and height, https://www.w3.org/TR/png/#11IHDR."""


def picture_summary(encoded: str) -> dict[str, Any] | None:
    """Return the size and the grid of a PNG file in Base64.

    None without Pillow, which Matplotlib requires, and for a file that is no picture.
    """
    try:
        from PIL import Image, ImageFile
    except ImportError:
        return None
    with suppress(Exception):  # whatever a damaged file raises
        data = base64.b64decode(encoded)
        width, height = struct.unpack(">II", data[_PNG_SIZE])
        if width * height > _MAX_PIXELS:
            return None
        parser = ImageFile.Parser()
        parser.feed(data)
        picture = parser.close()
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        grid = white.convert("L").resize((_GRID, _GRID), Image.Resampling.BOX)
        return {"width": width, "height": height, "grey": grid.tobytes().hex()}
    return None
