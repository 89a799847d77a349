"""Salesforce record ids: 15 characters that depend on case, or 18 with a checksum that does not."""

import os
import re
import secrets
import socket

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?\Z")


def is_id(text: str) -> bool:
    """Whether text has the shape of a record id, of 15 or 18 characters."""
    return _ID.match(text) is not None


def to_18(text: str) -> str:
    """The 18-character form; an 18-character id comes back unchanged.

    Each suffix character tells which of five characters are upper case, the first one in the lowest bit.

    Raises:
        ValueError: it is no record id.
    """
    if not is_id(text):
        raise ValueError(f"{text!r} is no Salesforce id: 15 or 18 letters and digits are expected")
    return text if len(text) == 18 else text + _suffix(text)


def _suffix(text: str) -> str:
    return "".join(
        _ALPHABET[sum(1 << bit for bit, letter in enumerate(text[start : start + 5]) if "A" <= letter <= "Z")]
        for start in (0, 5, 10)
    )


def ours() -> str:
    """A name for this process that no other one has: host, number, and something random."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
