"""From an upload's header to the bodies that its rows stand for."""

import re
from typing import Any

from tests.standin.bulk.jobs import Job
from tests.standin.schema import Field, SObject
from tests.standin.store import Store

Json = dict[str, Any]
NULL = "#N/A"
_LINK = re.compile(r"(?:(?P<type>\w+):)?(?P<relationship>\w+)\.(?P<key>\w+)\Z")


class BadHeader(Exception):
    """The job fails: its message is the job's `errorMessage`."""


class Header:
    """Turns rows into bodies: names in API form, empty values left out, `#N/A` as null."""

    def __init__(self, store: Store, sobject: SObject, columns: list[str], job: Job) -> None:
        self._names: list[str] = []
        self._links: list[tuple[int, Field, str | None, str]] = []
        for place, column in enumerate(columns):
            self._names.append(self._resolve(store, sobject, place, column))
        self._demand(sobject, job)

    def _resolve(self, store: Store, sobject: SObject, place: int, column: str) -> str:
        field = sobject.find(column)
        if field is not None:
            if field.name in self._names:
                raise BadHeader(f"InvalidBatch : Field name duplicated : {column}")
            return field.name
        match = _LINK.match(column)
        link = sobject.relationships.get(match["relationship"].lower()) if match else None
        if match is None or link is None or not _names_parent_key(store, link, match["type"], match["key"]):
            raise BadHeader(f"InvalidBatch : Field name not found : {column}")
        self._links.append((place, link, match["type"], match["key"]))
        return column

    def _demand(self, sobject: SObject, job: Job) -> None:
        key = {"insert": None, "upsert": job.external_id}.get(job.operation, "Id")
        field = sobject.find(key) if key else None
        if field is not None and field.name not in self._names:
            raise BadHeader(f"InvalidBatch : Field name not found : {key}")

    def body(self, row: list[str]) -> Json:
        """What a row asks for, as a REST body would say it."""
        body: Json = {name: value for name, value in zip(self._names, row, strict=True) if value}
        for place, link, kind, key in self._links:
            _put_link(body, self._names[place], link, kind, key)
        if NULL in row:
            body = {name: None if value == NULL else value for name, value in body.items()}
        return body


def _names_parent_key(store: Store, link: Field, kind: str | None, key: str) -> bool:
    """Whether the header names a field by which a parent can be found."""
    if kind is None and len(link.reference_to) > 1:
        return False
    parent = store.find_table(kind or link.reference_to[0])
    field = parent.sobject.find(key) if parent is not None else None
    return field is not None and (field.lookup_key or field.type == "id")


def _put_link(body: Json, column: str, link: Field, kind: str | None, key: str) -> None:
    value = body.pop(column, None)
    if value == NULL:
        body[link.name] = None
    elif value is not None:
        target = {"attributes": {"type": kind}} if kind else {}
        body[str(link.relationship)] = {**target, key: value}
