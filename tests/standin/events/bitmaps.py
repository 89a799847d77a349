"""The bitmaps of a change event's header: which fields of its schema, and which parts of compound ones."""

from collections.abc import Iterable, Sequence

Place = tuple[int, int | None]  #: a field of the record schema; a field inside it, for a compound one


def encode(places: Iterable[Place]) -> list[str]:
    """`0x...` for fields of the schema if there are any, then `<n>-0x...` for the parts of each compound field n."""
    whole, parts = 0, dict[int, int]()
    for index, part in places:
        if part is None:
            whole |= 1 << index
        else:
            parts[index] = parts.get(index, 0) | 1 << part
    head = [_hex(whole)] if whole else []
    return head + [f"{index}-{_hex(bits)}" for index, bits in sorted(parts.items())]


def decode(bitmaps: Sequence[str]) -> list[Place]:
    """The places that bitmaps name, in the order of the schema. Bit 0, the lowest, is the first field.

    Raises:
        ValueError: an element is no bitmap.
    """
    places: list[Place] = []
    for bitmap in bitmaps:
        head, dash, tail = bitmap.partition("-")
        if dash:
            places += [(int(head), part) for part in _bits(tail)]
        else:
            places += [(index, None) for index in _bits(head)]
    return sorted(places, key=lambda place: (place[0], -1 if place[1] is None else place[1]))


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return "0x" + digits.zfill(len(digits) + len(digits) % 2)  # whole bytes, as in captures


def _bits(text: str) -> list[int]:
    if not text.startswith("0x"):
        raise ValueError(f"{text!r} is no bitmap")
    number = int(text, 16)
    return [place for place in range(number.bit_length()) if number >> place & 1]


def names(bitmaps: Sequence[str], fields: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Names of the places, `Name` or `Compound.Part`, given each field's name and the names of its parts."""
    found = []
    for index, part in decode(bitmaps):
        name, parts = fields[index]
        found.append(name if part is None else f"{name}.{parts[part]}")
    return found
