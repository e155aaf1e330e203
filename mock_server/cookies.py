"""The ``Cookie`` header."""


def cookie_pairs(header: str) -> list[tuple[str, str]]:
    """Return the names and values of a ``Cookie`` header, by the rules of RFC 6265, section 5.

    Browsers send any text between two semicolons: JSON, spaces, names without a value.
    """
    pairs = []
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        pairs.append((name.strip(" \t"), value.strip(" \t")))
    return pairs
