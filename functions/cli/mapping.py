"""Commands on mappings: create from describe, list, pause, resume, delete."""

import argparse
from dataclasses import replace
from typing import Any

from common import config, ruling
from common.change import EVENT
from common.errors import Terminal
from common.mapping import Capture, Direction, Policy, heroku, snake
from common.postgres import captured, ddl, mappings, registry
from common.postgres.connect import Database
from common.salesforce import catalogue, conditions, describe
from common.salesforce.session import Session
from functions.cli import (
    building,
    channels,
    declared,
    drift,
    field_changes,
    fields,
    filters,
    named,
    parent_key,
    people,
    schedules,
)
from functions.cli.tables import show

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("mapping", help="what is synced").add_subparsers(metavar="ACTION", required=True)
    _add_create(commands)
    parent_key.add_to(commands)
    filters.add_to(commands)
    schedules.add_to(commands)
    fields.add_to(commands)
    declared.add_to(commands)
    commands.add_parser("list", help="every mapping").set_defaults(run=_list)
    for name, run, text in (
        ("pause", _pause, "stop delivering; capture goes on"),
        ("resume", _resume, "deliver again"),
        ("delete", _delete, "end capture and forget the mapping; the table stays"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("object", help="API name, or schema.table")
        if name == "pause":
            command.add_argument("--why", help="shown in `isthmus status`")
        command.set_defaults(run=run)
    capturing = commands.add_parser("capture", help="let somebody else notice what the application writes")
    capturing.add_argument("object", help="API name, or schema.table")
    capturing.add_argument("capture", choices=[c.value for c in Capture])
    capturing.set_defaults(run=_recapture)


def _add_create(commands: Groups) -> None:
    create = commands.add_parser(
        "create", help="map an object: show the DDL, then create table, triggers, configuration"
    )
    create.add_argument("object", help="API name, such as Account or My_Object__c")
    create.add_argument("--table", help="schema.table; default salesforce.<name>")
    create.add_argument("--direction", choices=[d.value for d in Direction], default=Direction.BIDIRECTIONAL.value)
    create.add_argument("--fields", help="API names, separated by commas; default every field that can be mapped")
    fields.add_rules(create)
    create.add_argument("--where", default="", help="SOQL: only records that meet this condition have rows")
    create.add_argument("--names", choices=["snake", "heroku"], default="snake", help="how columns are named")
    create.add_argument("--external-id", help="default SF_EXTERNAL_ID_FIELD, External_Id__c")
    create.add_argument(
        "--parent-key", metavar="LOOKUPS",
        help="lookups, separated by commas, that get a column for the parent's external id; "
        "default each whose object is mapped; none: no such column",
    )  # fmt: skip
    create.add_argument(
        "--write-back-external-ids", action="store_true",
        help="give records that are born in Salesforce without an external id their row's key: costs API calls; "
        "without it such rows are addressed by Salesforce id",
    )  # fmt: skip
    create.add_argument("--policy", choices=[p.value for p in Policy], default=Policy.LAST_WRITER_WINS.value)
    create.add_argument(
        "--capture", choices=[c.value for c in Capture], default=Capture.TRIGGER.value,
        help="debezium: a connector of yours reads Postgres' log and publishes to postgres-changes",
    )  # fmt: skip
    create.add_argument("--yes", action="store_true", help="do not ask")
    create.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    create.set_defaults(run=_create)


def _create(chosen: argparse.Namespace, env: config.Environment) -> None:
    catalogue.refuse_odd_name(chosen.table or "")
    if chosen.object.lower().endswith(EVENT):
        _refuse_beyond_events(chosen)
    settings = config.salesforce(env)
    with Session(settings) as session:
        described = describe.fetch(session, chosen.object)
        org_id = session.org_id
    with Database(config.database(env)) as database, database.transaction() as tx:
        parents = {m.sobject: m.external_id_field for m in mappings.read(tx) if m.external_id_field}
    name = (snake if chosen.names == "snake" else heroku)(described["name"])
    plan = describe.to_mapping(
        described,
        table=chosen.table if chosen.table and "." in chosen.table else f"salesforce.{chosen.table or name}",
        direction=Direction.SF_TO_PG if described["name"].endswith(EVENT) else Direction(chosen.direction),
        external_id_field=chosen.external_id or settings.external_id_field,
        style=chosen.names,
        only=_listed(chosen.fields),
        policy=Policy(chosen.policy),
        parents=parents,
        parent_keys=None if chosen.parent_key is None else [n for n in _listed(chosen.parent_key) if n != "none"],
        write_back=chosen.write_back_external_ids,
        orders=ruling.parse(chosen.rule),
    )
    field_changes.refuse_odd_values(plan.mapping)
    plan = replace(plan, mapping=replace(plan.mapping, capture=Capture(chosen.capture), filter=chosen.where))
    _show_plan(plan)
    if plan.mapping.filter:
        with Session(settings) as session:
            print(f"filter: {plan.mapping.filter} ({conditions.check(session, plan.mapping)} records meet it)")
    if chosen.dry_run:
        print("Nothing was done.")
        return
    if not people.sure(f"Map {plan.mapping.sobject} to {plan.mapping.table} like this?", chosen):
        return
    with Database(config.database(env)) as database, database.transaction() as tx:
        mappings.bind_org(tx, org_id)
        registry.build(tx, plan.mapping)
        mapped = mappings.read(tx)
    drift.look(env, plan.mapping.sobject)
    print(f"{plan.mapping.sobject} is mapped to {plan.mapping.table}.")
    channels.write_down(env, mapped)


def _refuse_beyond_events(chosen: argparse.Namespace) -> None:
    """Platform events come, and are kept: there is no record to be sent, filtered, or looked up."""
    chosen_too = {
        "--direction PG_TO_SF": chosen.direction == Direction.PG_TO_SF, "--where": bool(chosen.where),
        "--external-id": bool(chosen.external_id), "--parent-key": bool(chosen.parent_key),
        "--write-back-external-ids": chosen.write_back_external_ids,
        "--capture debezium": chosen.capture == Capture.DEBEZIUM,
    }  # fmt: skip
    if wrong := [name for name, given in chosen_too.items() if given]:
        raise Terminal(
            "platform_event", f"{chosen.object} is a platform event: {', '.join(wrong)}",
            "Events come from Salesforce only, and are kept whole: leave that out.",
        )  # fmt: skip


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _show_plan(plan: describe.Described) -> None:
    for statement in ddl.create(plan.mapping):
        print(f"{statement};\n")
    for field, why in plan.left_out.items():
        print(f"not mapped: {field} ({why})")
    readonly = [f.name for f in plan.mapping.fields if not (f.createable or f.updateable)]
    if readonly and plan.mapping.direction is not Direction.SF_TO_PG:
        print(f"never sent to Salesforce: {', '.join(readonly)} (read-only)")
    for mapped in plan.mapping.fields:
        if said := field_changes.said(mapped):
            print(f"rule: {mapped.name} -> {mapped.column}: {said}")
    for key in plan.mapping.parent_keys:
        print(f"note: {key.column} holds the external id of the {key.sobject} that {key.lookup} points to")
    for warning in plan.warnings:
        print(f"note: {warning}")


def _list(_: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = mappings.read(tx)
    rows = [
        {
            "object": m.sobject, "table": m.table, "direction": m.direction, "fields": len(m.fields),
            "external id": m.external_id_field, "policy": m.policy, "filter": m.filter or None, "state": "active" if m.active else "paused",
        }
        for m in found
    ]  # fmt: skip
    show(rows, empty="none; `isthmus mapping create Account` makes one")


def _pause(chosen: argparse.Namespace, env: config.Environment) -> None:
    _switch(chosen.object, env, active=False, why=chosen.why or "")


def _resume(chosen: argparse.Namespace, env: config.Environment) -> None:
    _switch(chosen.object, env, active=True)


def _switch(name: str, env: config.Environment, *, active: bool, why: str = "") -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = named.mapped(mappings.read(tx), name)
        mappings.set_active(tx, [m.id for m in found], active, people.who(env), why)
        everything = mappings.paused_all(tx)
    for m in found:
        print(f"{m.sobject} <-> {m.table}: {'active' if active else 'paused'}")
    if active and everything:
        print("note: everything is paused; `isthmus resume` lets it go")


def _recapture(chosen: argparse.Namespace, env: config.Environment) -> None:
    capture = Capture(chosen.capture)
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = [
            m
            for m in named.mapped(mappings.read(tx), chosen.object)
            if m.direction is not Direction.SF_TO_PG and m.capture is not capture
        ]
        for m in found:
            building.recapture(tx, m, capture)
        deaf = bool(found) and capture is Capture.DEBEZIUM and not captured.has_slot(tx)
    for m in found:
        print(f"{m.sobject} <-> {m.table}: captured by {capture}")
    if deaf:
        print(
            "WARNING: no logical replication slot is in this database: rows that are edited before a connector has made one"
        )
        print(
            f"are not sent. Go back (`isthmus mapping capture {chosen.object} trigger`), start the connector, then switch."
        )
    if not found:
        print(f"Nothing was changed: {chosen.object} is captured by {capture} already, or sends nothing.")


def _delete(chosen: argparse.Namespace, env: config.Environment) -> None:
    with Database(config.database(env)) as database, database.transaction() as tx:
        found = {m.id: m for m in named.mapped(mappings.read(tx), chosen.object)}
        unsent = {m.id: registry.remove(tx, m) for m in found.values()}
        left = mappings.read(tx)
    for m in found.values():
        print(f"{m.sobject} is no longer mapped; the table {m.table} stays as it is.")
        if unsent[m.id]:
            print(f"note: {unsent[m.id]} edits had not arrived in Salesforce; they are not sent any more")
    channels.write_down(env, left)
