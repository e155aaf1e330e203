"""A situation as a link: some runs of a world, with its clock, behaviour and faults, packed into
one word that needs nothing else. Whoever opens it gets a fresh world in which all is as it was."""

import base64
import binascii
import zlib
from collections.abc import Sequence

import orjson

from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import ErrorDetail, HttpError, RequestValidationError
from mock_server.worlds import snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

MAX_LENGTH = 8_000
"""Characters of the longest link that browsers, proxies and chats still carry."""

_MAX_SIZE = 4 * 1_048_576
TOKEN_LOCATION = ("path", "token")


def pack(world: World, runs: Sequence[Run]) -> Work[str]:
    """The word for those runs of ``world``, in order of creation.

    Raises HttpError (409) when it would be too long."""
    token = yield from _token(world, runs)
    if len(token) > MAX_LENGTH:
        raise HttpError(
            409,
            f"A link to these {len(runs)} runs would be {len(token)} characters long; the most is "
            f"{MAX_LENGTH}. Name fewer runs, or take the whole world with GET /_mock/state.",
        )
    return token


def pack_newest(world: World) -> Work[tuple[str, int]]:
    """The word for as many of the newest runs as go into one, and how many these are."""
    runs = list(world.runs())
    fits, tried = 0, min(len(runs), 1_000) + 1
    while tried - fits > 1:
        middle = (fits + tried) // 2
        token = yield from _token(world, runs[len(runs) - middle :])
        if len(token) <= MAX_LENGTH:
            fits = middle
        else:
            tried = middle
    token = yield from pack(world, runs[len(runs) - fits :])
    return token, fits


def unpack(token: str) -> Json:
    """The document in ``token``. Raises RequestValidationError for one that was cut short or changed."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _MAX_SIZE)
        if not unpacker.eof:
            raise zlib.error
        document: Json = orjson.loads(text)
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        msg = "Value error, the link is damaged: copy the whole of it"
        raise RequestValidationError([ErrorDetail(TOKEN_LOCATION, msg, "value_error")]) from None
    return document


async def open_world(worlds: Worlds, token: str) -> World:
    """A fresh ``test-`` world in which all is as the link says. Raises RequestValidationError or HttpError."""
    name = f"{TEST_PREFIX}repro-{zlib.crc32(token.encode()):08x}"
    return await worlds.take_up(unpack(token), name, TOKEN_LOCATION, beside=True)


def _token(world: World, runs: Sequence[Run]) -> Work[str]:
    document = yield from snapshot.writing(world, runs)
    packed = zlib.compress(document, 9)
    yield
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
