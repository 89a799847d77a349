"""The bitmaps of a change event's header: which fields it changed, emptied, or tells as a difference."""

from collections.abc import Iterator, Sequence

Place = tuple[int, int | None]  #: a field of the schema; a part of it, for a compound one


def places(bitmaps: Sequence[str]) -> Iterator[Place]:
    """`0x400800` names fields 11 and 22 (bit 0, the lowest, is the first field); `6-0x01` the first part of field 6.

    Source: Change Data Capture guide, "Event Deserialization Considerations", and captured events.

    Raises:
        ValueError: an element is no bitmap.
    """
    for bitmap in bitmaps:
        head, dash, tail = bitmap.partition("-")
        if dash:
            yield from ((int(head), part) for part in _bits(tail))
        else:
            yield from ((index, None) for index in _bits(head))


def _bits(text: str) -> list[int]:
    if not text.startswith("0x"):
        raise ValueError(f"{text!r} is no bitmap")
    number = int(text, 16)
    return [place for place in range(number.bit_length()) if number >> place & 1]
