"""One platform event: all there is to know stands in it, and no record stands behind it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.change import Change, Op, Side, Value
from common.salesforce.events.avro import Schema
from common.salesforce.events.fields import told

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """A platform event, read."""

    id: str  #: the same however often it is told
    sobject: str
    values: Mapping[str, Value]
    committed: datetime
    lost: None = None  #: it always says what it means

    def changes(self) -> list[Change]:
        """The event, whole."""
        return [
            Change(Side.SALESFORCE, self.sobject, self.id, Op.UPSERT, self.committed, self.id, fields=self.values)
        ]  # fmt: skip


def read(event_id: str, replay_id: bytes, schema: Schema, record: Mapping[str, Any]) -> Published:
    """The event of a whole record. CreatedDate is when it was published."""
    created = _EPOCH + timedelta(milliseconds=record["CreatedDate"])
    return Published(_name(event_id, replay_id), schema.name, told(schema, dict(record)), created)


def _name(event_id: str, replay_id: bytes) -> str:
    """EventUuid. Who publishes over gRPC chooses it, and may choose the same one twice: then the replay id tells them apart."""
    try:
        return str(uuid.UUID(event_id))
    except ValueError:
        return f"{event_id}/{replay_id.hex()}"
