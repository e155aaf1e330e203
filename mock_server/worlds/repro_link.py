"""A situation as a link: some runs of a world, with its clock, behaviour and faults.

They are packed into one token, which needs nothing else: the link opens a new world in the same
state.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence

from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, RequestValidationError
from mock_server.strict_json import JsonError, parse
from mock_server.worlds import snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.document import LINK
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

MAX_LENGTH = 8_000
"""Characters of a token that browsers, proxies and chats still pass on."""

_MAX_SIZE = 1_048_576
"""Bytes of the document in a token."""

_MAX_VALUES = 40_000
"""Values in the document: a kilobyte of a token can hold half a million, which is slow to parse."""

TOKEN_LOCATION = ("path", "token")


def pack(world: World, runs: Sequence[Run]) -> Work[str]:
    """Return the token for those runs of ``world``, in order of creation.

    Raise HttpError (409) when it is too long.
    """
    token = yield from _token(world, runs)
    if token is None:
        raise HttpError(
            409,
            f"A link to these {len(runs)} runs would be too long; the maximum is {MAX_LENGTH} "
            "characters. Name fewer runs, or export the world with GET /_mock/state.",
        )
    return token


def pack_newest(world: World) -> Work[tuple[str, int]]:
    """Return a token with as many of the newest runs as fit, and their number."""
    runs = list(world.runs())
    fits, too_many = 0, min(len(runs), 1_000) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        token = yield from _token(world, runs[len(runs) - middle :])
        if token is None:
            too_many = middle
        else:
            fits = middle
    token = yield from pack(world, runs[len(runs) - fits :])
    return token, fits


def unpack(token: str) -> Json:
    """Return the document in ``token``. Raise RequestValidationError for a damaged one."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _MAX_SIZE)
        if not unpacker.eof or unpacker.unused_data:
            raise zlib.error
        if _values(text) > _MAX_VALUES:
            raise JsonError("too many values")
        document: Json = parse(text)
    except (binascii.Error, zlib.error, JsonError):
        problem = "the link is damaged: copy the complete link"
        raise RequestValidationError.at(TOKEN_LOCATION, problem) from None
    return document


async def read(worlds: Worlds, token: str) -> World:
    """Return the world in the link without opening it. Raise RequestValidationError."""
    return await worlds.read(unpack(token), "test-repro", TOKEN_LOCATION, LINK)


async def open_world(worlds: Worlds, token: str) -> World:
    """Open a new ``test-`` world in the state of the link.

    Raise RequestValidationError or HttpError.
    """
    name = f"{TEST_PREFIX}repro-{zlib.crc32(token.encode()):08x}"
    return await worlds.restore(
        unpack(token), name, TOKEN_LOCATION, keep_existing=True, limits=LINK
    )


def _token(world: World, runs: Sequence[Run]) -> Work[str | None]:
    """Return the token for those runs; None where no link can hold them."""
    try:
        document = yield from snapshot.write(world, runs, LINK)
    except HttpError:
        return None
    if len(document) > _MAX_SIZE or _values(document) > _MAX_VALUES:
        return None
    packed = zlib.compress(document, 9)
    yield
    token = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    return token if len(token) <= MAX_LENGTH else None


def _values(text: bytes) -> int:
    """Return how many values the JSON can hold at most, without parsing it."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")
