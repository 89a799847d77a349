"""What no plan of the mesh may do, and what every one must."""

import json
import re
from collections import Counter

import pytest

from common import work
from functions.bundle import archive
from tests.benchmarks import costs, month
from tests.terraform.plan import Plan, environment, secrets
from tests.terraform.terraform import ROOT

PROJECT = "acme-mesh"
PUBSUB = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
IAP = "serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"
ALL = ("defaults", "everything", "no_grant_to_everybody", "in_seoul", "more_connections")

OTHERS = {"THREADS"}  #: the framework's

#: vCPU-seconds of one run that finds nothing, by job
RUNS = {job: seconds for job, (_, seconds, _) in month.LOOKS.items()}


@pytest.fixture(params=ALL)
def any_plan(request, plans) -> Plan:
    """Each way of planning the mesh."""
    return plans[request.param]


def test_no_public_door_without_guard(any_plan):
    """Who may be called by anybody knows callers by INBOUND, and cannot grow without bounds."""
    for name, door in any_plan.doors().items():
        granted = {g.member for g in any_plan.grants() if g.on == f"cloud_run_v2_service {door.values['name']}"}
        public = "allUsers" in granted or door.values.get("invoker_iam_disabled") is True
        size = door.block("service_config") or door.block("template").get("scaling", [{}])[0]
        assert public == (name.startswith("receive_") or door.values.get("invoker_iam_disabled") is True)
        assert not public or name == "console" or secrets(door) == {"INBOUND"}
        assert size["max_instance_count"] <= 4 or not public


def test_private_doors_are_private(any_plan):
    """A private function is reached from inside alone, and called by the one account that is made for it."""
    for name, door in any_plan.doors().items():
        if name == "console" or name.startswith("receive_"):
            continue
        callers = [g.member for g in any_plan.grants() if g.on == f"cloud_run_v2_service {door.values['name']}"]
        assert "ALLOW_INTERNAL_ONLY" == door.block("service_config")["ingress_settings"]
        assert [
            f"serviceAccount:{_prefix(any_plan)}to-{name.replace('_', '-')}@{PROJECT}.iam.gserviceaccount.com"
        ] == callers


def test_the_console_asks_who_comes(plans):
    """Google's sign-in stands before it and alone may call it, or it is public by wish and asks for its own."""
    signed_in = plans["everything"].doors()["console"]
    callers = [g.member for g in plans["everything"].grants() if g.on == "cloud_run_v2_service staging-console"]
    people = [g.member for g in plans["everything"].grants() if g.role == "roles/iap.httpsResourceAccessor"]

    assert (True, False) == (signed_in.values["iap_enabled"], signed_in.values["invoker_iam_disabled"])
    assert ([IAP], ["domain:example.com", "user:kim@example.com"]) == (callers, sorted(people))
    assert "console" not in plans["defaults"].doors()


def test_services_start_as_their_bundles_say(plans):
    """A receiver by its function; the console by the Procfile in its archive."""
    doors = plans["no_grant_to_everybody"].doors()

    assert "receive_webhook" == doors["receive_webhook"].block("build_config")["function_target"]
    assert doors["console"].block("build_config")["function_target"] is None
    assert "Procfile" in archive.contents("console", ROOT)
    assert "Procfile" not in archive.contents("receive_webhook", ROOT)


def test_every_living_subscription_is_dead_lettered(any_plan):
    """After a hundred attempts, into a topic that somebody reads; neither ever expires."""
    dead_topics = {s.values["topic"] for s in any_plan.dead()}

    for subscription in any_plan.living():
        policy = subscription.block("dead_letter_policy")
        assert (100, True) == (policy["max_delivery_attempts"], policy["dead_letter_topic"] in dead_topics)
        assert f"{subscription.values['topic']}-dead" == policy["dead_letter_topic"]
    for subscription in [*any_plan.living(), *any_plan.dead()]:
        assert "" == subscription.block("expiration_policy")["ttl"]
        assert f"{31 * 86400}s" == subscription.values["message_retention_duration"]


def test_dead_letters_wait_and_go_nowhere_else(any_plan):
    """A dead subscription tries every ten minutes, to keep_dead_letters, and has no dead letters of its own."""
    for subscription in any_plan.dead():
        retry = subscription.block("retry_policy")
        topic = subscription.values["topic"].rsplit("/", 1)[-1].removeprefix(_prefix(any_plan)).removesuffix("-dead")
        assert (["600s"] * 2, []) == (
            [retry["minimum_backoff"], retry["maximum_backoff"]],
            subscription.values["dead_letter_policy"],
        )
        assert f"https://door.invalid/{topic}" == subscription.block("push_config")["push_endpoint"]
        assert "keep_dead_letters" == subscription.values["labels"]["door"]


def test_pubsub_may_move_dead_letters(any_plan):
    """Its agent publishes to each dead topic and acknowledges on each subscription that has one."""
    held = {(g.role, g.on) for g in any_plan.grants() if g.member == PUBSUB}

    needed = {("roles/pubsub.subscriber", f"pubsub_subscription {s.values['name']}") for s in any_plan.living()}
    needed |= {("roles/pubsub.publisher", f"pubsub_topic {s.values['name']}") for s in any_plan.dead()}
    assert needed == held


def test_pushes_are_signed_for_their_door(any_plan):
    """With the account that may call that door, and no other."""
    for subscription in any_plan.of("google_pubsub_subscription"):
        push = subscription.block("push_config")
        caller = f"{_prefix(any_plan)}to-{subscription.values['labels']['door'].replace('_', '-')}@"
        assert push["oidc_token"][0]["service_account_email"].startswith(caller)


def test_no_message_outlives_its_door(any_plan):
    """Pub/Sub waits longer for an answer than the door may take."""
    for subscription in any_plan.of("google_pubsub_subscription"):
        door = any_plan.doors()[subscription.values["labels"]["door"]]
        timeout = door.block("service_config")["timeout_seconds"]
        assert timeout < subscription.values["ack_deadline_seconds"] <= 600


def test_each_kind_of_work_has_one_reader(plan):
    """Its subscription filters by the kind; what nobody reads would be lost in silence."""
    kinds = [s.values["filter"] for s in plan.living() if s.values["topic"].endswith("/work")]

    assert {work.NUDGE, work.RESYNC, work.BULK_POLL, work.BACKFILL} == {
        re.fullmatch(r'attributes\.kind = "(\w+)"', kind)[1] for kind in kinds
    }
    assert len(set(kinds)) == len(kinds)


def test_every_grant_has_its_reason(any_plan):
    """No grant on the whole project but these, and nobody holds one twice."""
    grants = list(any_plan.grants())
    prefix = _prefix(any_plan)

    schedulers = {"drain_change_log": f"serviceAccount:{prefix}drain-change-log"}  # there are no grants on one job
    if "console" in any_plan.doors():
        schedulers["console"] = f"serviceAccount:{prefix}console"

    on_project = {(g.role.rsplit("/", 1)[-1], g.member.split("@")[0]) for g in grants if g.on.startswith("project ")}
    clients = {("cloudsql.client", m) for role, m in on_project if role == "cloudsql.client"}
    assert on_project - clients == {
        ("logging.logWriter", f"serviceAccount:{prefix}isthmus-builder"),  # what a build says
        *((f"{prefix.replace('-', '_')}isthmus_{door}", account) for door, account in schedulers.items()),
    }
    assert all(r.values["condition"] for r in any_plan.of("google_project_iam_member") if "sql" in r.values["role"])
    assert [] == [key for key, times in Counter((g.member, g.role, g.on) for g in grants).items() if times > 1]
    assert [] == [
        g for g in grants if g.role.rsplit("/", 1)[-1] in ("owner", "editor", "viewer") or g.role.endswith("admin")
    ]


def test_the_drainer_may_set_a_schedule_and_nothing_more(plan):
    """Two permissions, and the use of the account that can only call the drainer."""
    [role] = plan.of("google_project_iam_custom_role")
    [used] = [g for g in plan.grants() if g.role == "roles/iam.serviceAccountUser"]

    assert ["cloudscheduler.jobs.get", "cloudscheduler.jobs.update"] == sorted(role.values["permissions"])
    assert f"service_account to-drain-change-log@{PROJECT}.iam.gserviceaccount.com" == used.on
    assert 1 == plan.doors()["drain_change_log"].block("service_config")["max_instance_count"]


def test_people_at_the_console_may_pause_and_wake(plans):
    """Its role changes no job; of two database roles it knows the one with less power."""
    plan = plans["everything"]
    [role] = [r for r in plan.of("google_project_iam_custom_role") if r.values["role_id"].endswith("console")]
    console = plan.doors()["console"]

    assert {"enable", "get", "list", "pause", "run"} == {p.rsplit(".", 1)[-1] for p in role.values["permissions"]}
    assert {"CONSOLE_DATABASE_URL", "SALESFORCE"} == secrets(console)
    assert (
        "/projects/123456789012/locations/us-central1/services/staging-console"
        == environment(console)["CONSOLE_IAP_AUDIENCE"]
    )
    assert {"DATABASE_URL", "SALESFORCE"} == secrets(plans["no_grant_to_everybody"].doors()["console"])


def test_it_fits_the_free_tier(plan):
    """Three jobs, six secrets, no idle instance, a free region, and half of the vCPU-seconds for looking."""
    jobs = {job.values["name"]: job for job in plan.of("google_cloud_scheduler_job")}
    doors = {"drain": "drain_change_log", "pull": "pull_change_events", "reconcile": "reconcile"}
    spent = sum(
        _runs_a_month(job.values["schedule"])
        * RUNS[name]
        * float(plan.doors()[doors[name]].block("service_config")["available_cpu"])
        for name, job in jobs.items()
    )

    assert set(RUNS) == set(jobs)
    assert len(plan.of("google_secret_manager_secret_version")) <= 6
    assert {0} == {d.block("service_config")["min_instance_count"] for d in plan.doors().values()}
    assert {"us-central1"} == {r.values["location"] for r in plan.resources if r.values.get("location")}
    assert spent <= costs.OURS_VCPU_SECONDS


def test_data_stays_in_its_region(plans):
    """Messages, secrets, bundles and replay ids: in Seoul where Seoul is asked for."""
    plan = plans["in_seoul"]

    assert {"asia-northeast3"} == {
        region
        for t in plan.of("google_pubsub_topic")
        for region in t.block("message_storage_policy")["allowed_persistence_regions"]
    }
    assert {"asia-northeast3"} == {
        s.block("replication")["user_managed"][0]["replicas"][0]["location"]
        for s in plan.of("google_secret_manager_secret")
    }
    assert {"asia-northeast3"} == {r.values["location"] for r in plan.resources if r.values.get("location")}


def test_no_secret_is_in_a_plan(tested):
    """Neither in plans nor in states: values are write-only."""
    said = json.dumps(tested[1])

    told = (
        "db.example.com",
        "fedcba9876543210",
        "0123456789abcdef0123456789abcdef",
        "acme.my.salesforce.com",
        "p@ss",
        "p%40ss",
    )
    assert [] == [secret for secret in told if secret in said]


def test_a_rotation_deploys_before_it_destroys():
    """A new edition is made first; doors name editions by number; the last one is destroyed at the end."""
    text = (ROOT / "terraform" / "modules" / "secret" / "main.tf").read_text(encoding="utf-8")
    function = (ROOT / "terraform" / "modules" / "door" / "function.tf").read_text(encoding="utf-8")

    assert "create_before_destroy = true" in text
    assert "version    = secret_environment_variables.value.version" in function


def test_schedules_are_left_to_whoever_changes_them():
    """A plan never sets back what the drainer or a person has set."""
    text = (ROOT / "terraform" / "modules" / "schedule" / "main.tf").read_text(encoding="utf-8")

    assert "ignore_changes = [paused, schedule, time_zone]" in text


def test_two_deployments_share_nothing(plans):
    """A prefix stands before every name, and no account id is too long."""
    one, other = _names(plans["defaults"]), _names(plans["everything"])
    ids = [a.values["account_id"] for a in plans["everything"].of("google_service_account")]

    assert set() == one & other
    assert max(map(len, ids)) <= 30
    assert len(set(ids)) == len(ids)


def test_settings_are_ones_that_doors_read(any_plan):
    """Every environment variable is named in common/config.py, or is the framework's."""
    known = (ROOT / "common" / "config.py").read_text(encoding="utf-8")

    for door in any_plan.doors().values():
        for name in [*environment(door), *secrets(door)]:
            assert name in OTHERS or re.search(rf"['\"]{name}['\"]", known), name


def test_threads_are_the_requests_at_a_time(any_plan):
    """Each of them holds a database connection; together they stay under the limit."""
    held = 0
    for door in any_plan.doors().values():
        size = door.block("service_config") or door.block("template")
        limit = size.get("max_instance_count") or size["scaling"][0]["max_instance_count"]
        assert str(size["max_instance_request_concurrency"]) == environment(door)["THREADS"]
        held += limit * size["max_instance_request_concurrency"] if "DATABASE_URL" in secrets(door) else 0

    assert held <= (66 if held > 40 else 40)


def _prefix(plan: Plan) -> str:
    return environment(next(iter(plan.doors().values())))["PREFIX"]


def _runs_a_month(cron: str) -> float:
    minute, hour, *_ = cron.split()
    assert hour == "*"
    return costs.HOURS * (60 if minute == "*" else 1)


def _names(plan: Plan) -> set[tuple[str, str]]:
    keys = ("account_id", "secret_id", "role_id", "repository_id", "display_name", "dashboard_json", "name")
    made = (r for r in plan.resources if not r.kind.endswith(("_iam_member", "_version", "_bucket_object")))
    return {(r.kind, next(r.values[key] for key in keys if r.values.get(key))) for r in made}
