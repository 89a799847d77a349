"""Salesforce's error codes, sorted by what to do next. The one place that looks at them.

The codes are those of the REST API's StatusCode enumeration; what they mean in practice is in Salesforce's
"Status Codes and Error Responses" and in the error pages of Bulk API 2.0.
"""

from dataclasses import dataclass

from common.ports import Sent

LIMIT_SECONDS = 3600.0  #: the daily limit opens bit by bit over a rolling day
PARENT_SECONDS = 10.0  #: a parent is usually on the same road, some batches ahead

_SOON = "Salesforce could not take it now; it is tried again."


@dataclass(frozen=True, slots=True)
class _Rule:
    hint: str
    retry: bool = False
    retry_seconds: float = 0


_RETRY = {
    "UNABLE_TO_LOCK_ROW", "TOO_MANY_LOCK_FAILURE", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG",
    "UNKNOWN_EXCEPTION", "INTERNAL_ERROR", "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
    "PLATFORM_EVENT_PUBLISHING_UNAVAILABLE", "INVALID_SESSION_ID", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "PROCESSING_HALTED", "ENTITY_IS_LOCKED", "TOO_MANY_APEX_REQUESTS", "UNABLE_TO_LOCK_RECORD",
}  # fmt: skip

_RULES = {code: _Rule(_SOON, retry=True) for code in _RETRY} | {
    "REQUEST_LIMIT_EXCEEDED": _Rule(
        "The org's API limit is used up; it opens again within a day.", True, LIMIT_SECONDS
    ),
    "STORAGE_LIMIT_EXCEEDED": _Rule("The org's storage is full: free some, or buy more.", True, LIMIT_SECONDS),
    "INVALID_CROSS_REFERENCE_KEY": _Rule("The record it refers to may still be on its way.", True, PARENT_SECONDS),
    "REQUIRED_FIELD_MISSING": _Rule("Fill the named columns; the next edit of the row sends it again."),
    "STRING_TOO_LONG": _Rule("Shorten the value; the next edit of the row sends it again."),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _Rule("Write a value of the picklist, or lift its restriction."),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _Rule("A validation rule of the org refuses it: mend the row or the rule."),
    "INVALID_FIELD": _Rule("The field is gone, or the integration user may not see it: check field-level security."),
    "INVALID_FIELD_FOR_INSERT_UPDATE": _Rule(
        "The integration user may not write the field: check field-level security."
    ),
    "INVALID_TYPE": _Rule("The object is gone, or the integration user may not see it."),
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


def refused(code: str, message: str) -> Sent:
    """What to do about a record that was refused with this code."""
    # An Apex trigger that failed on a lock is a lock.
    if "UNABLE_TO_LOCK_ROW" in message:
        code = "UNABLE_TO_LOCK_ROW"
    rule = _RULES.get(code, _OTHERWISE)
    return Sent(reason=code.lower(), detail=message, hint=rule.hint, retry=rule.retry, retry_seconds=rule.retry_seconds)


def unanswered(detail: str) -> Sent:
    """What to do about a record whose request got no answer: it may still be carried out."""
    return Sent(
        reason="salesforce_silent", detail=detail, retry=True, unknown=True,
        hint="The call may still be carried out; nothing newer is sent before that has become impossible.",
    )  # fmt: skip
