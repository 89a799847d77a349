"""Commands on outbound messages: which fields each selects, and whether that is enough."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import config, ids
from common.errors import Terminal
from common.mapping import Direction, Mapping
from common.postgres import mappings
from common.postgres.connect import Database
from common.salesforce import wsdl
from functions.cli import named
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself

_MEND = "Select them in Setup, Outbound Messages, download the WSDL anew, and register it."


def add_to(groups: Groups) -> None:
    outbound = groups.add_parser("outbound-message", help="which fields an outbound message selects")
    commands = outbound.add_subparsers(metavar="ACTION", required=True)
    register = commands.add_parser("register", help="read its WSDL")
    what = register.add_mutually_exclusive_group(required=True)
    what.add_argument("wsdl", type=Path, nargs="?", help="the file that Setup offers as 'Click for WSDL'")
    what.add_argument(
        "--as-mapped", metavar="OBJECT",
        help="believe that it selects what is mapped; if it does not, columns that it leaves out are emptied",
    )  # fmt: skip
    register.add_argument("--action-id", default="", help="04k...; only where an object has several messages")
    register.set_defaults(run=_register)
    listed = commands.add_parser("list", help="every message that is known, and what it lacks")
    listed.add_argument("--json", action="store_true", help="for programs")
    listed.set_defaults(run=_list)
    commands.add_parser("check", help="exit with 2 where a message lacks mapped fields").set_defaults(run=_check)


def _register(chosen: argparse.Namespace, env: config.Environment) -> None:
    told = _told(chosen.wsdl) if chosen.wsdl else None
    action = _action(chosen.action_id)
    with Database(config.database(env)) as database, database.transaction() as tx:
        known = mappings.read(tx)
        mapped = named.mapped(known, chosen.as_mapped) if told is None else _of_object(known, told[0])
        sobject, fields = told or (mapped[0].sobject, _every(mapped))
        mappings.register_outbound_message(tx, sobject, action, fields)
    print(f"{sobject}: {len(fields)} fields are known to be in the message.")
    for m in mapped:
        if missing := m.lacking(fields):
            print(f"note: {m.table} maps more than the message selects; each change costs a read: {', '.join(missing)}")


def _told(path: Path) -> tuple[str, list[str]]:
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise Terminal("wsdl_unreadable", str(exc), "Name the file that Setup offers as 'Click for WSDL'.") from exc
    return wsdl.parse(text)


def _action(text: str) -> str:
    if text and not ids.is_id(text):
        raise Terminal("action_id", f"{text!r} is no id", "Give the 15 or 18 characters that begin with 04k.")
    return ids.to_18(text) if text else ""


def _of_object(known: Sequence[Mapping], sobject: str) -> list[Mapping]:
    return [m for m in known if m.sobject.lower() == sobject.lower()]


def _every(mapped: Sequence[Mapping]) -> list[str]:
    """What all of an object's mappings need."""
    return list(dict.fromkeys(name for m in mapped for name in m.read_fields))


def _list(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        known, messages = mappings.read(tx), mappings.outbound_messages(tx)
    rows = [_row(message, m) for message in messages for m in _mapped_by(known, message)]
    show(rows, empty="none; `isthmus outbound-message register FILE.wsdl` makes one known", as_json=chosen.json)


def _mapped_by(known: Sequence[Mapping], message: dict[str, Any]) -> "Sequence[Mapping | None]":
    return _of_object(known, message["sf_object_name"]) or (None,)


def _row(message: dict[str, Any], mapping: Mapping | None) -> dict[str, object]:
    return {
        "object": message["sf_object_name"],
        "action id": message["action_id"] or "any",
        "fields": len(message["fields"]),
        "table": mapping.table if mapping else None,
        "lacks": (", ".join(mapping.lacking(message["fields"])) or None) if mapping else None,
        "registered": message["registered_at"],
    }


def _check(_: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        known, messages = mappings.read(tx), mappings.outbound_messages(tx)
    for m in known:
        if m.direction is not Direction.PG_TO_SF and not m.is_event and not m.listed:
            print(f"note: no outbound message of {m.sobject} is known; each one that comes costs a read")
    troubles = list(_troubles(known, messages))
    for trouble in troubles:
        print(f"WARNING: {trouble}")
    if troubles:
        print(_MEND)
        sys.exit(2)
    print(f"{len(messages)} outbound messages are known; none lacks a mapped field.")


def _troubles(known: Sequence[Mapping], messages: Sequence[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        for m in _of_object(known, message["sf_object_name"]):
            if m.direction is not Direction.PG_TO_SF and (lacking := m.lacking(message["fields"])):
                which = f"action {message['action_id']}" if message["action_id"] else "any action"
                yield f"{m.sobject} ({which}) lacks what {m.table} maps, each costs a read: {', '.join(lacking)}"
