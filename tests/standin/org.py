"""The org: everything that the stand-in remembers, and how it comes back after a restart."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from tests.standin import record_types, rollups
from tests.standin.access import Access
from tests.standin.bulk.register import Bulk
from tests.standin.calls import Calls
from tests.standin.clock import Clock
from tests.standin.events.hub import Hub
from tests.standin.faults.register import Faults
from tests.standin.journal import Entry, Journal
from tests.standin.late import Late
from tests.standin.outbound import queue as outbound
from tests.standin.outbound import xml as outbound_xml
from tests.standin.outbound.delivery import Deliverer
from tests.standin.outbound.queue import Definition, Notification, OutboundQueue
from tests.standin.querying.cursors import Cursors
from tests.standin.querying.expressions import getter
from tests.standin.schema import Field, SObject
from tests.standin.settings import SETTINGS
from tests.standin.sign_in.auth import Client, Login, Refresh, Session, Sessions
from tests.standin.sign_in.grants import Grants
from tests.standin.store import Actor, Store, object_entry
from tests.standin.table import Record, Table

Json = dict[str, Any]

BUILT_IN = Path(__file__).parent / "objects"
DEFAULT_ORG = "00DSb0000000001MAA"
RECORDS_PER_LINE = 1000  #: of a journal snapshot


class Org:
    """One org. `start` fills it; `stop` ends its threads and closes its journal."""

    def __init__(self, org_id: str = DEFAULT_ORG, data: Path | None = None) -> None:
        self.id = org_id
        self.base_url = "http://127.0.0.1"
        self.clock = Clock()
        self.calls = Calls(self.clock)
        self.faults = Faults(self.clock)
        self.late = Late(self.clock)
        self.cursors = Cursors(self.clock)
        self.settings = dict(SETTINGS)
        self._journal = Journal(data) if data else None
        self._sources: dict[str, str] = {}
        self.store = Store(self.clock, self.write)
        self.queue = OutboundQueue(self.clock, self.write)
        self.sessions = Sessions(self.id, self.clock, self.write)
        self.grants = Grants(self.sessions, self.clock, self.settings)
        self.events = Hub(self.store, self.clock, self.settings, self.write)
        self.store.on_commit = self.queue.enqueue
        self.store.listeners.append(self.events.committed)
        self.sessions.on_expiry = self.events.bell.ring
        self.store.spoil = self.faults.spoil
        self.store.before_commit = lambda transaction: rollups.follow(self.store, transaction)
        self.access = Access()
        self.store.seen_by = lambda user_id: self.access.seen_by(self.store, user_id)
        self.bulk = Bulk(self.store, lambda: self.settings, self.write, data)
        self._deliverer = Deliverer(self.queue, self.outbound_body, self.faults)
        self.ui = Actor("")

    def seen_by(self, actor: Actor) -> Store:
        """The store as a caller sees it."""
        return self.store.seen_by(actor.user_id)

    def rules_changed(self) -> None:
        """Write down all duplicate rules and limits, after one of them changed."""
        self.store.views.clear()
        self.write(self._rules())

    def _rules(self) -> Entry:
        rules = [rule.as_json() for rule in self.store.duplicates.all()]
        return {"k": "rules", "duplicates": rules, "access": self.access.snapshot()}

    def write(self, entry: Json) -> None:
        if self._journal is not None:
            self._journal.write(entry)

    def start(self, uploads: Iterable[Path] = ()) -> None:
        """Replay the journal, then add the built-in objects and people, then the given object files."""
        for entry in self._journal.entries() if self._journal else ():
            self._replay(entry)
        if self._journal is not None:
            self._journal.restart(self._snapshot())
        for path in _object_files([BUILT_IN]):
            given = orjson.loads(path.read_bytes())
            if given["name"] not in self.store.tables:
                self.upload(given)
        self._people()
        for path in _object_files(uploads):
            self._upload_file(path)
        self._deliverer.start()

    def stop(self) -> None:
        self._deliverer.stop()
        self.bulk.stop()
        if self._journal is not None:
            self._journal.close()

    def upload(self, given: Json) -> SObject:
        """Put an object in force, with its record types; or a platform event, whose name ends in __e."""
        if given["name"].endswith("__e"):
            return self.events.define_event(given)
        sobject = self.store.upload(record_types.numbered(self.store, given))
        record_types.adopt(self.store, sobject)
        return sobject

    def upload_once(self, given: Json) -> None:
        """Upload an object file unless exactly this one is in force (fields added later stay then)."""
        digest = hashlib.sha256(orjson.dumps(given)).hexdigest()
        if self._sources.get(given["name"]) != digest:
            self.upload(given)
            self._sources[given["name"]] = digest
            self.write({"k": "source", "name": given["name"], "digest": digest})

    def _upload_file(self, path: Path) -> None:
        try:
            self.upload_once(orjson.loads(path.read_bytes()))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ValueError(f"{path} describes no object ({type(exc).__name__}: {exc})") from exc

    def _people(self) -> None:
        """Two users: one who works on the page, one as whom integrations run."""
        users = self.store.tables["User"]
        if not users.records:
            with self.store.transaction():
                self._person("Standin", "Admin", "admin@standin.test")
                self._person("Isthmus", "Integration", "integration@standin.test")
        admin, integration = users.ids[:2]
        self.ui = Actor(admin, channel="soap", call_client="SfdcInternalAPI/")  # as edits on a page arrive
        for username, user_id in (("admin@standin.test", admin), ("integration@standin.test", integration)):
            if username not in self.sessions.logins:
                self.sessions.admit(Login(username, "standin", user_id))
        if "isthmus" not in self.sessions.clients:
            self.sessions.register(Client("isthmus", "isthmus", integration))

    def _person(self, first: str, last: str, username: str) -> None:
        users, stamp = self.store.tables["User"], self.clock.stamp()
        record = {"Id": users.source.take(), **users.sobject.defaults, "FirstName": first, "LastName": last}
        record |= {
            "Name": f"{first} {last}",
            "Username": username,
            "Email": username,
            "IsActive": True,
            "IsDeleted": False,
        }
        record |= {"CreatedDate": stamp, "LastModifiedDate": stamp, "SystemModstamp": stamp}
        record |= {"CreatedById": record["Id"], "LastModifiedById": record["Id"]}
        self.store.put(users, record, None)

    def reset(self, objects_too: bool) -> None:
        """Forget records, messages, calls, faults and the clock's moves; people and sessions stay."""
        with self.store.lock:
            self.queue.clear()
            self.clock.offset_seconds = 0.0
            self.change_settings(SETTINGS, record=False)
            self.store.duplicates.clear()
            self.access.clear()
            self.events.reset(objects_too)
            self.calls.clear()
            self.faults.clear()
            self.late.clear()
            self.cursors.clear()
            self.bulk.clear()
            for name in list(self.store.tables):
                if name != "User":
                    self.store.empty(name)
                if objects_too and not (BUILT_IN / f"{name}.json").exists():
                    self.store.drop(name)
                    self._sources.pop(name, None)
            for table in self.store.tables.values():
                record_types.adopt(self.store, table.sobject)
            if self._journal is not None:
                self._journal.restart(self._snapshot())

    def outbound_body(self, definition: Definition, batch: list[Notification]) -> bytes:
        """The XML of a message, with each record's latest data."""
        with self.store.lock:
            table = self.store.tables[definition.object]
            fields = self.outbound_fields(definition, table.sobject)
            records = [self._with_formulas(table, n.record_id, fields) for n in batch]
            written = [
                outbound_xml.notification(
                    n.id, definition.object, fields, record if record and not record["IsDeleted"] else None
                )
                for n, record in zip(batch, records, strict=True)
            ]
        return outbound_xml.message(self._outbound_header(definition), written)

    def _with_formulas(self, table: Table, record_id: str, fields: list[Field]) -> Record | None:
        """A record with the values of its formula fields, as they are now."""
        record = table.records.get(record_id)
        made = [field for field in fields if field.formula is not None] if record else []
        values = {field.name: getter(self.store, table.sobject, field)(record) for field in made} if record else {}
        return {**record, **{name: value for name, value in values.items() if value is not None}} if record else None

    def _outbound_header(self, definition: Definition) -> dict[str, str | None]:
        session = self.sessions.open(definition.user_id, "outbound").token if definition.include_session_id else None
        return {
            "OrganizationId": self.id,
            "ActionId": definition.id,
            "SessionId": session,
            "EnterpriseUrl": f"{self.base_url}/services/Soap/c/67.0/{self.id[:15]}",
            "PartnerUrl": f"{self.base_url}/services/Soap/u/67.0/{self.id[:15]}",
        }

    @staticmethod
    def outbound_fields(definition: Definition, sobject: SObject) -> list[Field]:
        return [sobject.fields[name] for name in definition.fields if name in sobject.fields]

    def define_outbound(self, given: Json) -> Definition:
        table = self.store.table(given["object"])
        definition_id = self.queue.definition_ids.take()
        definition = outbound.define(given, definition_id, table.sobject, self.ui.user_id)
        self.queue.add(definition)
        return definition

    def _snapshot(self) -> Iterable[Entry]:
        yield {"k": "clock", "offset": self.clock.offset_seconds}
        yield {"k": "settings", "settings": self.settings}
        for table in self.store.tables.values():
            yield object_entry(table.sobject)
            yield {"k": "next", "name": table.sobject.name, "number": table.source.next_number}
            records = iter(table.records.values())
            while chunk := [[table.sobject.name, record] for record in islice(records, RECORDS_PER_LINE)]:
                yield {"k": "put", "records": chunk}
        yield self._rules()
        yield from ({"k": "source", "name": name, "digest": digest} for name, digest in self._sources.items())
        yield from self.sessions.snapshot()
        yield from self.queue.snapshot()
        yield from self.bulk.entries()
        yield from self.events.snapshot()

    def _replay(self, entry: Entry) -> None:
        match entry["k"]:
            case "put":
                self.events.replay_commit(entry)
                for name, record in entry["records"]:
                    self.store.restore(name, record)
                for name, record_id in entry.get("gone", ()):
                    self.store.forget(name, record_id)
                for queued in entry.get("queued", ()):
                    self.queue.restore(queued)
                if "bulk" in entry:
                    self.bulk.restore(entry["bulk"])
            case "object":
                self.store.place(SObject(entry["raw"], entry["at"], entry.get("ids")), record=False)
            case "next":
                source = self.store.tables[entry["name"]].source
                source.next_number = max(source.next_number, entry["number"])
            case "source":
                self._sources[entry["name"]] = entry["digest"]
            case "clock":
                self.clock.offset_seconds = entry["offset"]
            case "rules":
                self.store.duplicates.clear()
                for rule in entry["duplicates"]:
                    self.store.duplicates.define(rule, self.store.table(rule["object"]).sobject)
                self.access.restore(entry["access"])
            case "settings":
                self.change_settings(entry["settings"], record=False)
            case (
                "event-schema" | "platform-event" | "channel" | "event-log" | "events" | "managed" | "committed-replay"
            ):
                self.events.replay(entry)
            case _:
                self._replay_people_and_messages(entry)

    def _replay_people_and_messages(self, entry: Entry) -> None:
        match entry["k"]:
            case "client":
                self.sessions.register(Client(**entry["client"]), record=False)
            case "login":
                self.sessions.admit(Login(**entry["login"]), record=False)
            case "session":
                self.sessions.keep(Session(**entry["session"]))
            case "session-ended":
                self.sessions.forget(entry["token"])
            case "refresh":
                self.sessions.keep_refresh(Refresh(**entry["refresh"]))
            case "expired":
                self.sessions.forget_all()
            case "outbound":
                given = entry["definition"]
                self.queue.add(Definition(**{**given, "fields": tuple(given["fields"])}), record=False)
            case "outbound-gone":
                self.queue.remove(entry["id"])
            case "queued":
                self.queue.restore(entry)
            case "sent":
                self.queue.forget(entry["def"], entry["ids"])
            case "bulk":
                self.bulk.restore(entry["job"])
            case "bulk-gone":
                self.bulk.forget(entry["id"])

    def change_settings(self, given: Json, record: bool = True) -> None:
        self.settings.update({name: value for name, value in given.items() if name in SETTINGS})
        self.store.check_references = bool(self.settings["checkReferences"])
        self.sessions.timeout_seconds = float(self.settings["sessionTimeoutSeconds"])
        self.bulk.wake()
        self.store.round_decimals = bool(self.settings["roundDecimals"])
        self.store.views.clear()
        self.cursors.idle_minutes = float(self.settings["cursorMinutes"])
        self.events.bell.ring()
        if record:
            self.write({"k": "settings", "settings": self.settings})

    def move_clock(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.write({"k": "clock", "offset": self.clock.offset_seconds})
        self.queue.clock_moved()
        self.events.bell.ring()
        self.late.run_due()
        self.bulk.wake()

    def clients_json(self) -> list[Json]:
        return [asdict(client) | {"client_secret": "***"} for client in self.sessions.clients.values()]


def _object_files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
        else:
            described = sorted(path.glob("*.describe.json"))
            found += described or sorted(path.glob("*.json"))
    return found
