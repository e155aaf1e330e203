"""Listing the worlds in Valkey: it changes nothing."""

import asyncio
from dataclasses import replace

import redis

from mock_server.store import integrity, valkey_replies, valkey_scripts
from mock_server.store.store import DamagedError, Stored
from mock_server.store.valkey_client import ValkeyClient


async def list_worlds(
    client: ValkeyClient, prefix: str, deadline: float, *, checks: bool
) -> list[Stored]:
    """Return the worlds whose keys begin with ``prefix``, by name, within ``deadline`` seconds.

    ``checks`` means that every record is checked, and not only the first. Raise errors of the
    library, and OSError.
    """
    found = []
    async with asyncio.timeout(deadline):
        for key in await client.keys(f"{_escaped(prefix)}*}}", deadline):
            name = key.decode("utf-8", "replace")[len(prefix) : -1]
            try:
                described = await client.eval(valkey_scripts.DESCRIBE, key, deadline=deadline)
            except redis.ResponseError as error:
                if not valkey_replies.is_about_key(error):
                    raise
                problem = valkey_replies.damage(key.decode("utf-8", "replace"), error)
                found.append(Stored(name, {}, 0, 0, 0, problem.advice))
                continue
            if described:
                stored = valkey_replies.stored(name, *described)
                found.append(await _checked(client, stored, key, deadline) if checks else stored)
    return sorted(found, key=lambda stored: stored.name)


async def _checked(client: ValkeyClient, stored: Stored, key: bytes, deadline: float) -> Stored:
    """Return ``stored`` with the problem of its content, if it has none yet."""
    if stored.problem is not None:
        return stored
    try:
        content = await client.eval(valkey_scripts.CONTENT, key, deadline=deadline)
        if content:
            integrity.check(await asyncio.to_thread(valkey_replies.unpacked, *content))
    except DamagedError as error:
        return replace(stored, problem=error.advice)
    return stored


def _escaped(text: str) -> str:
    """Return ``text`` as a pattern of Valkey that matches it alone."""
    return "".join(f"\\{one}" if one in "*?[]\\^" else one for one in text)
