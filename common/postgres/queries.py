"""Named statements out of the files in sql/queries/."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

SQL = Path(__file__).parents[2] / "sql"

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")

Parameter = str | int | bool | datetime | None | list[str] | list[int]


@cache
def load(file: str) -> dict[str, str]:
    """The statements of sql/queries/<file>.sql by name, without comments."""
    parts = _NAME.split((SQL / "queries" / f"{file}.sql").read_text(encoding="utf-8"))
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def _pieces(statement: str) -> list[str]:
    """Text and parameter names by turns."""
    return _PARAMETER.split(statement)


def bind(statement: str, **parameters: Parameter) -> str:
    """Put the parameters into the statement as literals.

    One simple query is one round trip and leaves nothing behind on the server, so it is safe behind a
    transaction pooler, where an unnamed prepared statement may meet another session's.

    Raises:
        KeyError: a parameter is missing.
    """
    pieces = _pieces(statement)
    return "".join(piece if n % 2 == 0 else literal(parameters[piece]) for n, piece in enumerate(pieces))


def literal(value: Parameter) -> str:
    """A value as a literal; `standard_conforming_strings` must be on (it is checked when a connection opens)."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if isinstance(value, list):
        return _array(value)
    if "\0" in value:
        raise ValueError("Postgres text cannot hold a NUL character")
    return "'" + value.replace("'", "''") + "'"


def _array(values: list[str] | list[int]) -> str:
    return f"ARRAY[{', '.join(literal(v) for v in values)}]" if values else "'{}'"


def identifier(name: str) -> str:
    """A quoted name; a qualified one (`schema.table`) is quoted part by part."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


def as_json(rows: Iterable[dict[str, object]]) -> str:
    """Rows as the JSON text that `json_to_recordset` reads; half a surrogate pair becomes a question mark."""
    text = json.dumps(list(rows), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()
