"""Mappings: looked at, made, changed, paused, forgotten. What would be done to the database is shown first."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from common.console.access import Operator, Viewer
from common.console.problems import ANSWERS
from common.console.shapes import (
    NO_NUL,
    Changed,
    Described,
    Done,
    MappingId,
    Preview,
    SObject,
    Stored,
    SyncConfig,
    Why,
    Wished,
)
from common.console.world import TheWorld
from common.desk import Limits

router = APIRouter(tags=["mappings"], responses=ANSWERS)


@router.get("/api/sync-configs")
def list_sync_configs(_: Viewer, world: TheWorld) -> list[SyncConfig]:
    """Every mapping."""
    return [SyncConfig.of(held) for held in world.mapper.all()]


@router.post("/api/sync-configs", status_code=201)
def create_sync_config(wished: Wished, person: Operator, world: TheWorld) -> SyncConfig:
    """Map an object: table, triggers and configuration in one transaction. 409 where it is mapped to that table already."""
    with world.audited("mapping.create", wished.sf_object_name, person) as entry:
        made = SyncConfig.of(world.mapper.create(wished.wish()))
        entry.after = made.model_dump(mode="json")
    return made


@router.post("/api/sync-configs/preview")
def preview_sync_config(wished: Wished, _: Operator, world: TheWorld) -> Preview:
    """The statements that would map an object, and which fields are left out and why. Nothing is done."""
    return Preview.of(world.mapper.propose(wished.wish()))


@router.get("/api/sync-configs/{number}")
def get_sync_config(number: MappingId, _: Viewer, world: TheWorld) -> SyncConfig:
    """One mapping. Its version is another one after every change."""
    return SyncConfig.of(world.mapper.find(number))


@router.put("/api/sync-configs/{number}")
def change_sync_config(number: MappingId, stored: Stored, person: Operator, world: TheWorld) -> SyncConfig:
    """Change a mapping that is still as it was at that version; 409 where somebody else was quicker."""
    before = SyncConfig.of(world.mapper.find(number))
    limits = Limits(stored.max_daily_calls, stored.delete_guard_count, stored.delete_guard_share)
    subject, was = before.sf_object_name, before.model_dump(mode="json")
    with world.audited("mapping.change", subject, person, before=was) as entry:
        after = SyncConfig.of(world.mapper.change(number, stored.version, stored.wish(), limits))
        entry.after = after.model_dump(mode="json")
    return after


@router.delete("/api/sync-configs/{number}")
def delete_sync_config(
    number: MappingId, version: Annotated[str, Query(max_length=200, pattern=NO_NUL)], person: Operator, world: TheWorld
) -> Done:
    """End capture and forget a mapping; its table stays. `done` counts the edits that Salesforce never gets."""
    before = SyncConfig.of(world.mapper.find(number))
    subject, was = before.sf_object_name, before.model_dump(mode="json")
    with world.audited("mapping.delete", subject, person, before=was) as entry:
        entry.after = {"unsent": world.mapper.delete(number, version)}
    return Done(done=entry.after["unsent"])


@router.post("/api/sync-configs/{number}/preview")
def preview_change(number: MappingId, changed: Changed, _: Operator, world: TheWorld) -> Preview:
    """The statements that a change would run. Nothing is done."""
    return Preview.of(world.mapper.propose_change(number, changed.wish()))


@router.post("/api/sync-configs/{number}/pause")
def pause_sync_config(number: MappingId, asked: Why, person: Operator, world: TheWorld) -> SyncConfig:
    """Stop delivery, both ways; capture goes on."""
    subject = world.mapper.find(number).mapping.sobject
    with world.audited("mapping.pause", subject, person, why=asked.why):
        return SyncConfig.of(world.mapper.pause(number, world.decision(person, asked.why)))


@router.post("/api/sync-configs/{number}/resume")
def resume_sync_config(number: MappingId, person: Operator, world: TheWorld) -> SyncConfig:
    """Deliver again, the oldest first."""
    subject = world.mapper.find(number).mapping.sobject
    with world.audited("mapping.resume", subject, person):
        return SyncConfig.of(world.mapper.resume(number))


@router.get("/api/objects")
def list_objects(_: Operator, world: TheWorld) -> list[SObject]:
    """What the org has to map. Costs one API call."""
    return [SObject(**row) for row in world.catalogue.objects()]


@router.get("/api/objects/{name}/fields")
def list_fields(
    name: Annotated[str, Path(min_length=1, max_length=80, pattern=r"^[A-Za-z]\w*$")], _: Operator, world: TheWorld
) -> list[Described]:
    """An object's fields, as the org describes them. Costs one API call."""
    return [Described(**row) for row in world.catalogue.fields(name)]
