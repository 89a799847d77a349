"""What people name at the shell: mappings, and how many rows they want to see."""

import argparse

from common.named import mapped, of_records, one


def count(text: str) -> int:
    """For --limit: a whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above zero")
    return int(text)


__all__ = ["count", "mapped", "of_records", "one"]
