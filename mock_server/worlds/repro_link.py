"""A situation as a link: some runs of a world, with its clock, behaviour and faults, packed into
one word that needs nothing else. Whoever opens it gets a fresh world in which all is as it was."""

import base64
import binascii
import zlib
from collections.abc import Sequence

import orjson

from mock_server.engine.run import Run
from mock_server.engine.run_state import Json
from mock_server.errors import Flaw, Invalid, Refused
from mock_server.worlds import snapshot
from mock_server.worlds.cooperative import Work
from mock_server.worlds.registry import TEST_PREFIX, Worlds
from mock_server.worlds.world import World

LONGEST = 8_000
"""Characters of the longest link that browsers, proxies and chats still carry."""

_LARGEST = 4 * 1_048_576
LOC = ("path", "token")


def packing(world: World, runs: Sequence[Run]) -> Work[str]:
    """The word for those runs of ``world``, in order of creation.

    Raises Refused (409) when it would be too long."""
    word = yield from _word(world, runs)
    if len(word) > LONGEST:
        raise Refused(
            409,
            f"A link to these {len(runs)} runs would be {len(word)} characters long; the most is "
            f"{LONGEST}. Name fewer runs, or take the whole world with GET /_mock/state.",
        )
    return word


def packing_newest(world: World) -> Work[tuple[str, int]]:
    """The word for as many of the newest runs as go into one, and how many these are."""
    runs = list(world.runs())
    fits, tried = 0, min(len(runs), 1_000) + 1
    while tried - fits > 1:
        middle = (fits + tried) // 2
        word = yield from _word(world, runs[len(runs) - middle :])
        if len(word) <= LONGEST:
            fits = middle
        else:
            tried = middle
    word = yield from packing(world, runs[len(runs) - fits :])
    return word, fits


def unpack(word: str) -> Json:
    """The document in ``word``. Raises Invalid for one that was cut short or changed."""
    try:
        packed = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, _LARGEST)
        if not unpacker.eof:
            raise zlib.error
        document: Json = orjson.loads(text)
    except (binascii.Error, zlib.error, orjson.JSONDecodeError):
        msg = "Value error, the link is damaged: copy the whole of it"
        raise Invalid([Flaw(LOC, msg, "value_error")]) from None
    return document


async def set_up(worlds: Worlds, word: str) -> World:
    """A fresh ``test-`` world in which all is as the link says. Raises Invalid or Refused."""
    name = f"{TEST_PREFIX}repro-{zlib.crc32(word.encode()):08x}"
    return await worlds.take_up(unpack(word), name, LOC, beside=True)


def _word(world: World, runs: Sequence[Run]) -> Work[str]:
    document = yield from snapshot.writing(world, runs)
    packed = zlib.compress(document, 9)
    yield
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
