"""Unpacking gzip (RFC 1952), no further than is allowed."""

from __future__ import annotations

import zlib

_GZIP = 31
"""What zlib calls a window of any size behind a header of gzip."""
_CHUNK_BYTES = 1 << 21
"""Bytes that are unpacked at once: most pages are smaller."""
_MAX_RATIO = 1032
"""So many times as large is what was packed, at most (zlib's technical notes)."""


class BrokenArchive(Exception):
    """What was to be unpacked ends early, or is something else."""


class TooLarge(Exception):
    """It would unpack to more than is allowed."""


def decompress(packed: bytes, largest: int) -> bytes:
    """Unpack gzip; raises `BrokenArchive`, and `TooLarge` for more than `largest` bytes.

    In few parts, so that other threads run meanwhile.
    """
    if not packed:
        return b""
    try:
        if len(packed) * _MAX_RATIO <= largest:
            announced = int.from_bytes(packed[-4:], "little")
            return zlib.decompress(packed, _GZIP, min(announced, _CHUNK_BYTES) or 1)
        return _bounded(packed, largest)
    except zlib.error as error:
        raise BrokenArchive(str(error)) from error


def _bounded(packed: bytes, largest: int) -> bytes:
    unpack = zlib.decompressobj(_GZIP)
    parts, size = list[bytes](), 0
    while not unpack.eof:
        parts.append(unpack.decompress(packed, _CHUNK_BYTES))
        size, packed = size + len(parts[-1]), unpack.unconsumed_tail
        if size > largest:
            raise TooLarge
        if not parts[-1] and not packed:
            raise BrokenArchive("it ends early")
    return parts[0] if len(parts) == 1 else b"".join(parts)
