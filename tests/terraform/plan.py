"""What a plan says, read out of its JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that would be made."""

    address: str  #: module.door["drain_change_log"].google_service_account.door
    kind: str
    values: dict[str, Any]  #: as far as they are known before it is made

    @property
    def module(self) -> str:
        """The module's instance: door["drain_change_log"]."""
        return self.address.split(".google_")[0].removeprefix("module.")

    def block(self, name: str) -> dict[str, Any]:
        """The only block of this name; empty where there is none."""
        found: list[dict[str, Any]] = self.values.get(name) or [{}]
        return found[0]


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what on which thing."""

    address: str
    member: str
    role: str
    on: str  #: the kind of thing, and its name


class Plan:
    """A plan of the whole mesh."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held
        self.resources = [
            Resource(change["address"], change["type"], change["change"]["after"])
            for change in held["resource_changes"]
            if change["mode"] == "managed"
        ]

    def of(self, kind: str) -> list[Resource]:
        """Everything of a kind, such as google_pubsub_topic."""
        return [resource for resource in self.resources if resource.kind == kind]

    def named(self, kind: str, name: str) -> Resource:
        [found] = [resource for resource in self.of(kind) if resource.values["name"] == name]
        return found

    def doors(self) -> dict[str, Resource]:
        """Functions and services, by door."""
        kinds = ("google_cloudfunctions2_function", "google_cloud_run_v2_service")
        return {r.module.split('"')[1]: r for r in self.resources if r.kind in kinds}

    def living(self) -> list[Resource]:
        """Subscriptions of the topics that doors publish to."""
        return [r for r in self.of("google_pubsub_subscription") if ".readers[" in r.address]

    def dead(self) -> list[Resource]:
        """Subscriptions of the dead letters."""
        return [r for r in self.of("google_pubsub_subscription") if ".readers[" not in r.address]

    def grants(self) -> Iterator[Grant]:
        """Every grant that the plan makes."""
        for resource in self.resources:
            if resource.kind.endswith("_iam_member"):
                yield Grant(resource.address, resource.values["member"], resource.values["role"], _granted_on(resource))


_NAMED_BY = {
    "google_artifact_registry_repository_iam_member": "repository",
    "google_cloud_run_v2_service_iam_member": "name",
    "google_iap_web_cloud_run_service_iam_member": "cloud_run_service_name",
    "google_project_iam_member": "project",
    "google_pubsub_subscription_iam_member": "subscription",
    "google_pubsub_topic_iam_member": "topic",
    "google_secret_manager_secret_iam_member": "secret_id",
    "google_service_account_iam_member": "service_account_id",
    "google_storage_bucket_iam_member": "bucket",
}


def _granted_on(resource: Resource) -> str:
    thing = resource.kind.removeprefix("google_").removesuffix("_iam_member")
    return f"{thing} {resource.values[_NAMED_BY[resource.kind]].rsplit('/', 1)[-1]}"


def environment(door: Resource) -> dict[str, str]:
    """The settings of a door that are no secrets."""
    if door.kind == "google_cloudfunctions2_function":
        held: dict[str, str] = door.block("service_config")["environment_variables"]
        return held
    [container] = door.block("template")["containers"]
    return {one["name"]: one["value"] for one in container["env"] if one["value"] is not None}


def secrets(door: Resource) -> set[str]:
    """The settings of a door that are secrets, by name."""
    if door.kind == "google_cloudfunctions2_function":
        return {one["key"] for one in door.block("service_config")["secret_environment_variables"]}
    [container] = door.block("template")["containers"]
    return {one["name"] for one in container["env"] if one["value"] is None}
