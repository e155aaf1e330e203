"""Connect to the target, and say why that does not work."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from conformance.proxy.addresses import Target

CONNECT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to pass requests on, over TLS if there is a context for it."""

    target: Target
    tls: ssl.SSLContext | None = None
    timeout: float = CONNECT_TIMEOUT


class ConnectError(Exception):
    """The target cannot be reached; `status` is 502, or 504 if it did not respond in time."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def connect(plan: Plan) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the target. Raise ConnectError."""
    target = plan.target
    name = target.host if plan.tls is not None else None
    try:
        async with asyncio.timeout(plan.timeout):
            return await asyncio.open_connection(
                target.host, target.port, ssl=plan.tls, server_hostname=name
            )
    except TimeoutError:
        why = f"{target.origin} did not accept a connection within {plan.timeout:g} s."
        raise ConnectError(504, why) from None
    except ssl.SSLCertVerificationError as fault:
        why = f"{target.origin}: its certificate is not trusted: {fault.verify_message}."
        raise ConnectError(502, f"{why} Name its authority with --cacert.") from None
    except ssl.SSLError as fault:
        why = f"{target.origin}: the TLS handshake failed: {fault.reason or fault}."
        raise ConnectError(502, why) from None
    except OSError as fault:
        why = fault.strerror or str(fault) or type(fault).__name__
        raise ConnectError(502, f"{target.origin} cannot be reached: {why}.") from None
