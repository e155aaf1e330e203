"""A situation as a link: some runs of a world, with its clock, behaviour and faults.

They are packed into one token, which needs nothing else: the link opens a new world in the same
state.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence

import orjson

from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import HttpError, RequestValidationError
from mock_server.worlds import snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

MAX_LENGTH = 8_000
"""Characters of a token that browsers, proxies and chats still pass on."""

_MAX_SIZE = 4 * 1_048_576
TOKEN_LOCATION = ("path", "token")


def pack(world: World, runs: Sequence[Run]) -> Work[str]:
    """Return the token for those runs of ``world``, in order of creation.

    Raise HttpError (409) when it is too long.
    """
    token = yield from _token(world, runs)
    if len(token) > MAX_LENGTH:
        raise HttpError(
            409,
            f"A link to these {len(runs)} runs would be {len(token)} characters long; the maximum "
            f"is {MAX_LENGTH}. Name fewer runs, or export the world with GET /_mock/state.",
        )
    return token


def pack_newest(world: World) -> Work[tuple[str, int]]:
    """Return a token with as many of the newest runs as fit, and their number."""
    runs = list(world.runs())
    fits, too_many = 0, min(len(runs), 1_000) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        token = yield from _token(world, runs[len(runs) - middle :])
        if len(token) <= MAX_LENGTH:
            fits = middle
        else:
            too_many = middle
    token = yield from pack(world, runs[len(runs) - fits :])
    return token, fits


def unpack(token: str) -> Json:
    """Return the document in ``token``. Raise RequestValidationError for a damaged one."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _MAX_SIZE)
        if not unpacker.eof:
            raise zlib.error
        document: Json = orjson.loads(text)
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        problem = "the link is damaged: copy the complete link"
        raise RequestValidationError.at(TOKEN_LOCATION, problem) from None
    return document


async def open_world(worlds: Worlds, token: str) -> World:
    """Open a new ``test-`` world in the state of the link.

    Raise RequestValidationError or HttpError.
    """
    name = f"{TEST_PREFIX}repro-{zlib.crc32(token.encode()):08x}"
    return await worlds.restore(unpack(token), name, TOKEN_LOCATION, keep_existing=True)


def _token(world: World, runs: Sequence[Run]) -> Work[str]:
    document = yield from snapshot.write(world, runs)
    packed = zlib.compress(document, 9)
    yield
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
