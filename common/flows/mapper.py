"""Mappings as people make them: wished for, shown as statements, carried out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from common import ruling
from common.desk import Catalogue, Configuration, Decision, Limits, Plan, Proposal, Registry, Wish
from common.errors import Terminal
from common.mapping import SYSTEM_COLUMNS, Capture, Field, Mapping, heroku


class Mapper:
    """Implements desk.Mapper.

    Args:
        changed: Told of all mappings once some were made or forgotten.
        fill: Reads the fields that have joined, as far as a person waits for it.
    """

    def __init__(
        self, catalogue: Catalogue, registry: Registry, changed: Callable[[Sequence[Mapping]], object],
        fill: Callable[[], object],
    ) -> None:  # fmt: skip
        self._catalogue = catalogue
        self._registry = registry
        self._changed = changed
        self._fill = fill

    def all(self) -> Sequence[Configuration]:
        """Every mapping, by id."""
        return self._registry.all()

    def find(self, number: int) -> Configuration:
        """One mapping.

        Raises:
            Terminal: there is none of that number.
        """
        known = self._registry.all()
        for held in known:
            if held.mapping.id == number:
                return held
        there = ", ".join(str(held.mapping.id) for held in known) or "none"
        raise Terminal("mapping_missing", f"there is no mapping {number}", f"There are: {there}.")

    def propose(self, wish: Wish) -> Proposal:
        """What a new mapping would be, and the statements that make it. Nothing is done.

        Raises:
            Terminal, Misconfigured: it cannot be mapped like this.
        """
        known = self._registry.all()
        plan = self._catalogue.plan(wish, [held.mapping for held in known])
        _refuse_twin(plan.mapping, known)
        return Proposal(plan, self._registry.statements(plan.mapping))

    def create(self, wish: Wish) -> Configuration:
        """Make a mapping with its table."""
        mapping = self.propose(wish).plan.mapping
        number = self._registry.create(mapping, self._catalogue.org_id)
        self._tell()
        return self.find(number)

    def propose_change(self, number: int, wish: Wish) -> Proposal:
        """What a mapping would become, and the statements that lead there. Nothing is done."""
        return self._proposed(self.find(number).mapping, wish)

    def change(self, number: int, version: str, wish: Wish, limits: Limits) -> Configuration:
        """Change a mapping that is still as it was at that version.

        Raises:
            Terminal: it has changed since, or cannot become so.
        """
        held = self.find(number)
        after = self._proposed(held.mapping, wish).plan.mapping
        self._registry.change(replace(held, version=version), after, limits)
        self._tell()
        self._fill()
        return self.find(number)

    def pause(self, number: int, decision: Decision) -> Configuration:
        """Stop delivery; capture goes on."""
        self._registry.pause([self.find(number).mapping.id], decision)
        return self.find(number)

    def resume(self, number: int) -> Configuration:
        """Deliver again."""
        self._registry.resume([self.find(number).mapping.id])
        return self.find(number)

    def delete(self, number: int, version: str) -> int:
        """End capture and forget a mapping; how many edits Salesforce never gets."""
        unsent = self._registry.delete(replace(self.find(number), version=version))
        self._tell()
        return unsent

    def _tell(self) -> None:
        self._changed([held.mapping for held in self._registry.all()])

    def _proposed(self, before: Mapping, wish: Wish) -> Proposal:
        same = set(wish.fields) <= set(before.by_name) and wish.direction is before.direction
        plan = Plan(before) if same else self._catalogue.plan(_about(before, wish), self._known())
        fields = _merged(before.fields, plan.mapping.fields, wish.fields)
        lookups = {f.name for f in fields}
        after = replace(
            before,
            direction=wish.direction,
            policy=wish.policy,
            fields=fields,
            external_id_field=before.external_id_field or plan.mapping.external_id_field,
            parent_keys=tuple(k for k in before.parent_keys if k.lookup in lookups),
        )
        ruling.lay(after, {f.name: ruling.Order(f.column, f.rules) for f in fields if f.rules})
        ddl = self._registry.changes(before, after)
        if ddl and before.capture is Capture.DEBEZIUM:
            raise Terminal(
                "captured_by_debezium", f"Debezium captures {before.table}",
                "Let the trigger capture first (`isthmus mapping capture OBJECT trigger`), change the mapping, then go back.",
            )  # fmt: skip
        return Proposal(replace(plan, mapping=after, warnings=[*plan.warnings, *_notes(before, after)]), ddl)

    def _known(self) -> list[Mapping]:
        return [held.mapping for held in self._registry.all()]


def _about(before: Mapping, wish: Wish) -> Wish:
    return replace(wish, sobject=before.sobject, table=before.table, external_id_field=before.external_id_field)


def _merged(had: Sequence[Field], described: Sequence[Field], wanted: Sequence[str]) -> tuple[Field, ...]:
    """The wanted fields; those that were mapped keep their columns, the others take names that are free."""
    held = {f.name: f for f in had}
    fresh = {f.name: f for f in described}
    names = wanted or list(held)
    taken = {*SYSTEM_COLUMNS, *(f.column for f in had)}
    merged = []
    for name in names:
        field = held.get(name) or fresh.get(name)
        if field is None:
            continue
        if name not in held and field.column in taken:
            field = replace(field, column=heroku(name))
        taken.add(field.column)
        merged.append(field)
    return tuple(merged)


def _refuse_twin(mapping: Mapping, known: Sequence[Configuration]) -> None:
    for held in known:
        if (held.mapping.sobject, held.mapping.table) == (mapping.sobject, mapping.table):
            raise Terminal(
                "mapping_exists", f"{mapping.sobject} is mapped to {mapping.table} already",
                f"Change mapping {held.mapping.id}, or name another table.",
            )  # fmt: skip


def _notes(before: Mapping, after: Mapping) -> list[str]:
    left = [f.column for f in before.fields if f.name not in after.by_name]
    new = [f.name for f in after.fields if f.name not in before.by_name]
    notes = [f"columns that are no longer synced stay in the table: {', '.join(left)}"] if left else []
    if new:
        notes.append(
            f"{', '.join(new)}: every row gets its value now; `isthmus mapping refill` goes on where that takes long"
        )
    return notes
