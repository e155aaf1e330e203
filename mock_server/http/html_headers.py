"""The headers of every page for people: what a browser may do with it."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

_TEMPLATES = Path(__file__).parent.parent / "templates"
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def wants_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request accepts HTML, as those of browsers do when they open a page."""
    return any(name == b"accept" and b"text/html" in value for name, value in headers)


@cache
def page_headers(*, inline: bool = True) -> Mapping[str, str]:
    """Return the headers: no other page may embed it and trick a user into pressing its buttons,
    and it loads and runs nothing but the mock's own files and, with ``inline``, the scripts of the
    templates."""
    sources: dict[str, list[str]] = {"script": ["'self'"], "style": ["'self'"]}
    for template in sorted(_TEMPLATES.glob("*.html")) if inline else ():
        for kind, text in _INLINE.findall(template.read_text(encoding="utf-8")):
            digest = b64encode(sha256(text.encode()).digest()).decode()
            sources[kind].append(f"'sha256-{digest}'")
    policy = [
        "default-src 'none'",
        *(f"{kind}-src {' '.join(allowed)}" for kind, allowed in sources.items()),
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
    }
