"""Decompress gzip (RFC 1952) up to a size limit."""

from __future__ import annotations

import zlib

_GZIP_WBITS = 31
"""`wbits` of zlib for a gzip header and a window of any size."""
_CHUNK_BYTES = 1 << 21
"""Bytes that are decompressed at once: most pages are smaller."""
_MAX_RATIO = 1032
"""The highest compression ratio of deflate (zlib's technical notes)."""


class BrokenArchive(Exception):
    """The data is truncated, or is not gzip."""


class TooLarge(Exception):
    """The decompressed data is larger than the limit."""


def decompress(data: bytes, max_bytes: int) -> bytes:
    """Decompress gzip in few, large chunks, so that other threads run meanwhile.

    Raises `BrokenArchive` for invalid data, `TooLarge` for more than `max_bytes` bytes.
    """
    if not data:
        return b""
    try:
        if len(data) * _MAX_RATIO <= max_bytes:
            announced_bytes = int.from_bytes(data[-4:], "little")
            return zlib.decompress(data, _GZIP_WBITS, min(announced_bytes, _CHUNK_BYTES) or 1)
        return _decompress_in_chunks(data, max_bytes)
    except zlib.error as error:
        raise BrokenArchive(str(error)) from error


def _decompress_in_chunks(data: bytes, max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj(_GZIP_WBITS)
    chunks, total_bytes = list[bytes](), 0
    while not decompressor.eof:
        chunks.append(decompressor.decompress(data, _CHUNK_BYTES))
        total_bytes, data = total_bytes + len(chunks[-1]), decompressor.unconsumed_tail
        if total_bytes > max_bytes:
            raise TooLarge
        if not chunks[-1] and not data:
            raise BrokenArchive("the compressed answer is incomplete")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
