"""The text of a header field, as RFC 9110 (section 5.5) allows it."""

FIELD_TEXT = bytes({*range(0x20, 0x100), 0x09} - {0x7F})
"""The bytes that the value of a header field may have."""
