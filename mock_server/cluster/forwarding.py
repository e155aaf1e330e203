"""Forwarding: a request that another process responds to, over a connection of its own.

The head is sent with one more field, then the body as it arrives; the bytes of the response go to
the client as they come, so streams are not buffered. A client that leaves ends the request of the
owner, and an owner that breaks off breaks the client's connection off.
"""

import asyncio
import hmac
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mock_server.cluster import endings, forwarded_field
from mock_server.cluster.endings import Endings, ForwardedConnection
from mock_server.cluster.forwarded_field import ASSUMED, KNOWN, WHY
from mock_server.cluster.ownership import Owner, Peer
from mock_server.cluster.sent_fields import SentFields
from mock_server.cluster.upstream import Upstream
from mock_server.engine.clock import monotonic
from mock_server.errors import MAYBE_MADE
from mock_server.http.middleware.faults import CONNECTION
from mock_server.lean_event import LeanEvent
from mock_server.response_cycle import ResponseCycle

if TYPE_CHECKING:
    from mock_server.cluster.connection import ClusterConnection

_MAX_IDLE = 64
"""Idle connections that are kept for each peer."""

_WATCH_SECONDS = 2.0
"""Real seconds between two looks at the requests that peers respond to."""

_SAFE = ("GET", "HEAD", "OPTIONS")

_MAX_BROKEN = 3
"""How often the owner may break off before a response, until a read is given up."""

BROKEN = "mock_server.cluster.broken"
"""The key in the extensions of a scope that says how often it did."""

Find = Callable[[Any], "asyncio.Future[Owner] | None"]
"""Finds the owner for a request with that scope."""

Watch = Callable[[Any, Peer], "asyncio.Future[str | None] | None"]
"""Finds out why that peer should be left, which still responds to a request with that scope."""


class Forwarder:
    """Forwards requests to peers that have the same ``secret``, one word.

    Only the field with the secret is believed, so no client can forge it.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.endings = Endings(secret)
        self.reroute: Find | None = None
        """Finds another owner for a request whose owner could not be reached."""
        self.secret: Callable[[], str] | None = None
        """Returns the secret as it is, where the peers can agree on another one."""
        self.misdirected: Find | None = None
        """Finds the owner for a request that was sent to one that says it is not."""
        self.watch: Watch | None = None
        """Watches the peers: a process that is paused keeps its connections."""
        self._idle: defaultdict[str, list[Upstream]] = defaultdict(list)
        """The connections that wait for a request, by the address of their peer."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.running: set[Forward] = set()
        """The requests that peers respond to."""
        self._timer: asyncio.TimerHandle | None = None

    def forward(
        self,
        connection: "ClusterConnection",
        cycle: ResponseCycle,
        peer: Peer,
        *,
        assumed: bool = False,
    ) -> None:
        """Let ``peer`` respond to the request of ``cycle``; 503 if it cannot be reached.

        ``assumed`` means that the peer need not be the owner, and says so then.
        """
        self._refresh()
        forward = Forward(self, connection, cycle, peer, assumed)
        cycle.message_event = forward  # type: ignore[assignment]
        idle = self._idle[peer.address]
        while idle:
            upstream = idle.pop()
            if upstream.usable:
                forward.begin(upstream)
                return
        task = asyncio.get_running_loop().create_task(self._connect(forward, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, forward: "Forward", peer: Peer) -> None:
        try:
            upstream = await peer.connect(lambda: Upstream(self.endings))
        except OSError as error:
            forward.fail(f"cannot be reached: {error.strerror or 'no response in time'}")
        else:
            forward.begin(upstream)

    def keep(self, peer: Peer, upstream: Upstream) -> None:
        """Keep a connection for the next request."""
        idle = self._idle[peer.address]
        # One that was in use when the secret changed may be watched for former marks.
        if len(idle) < _MAX_IDLE and upstream.endings is self.endings:
            upstream.idle_since = monotonic()
            idle.append(upstream)
        else:
            upstream.abort()

    def is_connected(self, peer: Peer) -> bool:
        """Return whether there is a connection with the peer for a further request."""
        return any(upstream.usable for upstream in self._idle[peer.address])

    def look_later(self) -> None:
        """Look at the running requests now and then, as long as there are some."""
        if self._timer is None and self.watch is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        for forward in list(self.running):
            forward.look()
        if self.running:
            self.look_later()

    def close(self) -> None:
        """Close the idle connections."""
        for idle in self._idle.values():
            for upstream in idle:
                upstream.abort()
        self._idle.clear()

    def _refresh(self) -> None:
        if self.secret is None or (secret := self.secret()).encode() == self._secret:
            return
        self._secret, self.endings = secret.encode(), Endings(secret)
        self.close()  # They expect the former marks.

    def mark(self, scope: Any, why: bytes = KNOWN) -> bytes:
        """Return the line that makes a request with that scope a forwarded one."""
        client, server = scope["client"], scope["server"]
        return forwarded_field.write(self._secret, client, server, scope["scheme"], why)

    def accept(self, scope: Any) -> bool:
        """Return whether the request is a forwarded one, and restore its client and server.

        Faults then end the connection of that client.
        Its first header field is ``FORWARDED``, and is removed.
        """
        self._refresh()
        headers = scope["headers"]
        secret, _, mark = headers[0][1].partition(b" ")
        # Only what a peer has sent is read, and kept for the next request.
        marked = forwarded_field.read(mark) if hmac.compare_digest(secret, self._secret) else None
        if marked is None:
            return False
        scope["client"], scope["server"], scope["scheme"], why = marked
        extensions = scope["extensions"]
        extensions[CONNECTION] = ForwardedConnection(extensions[CONNECTION], self.endings)
        extensions[WHY] = why
        scope["headers"] = headers[1:]
        return True


_ENDED = LeanEvent()
"""The event of a request that has ended; its own would be a circle of references."""


class Forward:
    """One request that a peer responds to.

    It is the event of its cycle: the connection calls ``set`` when more of the body has arrived,
    and when the client has left.
    """

    __slots__ = (
        "_assumed",
        "_chunked",
        "_connection",
        "_forwarder",
        "_looked_at",
        "_over",
        "_peer",
        "_sent",
        "_taken",
        "_upstream",
        "bodiless",
        "cycle",
        "may_be_misdirected",
    )

    def __init__(
        self,
        forwarder: Forwarder,
        connection: "ClusterConnection",
        cycle: ResponseCycle,
        peer: Peer,
        assumed: bool,
    ) -> None:
        self._forwarder = forwarder
        self._connection = connection
        self._peer = peer
        self._upstream: Upstream | None = None
        self._chunked = False
        self._sent = self._over = self._looked_at = self._taken = False
        self._assumed = assumed
        self.may_be_misdirected = forwarder.misdirected is not None
        self.cycle = cycle
        self.bodiless = cycle.scope["method"] == "HEAD"

    def begin(self, upstream: Upstream) -> None:
        """Send the request over ``upstream``."""
        if self._over:  # The client has left meanwhile.
            self._forwarder.keep(self._peer, upstream)
            return
        forwarder = self._forwarder
        self._upstream, upstream.forward = upstream, self
        upstream.endings = forwarder.endings
        forwarder.running.add(self)
        forwarder.look_later()
        self._connection.forwarding = self
        scope: Any = self.cycle.scope
        query, headers = scope["query_string"], scope["headers"]
        if self._connection.sent is None or self._connection.sent.headers is not headers:
            self._connection.sent = SentFields.of(headers)
        fields, self._chunked = self._connection.sent[1:]
        head = b"".join(
            (
                scope["method"].encode(),
                b" ",
                scope["raw_path"],
                b"?" + query if query else b"",
                b" HTTP/",
                scope["http_version"].encode(),
                b"\r\n",
                forwarder.mark(scope, ASSUMED if self._assumed else KNOWN),
                b"connection: close\r\n" if self._connection.draining else b"",
                fields,
            )
        )
        if self._chunked or self.cycle.body:
            self._pump(head)
        else:
            upstream.write(head)

    def set(self) -> None:
        """Send what has arrived of the body; leave the peer if the client has left."""
        if self._over:
            return
        if self.cycle.disconnected:
            self._end()
            if self._upstream is not None:
                self._upstream.abort()
        elif not (self._chunked or self.cycle.body) or self._upstream is None:
            return
        elif not self._upstream.write_paused:
            self._pump()

    def _pump(self, head: bytes = b"") -> None:
        """Send what has arrived of the body, after ``head``."""
        cycle, upstream = self.cycle, self._upstream
        assert upstream is not None
        arrived = body = b""
        if cycle.body:
            self._taken = True
            arrived = body = bytes(cycle.body)
            cycle.body = bytearray()
        if self._chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not cycle.more_body and not self._sent:
                self._sent = True
                body += b"0\r\n\r\n"
        if head or body:
            upstream.write(head + body)
        if arrived and not upstream.write_paused:
            cycle.flow.resume_reading()

    def received(self, data: bytes, *, complete: bool, reusable: bool) -> None:
        """Send ``data``, bytes of the response, to the client."""
        cycle, upstream = self.cycle, self._upstream
        assert upstream is not None
        cycle.response_started = True
        cycle.transport.write(data)
        if not complete:
            if cycle.flow.write_paused:
                upstream.pause_reading()
            return
        # A peer may respond before it has read the body: then the connection cannot be reused.
        whole = not cycle.more_body and not cycle.body
        self._end()
        if reusable and whole:
            self._forwarder.keep(self._peer, upstream)
        else:
            upstream.abort()
        cycle.response_complete = True
        cycle.message_event = _ENDED  # type: ignore[assignment]
        if not (reusable and cycle.keep_alive):
            cycle.transport.close()
        cycle.on_response()

    def broken_off(self, data: bytes, reset: bool) -> None:
        """Send the last bytes to the client, and end its connection as a fault wants it."""
        self._end()
        cycle = self.cycle
        if data:
            cycle.transport.write(data)
        cycle.response_started = cycle.response_complete = True
        endings.end(cycle.transport, reset=reset)

    def drained(self) -> None:
        """Read on, because the client has taken what was sent."""
        if self._upstream is not None:
            self._upstream.resume_reading()

    def fail(self, reason: str) -> None:
        """End the response: with 503 where it has not begun, else with the connection."""
        if self._over:
            return
        self._end()
        cycle = self.cycle
        if cycle.response_started:
            # What the peer sent is all there is: of a response that ends with its connection, or
            # of one that broke off.
            cycle.response_complete = True
            cycle.transport.close()
        elif not self._rerouted():
            text = f"The owner of this world, {self._peer.name}, {reason}."
            made = self._upstream is not None and cycle.scope["method"] not in _SAFE
            self._connection.unavailable(
                f"{text} {MAYBE_MADE}" if made else text, repeatable=not made
            )

    def _rerouted(self) -> bool:
        """Let another owner respond, if there is one; return whether that may be."""
        cycle, find = self.cycle, self._forwarder.reroute
        read_only = cycle.scope["method"] in _SAFE
        # What has arrived of a body is gone.
        repeatable = self._upstream is None or (read_only and not self._taken)
        if self._upstream is not None:
            extensions: Any = cycle.scope["extensions"]
            extensions[BROKEN] = extensions.get(BROKEN, 0) + 1
            repeatable = repeatable and extensions[BROKEN] < _MAX_BROKEN
        owner = None if find is None or not repeatable else find(cycle.scope)
        if owner is not None:
            self._connection.start_later(cycle, owner)
        return owner is not None

    def misdirected(self) -> None:
        """Let the owner respond instead of the peer, which has done nothing."""
        self._end()
        find = self._forwarder.misdirected
        owner = None if find is None or self._taken else find(self.cycle.scope)
        if owner is None:
            self._connection.unavailable(f"{self._peer.name} does not own this world.")
        else:
            self._connection.start_later(self.cycle, owner)

    def look(self) -> None:
        """Find out whether the peer still responds, if it has taken long."""
        watch = self._forwarder.watch
        if self._looked_at and watch is not None:
            reason = watch(self.cycle.scope, self._peer)
            if reason is not None:
                reason.add_done_callback(self._looked)
        self._looked_at = True

    def _looked(self, reason: "asyncio.Future[str | None]") -> None:
        if self._over or reason.cancelled() or reason.exception() or reason.result() is None:
            return
        upstream = self._upstream
        self.fail(str(reason.result()))
        if upstream is not None:
            upstream.abort()

    def _end(self) -> None:
        self._over = True
        self._forwarder.running.discard(self)
        if self._upstream is not None:
            self._upstream.forward = None
        if self._connection.forwarding is self:
            self._connection.forwarding = None

    def pause_body(self) -> None:
        """Read no more of the request, because the peer does not take it."""
        self.cycle.flow.pause_reading()

    def resume_body(self) -> None:
        """Read on, because the peer has taken what was sent."""
        self.set()
        if self._upstream is not None and not self._upstream.write_paused:
            self.cycle.flow.resume_reading()
