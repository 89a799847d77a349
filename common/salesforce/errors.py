"""Salesforce's error codes, sorted by what to do next. The one place that looks at them.

The codes are those of the REST API's StatusCode enumeration; what they mean in practice is in Salesforce's
"Status Codes and Error Responses" and in the error pages of Bulk API 2.0.
"""

from dataclasses import dataclass
from enum import StrEnum

from common.family import PARENT_MISSING
from common.ports import Sent

LIMIT_SECONDS = 3600.0  #: the daily limit opens bit by bit over a rolling day
OBJECT_SECONDS = 600.0  #: until a person has mended what refuses every record of an object
PARENT_SECONDS = 10.0  #: a parent is usually on the same road, some batches ahead
PARENT_TRIES = 14  #: with doubling waits about four hours: by then the parent has failed for good
ODD_TRIES = 8  #: Salesforce's own accidents pass within minutes, or come from the record
LOCKED_TRIES = 72  #: hours: an approval may take a long weekend

_SOON = "Salesforce could not take it now; it is tried again."
_ODD = "Salesforce met an error of its own; it is tried some times, smaller each time."


@dataclass(frozen=True, slots=True)
class _Rule:
    hint: str
    retry: bool = False
    retry_seconds: float = 0
    tries: int = 0  #: 0 is any number


_RETRY = {
    "UNABLE_TO_LOCK_ROW", "TOO_MANY_LOCK_FAILURE", "SERVER_UNAVAILABLE", "SERVICE_UNAVAILABLE",
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "PLATFORM_EVENT_PUBLISHING_UNAVAILABLE",
    "INVALID_SESSION_ID", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED", "TOO_MANY_APEX_REQUESTS",
    "UNABLE_TO_LOCK_RECORD", "RECORD_LOCKED", "HTTP_420", "HTTP_429",
}  # fmt: skip

_CONCURRENT = "CONCURRENT_LIMIT"  #: ours: Salesforce says REQUEST_LIMIT_EXCEEDED for two very different limits

_PARENT = PARENT_MISSING.upper()  #: ours: Salesforce says INVALID_FIELD, which it says of the field itself too

_OBJECT = "The integration user must see the object, and its external id field; then it goes on by itself."

_RULES = {code: _Rule(_SOON, retry=True) for code in _RETRY} | {
    "REQUEST_LIMIT_EXCEEDED": _Rule(
        "The org's API limit is used up; it opens again within a day.", True, LIMIT_SECONDS
    ),
    _CONCURRENT: _Rule("The org has too many long calls at a time; it is tried again.", True, 20.0),
    "STORAGE_LIMIT_EXCEEDED": _Rule("The org's storage is full: free some, or buy more.", True, LIMIT_SECONDS),
    "QUERY_TIMEOUT": _Rule("It took Salesforce too long; it is tried again, smaller.", True, tries=ODD_TRIES),
    "REQUEST_RUNNING_TOO_LONG": _Rule(
        "It took Salesforce too long; it is tried again, smaller.", True, tries=ODD_TRIES
    ),
    "UNKNOWN_EXCEPTION": _Rule(_ODD, True, tries=ODD_TRIES),
    "INTERNAL_ERROR": _Rule(_ODD, True, tries=ODD_TRIES),
    "ENTITY_IS_LOCKED": _Rule(
        "An approval holds the record; it is tried every hour.", True, LIMIT_SECONDS, LOCKED_TRIES
    ),
    "INVALID_CROSS_REFERENCE_KEY": _Rule(
        "The record it refers to may still be on its way.", True, PARENT_SECONDS, PARENT_TRIES
    ),
    _PARENT: _Rule("It goes as soon as Salesforce has its parent.", True, tries=PARENT_TRIES),
    "INVALID_TYPE": _Rule(_OBJECT, True, OBJECT_SECONDS),
    "API_CURRENTLY_DISABLED": _Rule("The org's API is switched off.", True, OBJECT_SECONDS),
    "API_DISABLED_FOR_ORG": _Rule(
        "The org, or the integration user's profile, has no API access.", True, OBJECT_SECONDS
    ),
    "REQUIRED_FIELD_MISSING": _Rule("Fill the named columns; the next edit of the row sends it again."),
    "STRING_TOO_LONG": _Rule("Shorten the value; the next edit of the row sends it again."),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _Rule("Write a value of the picklist, or lift its restriction."),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _Rule("A validation rule of the org refuses it: mend the row or the rule."),
    "INVALID_FIELD": _Rule("The field is gone, or the integration user may not see it: check field-level security."),
    "INVALID_FIELD_FOR_INSERT_UPDATE": _Rule(
        "The integration user may not write the field: check field-level security."
    ),
    "DUPLICATE_VALUE": _Rule("Another record has this unique value: change one of them."),
    "DUPLICATE_EXTERNAL_ID": _Rule("Several records carry this external id: merge them in Salesforce."),
    "DUPLICATES_DETECTED": _Rule("A duplicate rule of the org refuses it: merge the records or mend the rule."),
    "ENTITY_IS_DELETED": _Rule("The record was deleted in Salesforce: restore it there, or delete the row."),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": _Rule("A trigger or flow of the org failed on it: see its message."),
    "INSUFFICIENT_ACCESS_OR_READONLY": _Rule("The integration user may not write this record: check its permissions."),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _Rule("The integration user may not see the record it refers to."),
    "MALFORMED_ID": _Rule("The column holds no Salesforce id."),
    "NUMBER_OUTSIDE_VALID_RANGE": _Rule("The number has too many digits for the field."),
    "NOT_FOUND": _Rule("The external id field does not exist, or the integration user may not see it."),
}

_OTHERWISE = _Rule("Salesforce refuses it: see its message; the next edit of the row sends it again.")
_NOWHERE = _Rule(_OBJECT, True, OBJECT_SECONDS)


def refused(code: str, message: str) -> Sent:
    """What to do about a record that was refused with this code."""
    code = _meant(code, message)
    return _sent(code, message, _RULES.get(code, _OTHERWISE))


def _sent(code: str, message: str, rule: _Rule) -> Sent:
    return Sent(
        reason=code.lower(), detail=message, hint=rule.hint, retry=rule.retry, retry_seconds=rule.retry_seconds,
        tries=rule.tries,
    )  # fmt: skip


def _meant(code: str, message: str) -> str:
    # An Apex trigger that failed on a lock is a lock.
    if "UNABLE_TO_LOCK_ROW" in message:
        return "UNABLE_TO_LOCK_ROW"
    if lacks_parent(message):
        return _PARENT
    if code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" in message.lower():
        return _CONCURRENT
    return code


def lacks_parent(message: str) -> bool:
    """Whether a lookup was given by an external id that no record has; REST API guide, "Relate records by external id"."""
    return message.startswith("Foreign key external ID")


def unanswered(detail: str) -> Sent:
    """What to do about a record whose request got no answer: it may still be carried out."""
    return Sent(
        reason="salesforce_silent", detail=detail, retry=True, unknown=True,
        hint="The call may still be carried out; nothing newer is sent before that has become impossible.",
    )  # fmt: skip


def field_refused(fields: dict[str, str]) -> Sent:
    """What to say of a record that went, or would have gone, without these fields."""
    return Sent(
        reason="field_refused", detail="; ".join(f"{name}: {words}" for name, words in fields.items()), stopped=fields,
        hint="Let the integration user write the field, or take it out of the mapping; then retry what failed.",
    )  # fmt: skip


# -- requests that fail whole ----------------------------------------------------------------------


class Whole(StrEnum):
    """What to do about a request that was refused as a whole."""

    CLOSED = "closed"  #: the daily limit: no call before it opens
    WAIT = "wait"  #: no record's fault: all of it is tried again later
    FIELD = "field"  #: it names fields: go on without them
    OBJECT = "object"  #: every record would meet the same: looking for a culprit is of no use
    CUT = "cut"  #: one record may be the culprit: look for it


FIELD_CODES = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})
_HEAVY = frozenset({"REQUEST_RUNNING_TOO_LONG", "QUERY_TIMEOUT"})  #: smaller is the cure
_ODD_CODES = frozenset({"UNKNOWN_EXCEPTION", "INTERNAL_ERROR"})
_OBJECT_CODES = frozenset({"INVALID_TYPE", "NOT_FOUND", "API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG"})


def whole(code: str, message: str) -> Whole:
    """Sort a whole request's error."""
    code = _meant(code, message)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return Whole.CLOSED
    if code in FIELD_CODES:
        return Whole.FIELD
    if code in _OBJECT_CODES:
        return Whole.OBJECT
    if code in _HEAVY | _ODD_CODES or not refused(code, message).retry:
        return Whole.CUT
    return Whole.WAIT


def suspicious(code: str) -> bool:
    """Whether the error may be Salesforce's own and no record's: then a few failures in a row end the search."""
    return code in _HEAVY | _ODD_CODES


def of_object(code: str, message: str) -> Sent:
    """What a request's error means that every record would meet: it waits until a person has mended it."""
    return _sent(code, message, _RULES[code] if code in _RULES and _RULES[code].retry else _NOWHERE)
