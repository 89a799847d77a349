"""The shape of a JSON value - keys, types, kinds of text - and how one shape deviates from another."""

import re
from collections.abc import Iterator

#: Keys whose very value belongs to the shape.
TELLING = frozenset(["totalSize", "done", "success", "created", "errorCode", "statusCode", "httpStatusCode"])
TEXTS = {
    "id": re.compile(r"(?=\w*\d)[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z"),
    "datetime": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000\Z"),
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "HTTP date": re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\Z"),
    "ETag": re.compile(r'"[0-9a-f]{8}"\Z'),
    "record path": re.compile(r"/services/data/v[\dx]+\.0/sobjects/\w+/[A-Za-z0-9]+\Z"),
    "page path": re.compile(r"/services/data/v[\dx]+\.0/query/01g"),
    "path": re.compile(r"/services/data/v"),
    "address": re.compile(r"https?://"),
    "digits": re.compile(r"\d+\Z"),
}


def shape_of(value, key=""):
    """A value's shape: for an object its keys, for a list what its elements have in common, else the kind."""
    if isinstance(value, dict):
        return {name: shape_of(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_joined([shape_of(one) for one in value])]
    if key in TELLING:
        return {repr(value)}
    return {_kind(value)}


def _kind(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return next((kind for kind, pattern in TEXTS.items() if pattern.match(value)), "text")


def _joined(shapes):
    """What elements of a list have: objects joined key by key, kinds as a set. None for no elements."""
    objects = [one for one in shapes if isinstance(one, dict)]
    if objects:
        names = {name: None for one in objects for name in one}
        return {name: _joined([one[name] for one in objects if name in one]) for name in names}
    lists = [one[0] for one in shapes if isinstance(one, list)]
    if lists:
        return [_joined([one for one in lists if one is not None])]
    kinds = [one for one in shapes if isinstance(one, (set, frozenset))]
    return set().union(*kinds) if kinds else None


def deviations(recorded, ours):
    """How our value's shape differs from a recorded one's: one line for each place. Empty when they are equal."""
    return list(_compared(shape_of(recorded), shape_of(ours), ""))


def _compared(recorded, ours, place) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for name in sorted({*recorded, *ours}):
            below = f"{place}.{name}" if place else name
            if name not in ours or name not in recorded:
                yield f"{below}: {'missing' if name not in ours else 'not recorded'}"
            else:
                yield from _compared(recorded[name], ours[name], below)
    elif isinstance(recorded, list) and isinstance(ours, list):
        yield from _compared(recorded[0], ours[0], f"{place}[]")
    elif isinstance(recorded, set) and isinstance(ours, set):
        if new := sorted(ours - recorded):
            yield f"{place}: {' or '.join(sorted(recorded))} recorded, {' or '.join(new)} here"
    elif recorded != ours:
        yield f"{place}: {_named(recorded)} recorded, {_named(ours)} here"


def _named(shape):
    if shape is None:
        return "nothing"
    if isinstance(shape, set):
        return " or ".join(sorted(shape))
    return "an object" if isinstance(shape, dict) else "a list"
