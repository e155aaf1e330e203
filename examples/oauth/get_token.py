#!/usr/bin/env python3
"""Print an access token of the OAuth client credentials grant, for --token-command.

OAUTH_TOKEN_URL, OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET are read from the environment;
OAUTH_SCOPE is optional. The response is printed as it is: the kit reads `access_token` and
`expires_in`.
"""

import base64
import os
import sys
from urllib.error import URLError
from urllib.parse import quote_plus, urlencode
from urllib.request import Request, urlopen


def main() -> None:
    """Request a token and print the response of the token endpoint."""
    try:
        url = os.environ["OAUTH_TOKEN_URL"]
        client = (os.environ["OAUTH_CLIENT_ID"], os.environ["OAUTH_CLIENT_SECRET"])
    except KeyError as missing:
        sys.exit(f"{missing}: expected an environment variable. Set it.")
    form = {"grant_type": "client_credentials"}
    if scope := os.environ.get("OAUTH_SCOPE"):
        form["scope"] = scope
    # RFC 6749, section 2.3.1: both parts are form-encoded.
    basic = base64.b64encode(":".join(map(quote_plus, client)).encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    request = Request(url, urlencode(form).encode(), headers)  # noqa: S310 - configured
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310
            print(response.read().decode())
    except URLError as fault:
        sys.exit(f"{url}: {fault}")


if __name__ == "__main__":
    main()
