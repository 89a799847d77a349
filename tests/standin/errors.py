"""What the stand-in refuses, in Salesforce's own words."""

from collections.abc import Sequence
from typing import Any


class Refused(Exception):
    """A request or a record that Salesforce would refuse."""

    def __init__(self, code: str, message: str, fields: Sequence[str] | None = None, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status

    def as_error(self) -> dict[str, Any]:
        """The element of a single call's error array; `fields` only where Salesforce sends it."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return body

    def as_result(self) -> dict[str, Any]:
        """The element of a collection result's `errors`: the code's key has another name there."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class Unreadable(Refused):
    """A body that fails while it is read: the whole request is refused, not one record."""


class WholeRequest(Exception):
    """A call that fails whole, whatever was in it: nothing that it did stays."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.refused = Refused(code, message, status=status)


def not_found(message: str = "The requested resource does not exist") -> Refused:
    return Refused("NOT_FOUND", message, status=404)


def malformed_query(message: str) -> Refused:
    return Refused("MALFORMED_QUERY", message)
