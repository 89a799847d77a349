"""Records as the CSV that Bulk API 2.0 loads; Bulk API 2.0 guide, "Prepare CSV Files".

An empty cell leaves a field alone, `#N/A` empties it. So the very text `#N/A` cannot be loaded: such a record goes by REST.
"""

import csv
import io
from collections.abc import Sequence

from common.change import Value
from common.mapping import ID, Mapping
from common.ports import Send
from common.salesforce.collection import kind_of

NULL = "#N/A"
MAX_BYTES = 40_000_000  #: of one upload; Salesforce takes 100 MB, but a door has half a GB and keeps files in memory


class Sheet:
    """The rows of one upload: all of one kind, all with the same columns."""

    def __init__(self, mapping: Mapping, kind: str, fields: Sequence[str]) -> None:
        self.kind = kind
        self.records = 0
        self._fields = [] if kind == "delete" else list(fields)
        self._known = frozenset(self._fields)
        self._keys = [k.name for k in mapping.parent_keys]
        self._key = mapping.external_id_field if kind == "upsert" else ID
        self._text = io.StringIO(newline="")
        self._size = 0
        self._add([self._key, *self._fields])
        self.records = 0

    @property
    def full(self) -> bool:
        return self._size >= MAX_BYTES

    def takes(self, send: Send) -> bool:
        """Whether the record can be told in this sheet at all."""
        if kind_of(send) != self.kind or (self.kind != "upsert" and not send.sfid):
            return False
        if any(send.fields.get(name, "") is None for name in self._keys):
            return False  # a lookup is not emptied by its parent's external id
        return self._known.issuperset(send.fields) and NULL not in (send.external_id, *send.fields.values())

    def add(self, send: Send) -> None:
        key = send.sfid if self._key == ID else send.external_id
        self._add([key or "", *(_cell(send, name) for name in self._fields)])

    def _add(self, cells: Sequence[str]) -> None:
        before = self._text.tell()
        csv.writer(self._text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).writerow(cells)
        self._text.seek(before)
        self._size += len(self._text.read().encode())
        self.records += 1

    def encoded(self) -> bytes:
        return self._text.getvalue().encode()


def _cell(send: Send, name: str) -> str:
    if name not in send.fields:
        return ""
    return _text(send.fields[name])


def _text(value: Value) -> str:
    if value is None or value == "":  # Salesforce keeps no empty text
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
