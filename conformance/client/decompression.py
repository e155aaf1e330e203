"""Decompress bodies that are compressed although identity was requested, in small chunks, so that a
few bytes cannot become more than the size limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PORTION = 256 * 1024


class DecompressionError(Exception):
    """A body is packed in a way that is not known here, or not as it says."""


def decompressed(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The body's bytes, of the raw chunks in this Content-Encoding, in portions of 256 KiB at the
    most; a PackedError if that cannot be."""
    match encoding.strip().lower():
        case "" | "identity":
            yield from chunks
        case "gzip" | "x-gzip" | "deflate":
            # 32 more than the window: take either header, zlib's or gzip's.
            yield from _inflated(chunks, zlib.decompressobj(zlib.MAX_WBITS | 32))
        case other:
            raise DecompressionError(f"the body is encoded as {other!r}; identity was requested")


def _inflated(chunks: Iterator[bytes], inflater: zlib._Decompress) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                yield inflater.decompress(rest, PORTION)
                rest = inflater.unconsumed_tail
    except zlib.error as fault:
        raise DecompressionError(f"the body does not match its Content-Encoding: {fault}") from None
    if not inflater.eof:
        raise DecompressionError("the compressed body is incomplete")
