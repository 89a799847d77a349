"""Records of one object that look up to each other: parents are sent first, and their children by what was answered."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from common.change import Op
from common.family import PARENT_MISSING, levels
from common.mapping import Mapping
from common.ports import Send, Sent

_HINT = "It goes as soon as its parent is there."


def in_order(
    mapping: Mapping, sends: Sequence[Send], send: Callable[[Mapping, Sequence[Send]], list[Sent]]
) -> list[Sent]:
    """Send level by level; one answer per record, same order. Without new parents among them it is one send."""
    parents = _parents(mapping, sends)
    if not parents:
        return send(mapping, sends)
    depth = levels(range(len(sends)), parents)
    answers: dict[int, Sent] = {}
    for level in sorted(set(depth.values())):
        ready: dict[int, Send] = {}
        for n in (n for n in range(len(sends)) if depth[n] == level):
            found = _below(mapping, sends, n, parents.get(n, ()), answers)
            if isinstance(found, Sent):
                answers[n] = found
            else:
                ready[n] = found
        if ready:
            answers |= dict(zip(ready, send(mapping, list(ready.values())), strict=True))
    return [answers[n] for n in range(len(sends))]


def _parents(mapping: Mapping, sends: Sequence[Send]) -> dict[int, list[int]]:
    """Which records look up to new ones among them, by place."""
    own = [k.name for k in mapping.parent_keys if k.table == mapping.table]
    if not own:
        return {}
    born = {s.external_id: n for n, s in enumerate(sends) if s.op is Op.UPSERT and s.sfid is None}
    found = {n: [born[str(s.fields[k])] for k in own if s.fields.get(k) in born] for n, s in enumerate(sends)}
    return {n: parents for n, parents in found.items() if parents}


def _below(
    mapping: Mapping, sends: Sequence[Send], n: int, parents: Sequence[int], answers: dict[int, Sent]
) -> Send | Sent:
    """The record with its parents' ids in it; an answer without a call where a parent did not arrive."""
    fields = dict(sends[n].fields)
    by_key = {sends[p].external_id: answers[p] for p in parents if p in answers}
    for key in mapping.parent_keys:
        answer = by_key.get(str(fields.get(key.name))) if key.table == mapping.table else None
        if answer is None:
            continue
        if answer.sfid is None:
            detail = f"{key.sobject} {fields[key.name]} did not arrive: {answer.reason}"
            return Sent(reason=PARENT_MISSING, detail=detail, hint=_HINT, retry=True, untried=True)
        del fields[key.name]
        fields[key.lookup] = answer.sfid
    return replace(sends[n], fields=fields)
