"""One mapping of a file, carried out: created, or changed while it lives."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from common import config
from common.declaration import Difference, Wanted, What
from common.errors import Terminal
from common.mapping import Mapping
from common.postgres import ddl, mappings, registry
from common.postgres.connect import Database, Transaction
from common.ruling import Order
from common.salesforce import conditions, describe
from common.salesforce.session import Session
from functions.cli import building, field_changes, filters, parent_key, reread


def make(
    database: Database, session: Session, want: Wanted, differences: Sequence[Difference], env: config.Environment
) -> None:
    """Carry out one mapping's differences, each in a transaction of its own: what is done stays done.

    Raises:
        Misconfigured, Terminal: Salesforce or the database refuses one; the ones before it stand.
    """
    for difference in differences:
        described = describe.fetch(session, want.sobject) if difference.what in _NEEDS_DESCRIBE else {}
        match difference.what:
            case What.CREATE:
                _create(database, session, want, described, env)
            case What.FILTER:
                _filter(database, session, want, env)
            case what:
                with database.transaction() as tx:
                    held = _held(tx, want)
                    _STEPS[what](tx, held, want, difference, described)


def _held(tx: Transaction, want: Wanted) -> Mapping:
    return next(m for m in mappings.read(tx) if (m.sobject.lower(), m.table) == (want.sobject.lower(), want.table))


def _create(
    database: Database, session: Session, want: Wanted, described: dict[str, Any], env: config.Environment
) -> None:
    with database.transaction() as tx:
        parents = {m.sobject: m.external_id_field for m in mappings.read(tx) if m.external_id_field}
    plan = describe.to_mapping(
        described, table=want.table, direction=want.direction,
        external_id_field=want.external_id or config.salesforce(env).external_id_field, only=list(want.fields or ()),
        policy=want.policy, parents=parents, parent_keys=want.parent_keys, write_back=want.write_back,
        orders=want.fields or {},
    )  # fmt: skip
    made = replace(plan.mapping, capture=want.capture, filter=want.filter)
    field_changes.refuse_odd_values(made)
    if made.filter:
        conditions.check(session, made)
    with database.transaction() as tx:
        mappings.bind_org(tx, session.org_id)
        registry.build(tx, made)
    print(f"{made.sobject} is mapped to {made.table}.")


def _filter(database: Database, session: Session, want: Wanted, env: config.Environment) -> None:
    with database.transaction() as tx:
        wanted = replace(_held(tx, want), filter=want.filter)
    if wanted.filter:
        conditions.check(session, wanted)
    leaving, coming = filters.compare(database, session, wanted)
    with database.transaction() as tx:
        mappings.set_filter(tx, wanted, wanted.filter)
    reread.ask(wanted, [*leaving, *coming], env)
    print(f"{len(leaving)} rows of {wanted.table} leave, {len(coming)} records come.")


Step = Callable[[Transaction, Mapping, Wanted, Difference, dict[str, Any]], None]


def _add(tx: Transaction, held: Mapping, want: Wanted, difference: Difference, described: dict[str, Any]) -> None:
    field_changes.carry_out(tx, field_changes.join(described, held, _orders(want, difference), style="snake"))


def _rules(tx: Transaction, held: Mapping, want: Wanted, difference: Difference, described: dict[str, Any]) -> None:
    orders = {name: replace(order, column="") for name, order in _orders(want, difference).items()}
    field_changes.carry_out(tx, field_changes.change_rules(described, held, orders))


def _drop(tx: Transaction, held: Mapping, _: Wanted, difference: Difference, __: dict[str, Any]) -> None:
    gone = [f for f in (*held.fields, *held.stopped) if f.name in difference.fields]
    looked_up = {k.lookup for k in held.parent_keys} & set(difference.fields)
    if looked_up:
        raise Terminal(
            "parent_key", f"{', '.join(sorted(looked_up))} has a relationship column", "Leave it in the file."
        )
    field_changes.refuse_edits(tx, held, [f.column for f in gone])
    left = replace(
        held,
        fields=tuple(f for f in held.fields if f not in gone),
        stopped=tuple(f for f in held.stopped if f not in gone),
    )
    for statement in ddl.capture_anew(left):
        tx.run_bound(statement)
    mappings.store_fields(tx, left)


def _policy(tx: Transaction, held: Mapping, want: Wanted, _: Difference, __: dict[str, Any]) -> None:
    mappings.set_policy(tx, held, want.policy, write_back=held.write_back_external_ids)


def _write_back(tx: Transaction, held: Mapping, want: Wanted, _: Difference, described: dict[str, Any]) -> None:
    if want.write_back:
        describe.refuse_write_back(described, held)
    mappings.set_policy(tx, held, held.policy, write_back=want.write_back)


def _capture(tx: Transaction, held: Mapping, want: Wanted, _: Difference, __: dict[str, Any]) -> None:
    building.recapture(tx, held, want.capture)


def _parent_keys(tx: Transaction, held: Mapping, _: Wanted, difference: Difference, described: dict[str, Any]) -> None:
    keys = describe.more_parent_keys(described, held, mappings.read(tx), list(difference.fields), style="snake")
    parent_key.build(tx, replace(held, parent_keys=(*held.parent_keys, *keys)), len(keys))


def _orders(want: Wanted, difference: Difference) -> dict[str, Order]:
    return {name: order for name, order in (want.fields or {}).items() if name in difference.fields}


_STEPS: dict[What, Step] = {
    What.ADD: _add, What.RULES: _rules, What.DROP: _drop, What.POLICY: _policy, What.WRITE_BACK: _write_back,
    What.CAPTURE: _capture, What.PARENT_KEYS: _parent_keys,
}  # fmt: skip
_NEEDS_DESCRIBE = (What.CREATE, What.ADD, What.RULES, What.WRITE_BACK, What.PARENT_KEYS)
