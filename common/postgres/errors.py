"""Postgres' errors, sorted by what to do next. The one place that looks at SQLSTATEs."""

import ssl
import struct
from typing import Any

import pg8000.exceptions

from common.errors import IsthmusError, Misconfigured, Terminal, Transient

VENDOR = (pg8000.exceptions.Error, OSError, struct.error)  #: all that a broken connection or statement raises

#: The record itself is at fault; the first two letters are SQLSTATE classes.
_REFUSED = {
    "22": ("value_refused", "The column cannot hold this value: compare its type with the Salesforce field's."),
    "23": ("constraint", "A constraint of the table refuses the record: mend the record or the constraint."),
    "44": ("constraint", "A view's check option refuses the record: mend the record or the view."),
    "P0": ("trigger_refused", "A trigger of the application refuses the record: mend the record or the trigger."),
}

_MISCONFIGURED = {
    "28": ("database_login", "Postgres refuses the login: check DATABASE_URL."),
    "3D": ("database_missing", "There is no such database: check DATABASE_URL."),
    "3F": ("schema_missing", "Run `isthmus migrate`."),
    "42": ("schema_mismatch", "The tables are not as expected: run `isthmus migrate`, then `isthmus mapping list`."),
}


def translate(exc: Exception) -> IsthmusError:
    """Ours for theirs. What is not known here may heal by waiting."""
    fields = _fields(exc)
    if isinstance(exc, ssl.SSLCertVerificationError):
        return Misconfigured("database_tls", str(exc), "Set DATABASE_CA to the CA that signs for your database.")
    if fields is None:
        return Transient("database_unavailable", str(exc), "Postgres could not be reached; it is tried again.")
    code, words = fields.get("C", ""), fields.get("M", "")
    if code == "23503":
        return Transient("parent_missing", words, "The row it refers to has not arrived yet; it is tried again.")
    if code == "42501":
        return Misconfigured("database_rights", words, "Grant the role of DATABASE_URL what the message names.")
    if code == "23505" and fields.get("n", "").endswith("_pkey"):
        return Transient("born_twice", words, "The row was inserted at the same moment; the next attempt finds it.")
    if code == "40P01":
        return Transient("deadlock", words, "Two transactions waited for each other; it is tried again.")
    if found := _REFUSED.get(code[:2]):
        return Terminal(found[0], words, found[1])
    if found := _MISCONFIGURED.get(code[:2]):
        return Misconfigured(found[0], words, found[1])
    return Transient("database_busy", f"{code} {words}".strip(), "Postgres could not take it now; it is tried again.")


def lost_connection(exc: Exception) -> bool:
    """Whether the connection is of no more use."""
    fields = _fields(exc)
    return fields is None or fields.get("C", "")[:2] in ("57", "08") or fields.get("S") == "FATAL"


def _fields(exc: Exception) -> dict[str, str] | None:
    """The server's answer by field letter; None where there was none."""
    if isinstance(exc, pg8000.exceptions.DatabaseError) and exc.args and isinstance(exc.args[0], dict):
        answer: dict[str, Any] = exc.args[0]
        return answer
    return None
