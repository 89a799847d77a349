"""Outbound messages that select too little: every one of them costs a read, and that is said once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from common.change import Change
from common.errors import IsthmusError, Misconfigured
from common.ids import is_id
from common.mapping import ID, Mapping

_REGISTER = "Register its WSDL: `isthmus outbound-message register FILE.wsdl`; until then each message costs a read."
_SELECT = "Select them in Setup, Outbound Messages, and register the WSDL anew; until then each message costs a read."


@dataclass(frozen=True)
class Definitions:
    """What is known of outbound messages' definitions, compared with what arrives."""

    tell: Callable[[IsthmusError], None]
    _told: set[tuple[int, int, str]] = field(default_factory=set)

    def judge(self, mapping: Mapping, hint: Change) -> None:
        """Tell why an outbound message cannot be written as it is; once for each definition, until it changes."""
        key = (mapping.id, mapping.configuration, hint.origin)
        if not is_id(hint.origin) or key in self._told:
            return
        self._told.add(key)
        if trouble := _trouble(mapping, hint):
            self.tell(trouble)


def _trouble(mapping: Mapping, change: Change) -> Misconfigured | None:
    message = f"{mapping.sobject} -> {mapping.table}, action {change.origin}"
    selected = mapping.selected(change.origin)
    if not selected:
        return Misconfigured("message_unregistered", message, _REGISTER)
    if unknown := sorted(set(change.fields) - selected - {ID}):
        return Misconfigured("message_outdated", f"{message}: it has {', '.join(unknown)}, its list has not", _REGISTER)
    if lacking := mapping.lacking(selected):
        return Misconfigured("message_incomplete", f"{message}: it lacks {', '.join(lacking)}", _SELECT)
    return None
