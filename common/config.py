"""Settings: environment variables, read only at doors, validated once, all named here."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from common import log, schedule
from common.errors import Misconfigured
from common.ids import is_id

Environment = Mapping[str, str]

T = TypeVar("T")
PROJECT = "GOOGLE_CLOUD_PROJECT"
OLDEST_MESSAGE_DAYS = (
    38  #: 31 in a dead subscription (Pub/Sub's longest retention), after five rounds of a hundred attempts
)
MAX_KEYS = 2  #: the old one and the new one, while they are rotated
_JOB = re.compile(r"projects/[^/]+/locations/[^/]+/jobs/[^/]+")
MIN_KEY = 32  #: characters


@dataclass(frozen=True, slots=True)
class Target:
    """Where one Postgres listens."""

    host: str
    port: int
    name: str
    user: str
    password: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    target: Target
    direct: Target  #: past the pooler; the same where DATABASE_DIRECT_URL is not set
    ca: str = ""  #: a CA file's path or its text
    cloud_sql_instance: str = ""  #: project:region:instance


@dataclass(frozen=True, slots=True)
class Salesforce:
    login_url: str
    client_id: str = ""
    client_secret: str = ""
    private_key: str = ""
    username: str = ""
    password: str = ""
    security_token: str = ""
    domain: str = ""
    external_id_field: str = "External_Id__c"
    api_version: str = "66.0"


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a receiver asks of those who call it."""

    org_id: str
    secret_path: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the webhook asks of those who call it."""

    keys: tuple[str, ...]
    org_id: str = ""  #: whose changes are taken; empty: only what names no org


@dataclass(frozen=True, slots=True)
class Topics:
    """Full names of the topics."""

    salesforce_changes: str
    postgres_changes: str
    work: str

    def full(self, short: str) -> str:
        return {
            "salesforce-changes": self.salesforce_changes,
            "postgres-changes": self.postgres_changes,
            "work": self.work,
        }[short]


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days what is over is kept."""

    log_days: int = 3  #: settled rows of the change log
    metrics_days: int = 7  #: then they are summed up by the hour
    settled_days: int = 30  #: conflicts and dead letters that are settled, Bulk API jobs and backfills that have ended
    tombstone_days: int = 45  #: longer than any message lives: 31 days in a dead subscription, five rounds of 16 hours
    trend_days: int = 400  #: hourly metrics, daily API calls, conflicts that nobody looked at


# -- reading -------------------------------------------------------------------------------------


def _need(env: Environment, name: str, what: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise Misconfigured("setting_missing", f"{name} is not set", f"Set it to {what}.")
    return value


def database(env: Environment) -> Database:
    """DATABASE_URL, or PG_HOST with its companions, or CLOUD_SQL_INSTANCE."""
    ca = env.get("DATABASE_CA", "")
    if env.get("DATABASE_URL"):
        target = _target(env["DATABASE_URL"], "DATABASE_URL")
    elif env.get("PG_HOST") or env.get("CLOUD_SQL_INSTANCE"):
        target = Target(
            host=env.get("PG_HOST", ""),
            port=number(env, "PG_PORT", 5432),
            name=_need(env, "PG_DBNAME", "the database's name"),
            user=_need(env, "PG_USER", "the role to log in with"),
            password=env.get("PG_PASSWORD", ""),
        )
    else:
        raise Misconfigured(
            "setting_missing",
            "DATABASE_URL is not set",
            "Set it to postgresql://user:password@host:5432/name, or set PG_HOST, PG_DBNAME, PG_USER and PG_PASSWORD.",
        )
    direct = _target(env["DATABASE_DIRECT_URL"], "DATABASE_DIRECT_URL") if env.get("DATABASE_DIRECT_URL") else target
    return Database(target=target, direct=direct, ca=ca, cloud_sql_instance=env.get("CLOUD_SQL_INSTANCE", ""))


def _target(url: str, setting: str) -> Target:
    try:
        parts = urlsplit(url)
        port = 5432 if parts.port is None else parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    torn = "@" in parts.path + parts.query + parts.fragment  # by a / ? or # in the password
    known = parts.scheme in ("postgres", "postgresql")
    if not (known and parts.hostname and parts.path.strip("/") and port) or torn:
        raise Misconfigured(  # nothing of it is shown: any part may be the password
            "setting_refused",
            f"{setting} is no address of a Postgres database (its value is not shown)",
            "Set it to postgresql://user:password@host:5432/name; in user and password write %2F for /, %40 for @, "
            "%23 for #, %3F for ?.",
        )
    query = parse_qs(parts.query)
    return Target(
        host=parts.hostname or "",
        port=port,
        name=unquote(parts.path.strip("/")),
        user=unquote(parts.username or query.get("user", ["postgres"])[0]),
        password=unquote(parts.password or ""),
    )


def salesforce(env: Environment) -> Salesforce:
    """SF_* variables, or the JSON secret SALESFORCE that holds them; a variable wins over the secret."""
    held = _json_secret(env, "SALESFORCE")
    both = {**held, **{name: value for name, value in env.items() if name.startswith("SF_") and value}}
    settings = Salesforce(
        login_url=_need(both, "SF_LOGIN_URL", "your org's My Domain, such as https://example.my.salesforce.com").rstrip(
            "/"
        ),
        client_id=both.get("SF_CLIENT_ID", ""),
        client_secret=both.get("SF_CLIENT_SECRET", ""),
        private_key=both.get("SF_PRIVATE_KEY", ""),
        username=both.get("SF_USERNAME", ""),
        password=both.get("SF_PASSWORD", ""),
        security_token=both.get("SF_SECURITY_TOKEN", ""),
        domain=both.get("SF_DOMAIN", ""),
        external_id_field=both.get("SF_EXTERNAL_ID_FIELD", "External_Id__c"),
        api_version=both.get("SF_API_VERSION", "66.0"),
    )
    _refuse_half_login(settings)
    return settings


def _refuse_half_login(settings: Salesforce) -> None:
    ways = (
        settings.client_id and settings.client_secret,
        settings.client_id and settings.private_key and settings.username,
        settings.username and settings.password,
    )
    if not any(ways):
        raise Misconfigured(
            "setting_missing",
            "no complete way to log in to Salesforce is set",
            "Set SF_CLIENT_ID and SF_CLIENT_SECRET; or SF_CLIENT_ID, SF_PRIVATE_KEY and SF_USERNAME; "
            "or SF_USERNAME, SF_PASSWORD and SF_SECURITY_TOKEN.",
        )


def inbound(env: Environment) -> Inbound:
    """The JSON secret INBOUND: org_id, and optionally secret_path. Other keys are other doors'."""
    held = _json_secret(env, "INBOUND")
    wish = 'Set it to {"org_id": "00D...", "secret_path": "..."}.'
    if not held.get("org_id"):
        raise Misconfigured("setting_missing", "INBOUND names no org_id", wish)
    if not is_id(held["org_id"]):
        raise Misconfigured("setting_refused", f"INBOUND's org_id is {held['org_id']!r}, no id of 15 or 18", wish)
    return Inbound(org_id=held["org_id"], secret_path=held.get("secret_path", "").strip("/"))


def hmac_keys(env: Environment) -> tuple[str, ...]:
    """The keys of the JSON secret INBOUND that sign requests: one, or two while they are being rotated."""
    held: object = _json_secret(env, "INBOUND").get("hmac_keys")
    wish = (
        'Set it to {"hmac_keys": ["..."]}, one or two keys of 32 characters or more; `openssl rand -hex 32` makes one.'
    )
    if not held:
        raise Misconfigured("setting_missing", "INBOUND holds no hmac_keys", wish)
    keys = held if isinstance(held, list) else []
    if not 1 <= len(keys) <= MAX_KEYS or any(not isinstance(k, str) or len(k) < MIN_KEY for k in keys):
        raise Misconfigured("setting_refused", "INBOUND's hmac_keys are no list of one or two long texts", wish)
    return tuple(keys)


def webhook(env: Environment) -> Webhook:
    """The JSON secret INBOUND: hmac_keys, and org_id where changes come this way and not only nudges."""
    keys = hmac_keys(env)
    return Webhook(keys, inbound(env).org_id if _json_secret(env, "INBOUND").get("org_id") else "")


def _json_secret(env: Environment, name: str) -> dict[str, str]:
    try:
        held = json.loads(env.get(name) or "{}")
    except ValueError as exc:
        raise Misconfigured("setting_refused", f"{name} is not JSON", "Set it to one JSON object.") from exc
    if not isinstance(held, dict):
        raise Misconfigured("setting_refused", f"{name} is JSON, but no object", "Set it to one JSON object.")
    for key, value in held.items():
        if not isinstance(value, str) and key != "hmac_keys":
            raise Misconfigured("setting_refused", f"{key} in {name} is no text", "Put its value in quotes.")
    return held


def topics(env: Environment) -> Topics:
    """The topics of the project, each with the deployment's prefix."""
    project = _need(env, PROJECT, "the Google Cloud project's id")
    prefix = f"projects/{project}/topics/{env.get('PREFIX', '')}"
    return Topics(f"{prefix}salesforce-changes", f"{prefix}postgres-changes", f"{prefix}work")


def call_seconds(env: Environment) -> float:
    """How long a call to Salesforce may still be carried out after it was made: the door's own two minutes, and ten
    more that Salesforce gives a request.
    """
    return float(number(env, "CALL_SECONDS", 720))


def claim_seconds(env: Environment) -> float:
    """How long a drained batch may wait for its sender before another drainer may take it: nothing was sent yet."""
    return float(number(env, "CLAIM_SECONDS", 120))


@dataclass(frozen=True, slots=True)
class Drain:
    """What whoever drains the change log needs."""

    database: Database
    topics: Topics
    call_seconds: float
    claim_seconds: float
    bulk_from: int


def drain(env: Environment) -> Drain:
    return Drain(database(env), topics(env), call_seconds(env), claim_seconds(env), bulk_from(env))


@dataclass(frozen=True, slots=True)
class Sending:
    """What whoever sends to Salesforce needs."""

    database: Database
    salesforce: Salesforce
    topics: Topics
    call_seconds: float
    calls: int
    reserve_percent: int


def sending(env: Environment) -> Sending:
    return Sending(
        database(env), salesforce(env), topics(env), call_seconds(env), salesforce_calls(env), api_reserve(env)
    )


@dataclass(frozen=True, slots=True)
class Comparing:
    """What whoever compares both sides needs."""

    database: Database
    salesforce: Salesforce
    topics: Topics
    retention: Retention
    reserve_percent: int
    state: str = ""  #: where bookmarks lie; empty: wishes that stand there are settled by hand
    sleepy: bool = False  #: the database sleeps when it is let alone; it is looked after from there


def comparing(env: Environment) -> Comparing:
    state = pull_state(env) if env.get("PULL_STATE", "").strip() else ""
    sleepy = flag(env, "SLEEPY_DATABASE") and bool(state)
    return Comparing(database(env), salesforce(env), topics(env), retention(env), api_reserve(env), state, sleepy)


@dataclass(frozen=True, slots=True)
class EventBus:
    """Salesforce's Pub/Sub API."""

    endpoint: str  #: host:port
    ca: str = ""  #: a file or its text; empty means the usual ones, and no TLS on loopback


@dataclass(frozen=True, slots=True)
class Pulling:
    """What whoever pulls change events needs."""

    state: str  #: a folder, or gs://bucket/prefix
    bus: EventBus
    salesforce: Salesforce
    topics: Topics


def pulling(env: Environment) -> Pulling:
    """PULL_STATE, SF_PUBSUB_ENDPOINT and SF_PUBSUB_CA, with the org and the topics."""
    endpoint = env.get("SF_PUBSUB_ENDPOINT", "").strip() or "api.pubsub.salesforce.com:7443"
    host, _, port = endpoint.rpartition(":")
    if "/" in endpoint or not host or not port.isdecimal():
        raise Misconfigured(
            "setting_refused", f"SF_PUBSUB_ENDPOINT is {endpoint!r}",
            "Set it to host:port, such as api.deu.pubsub.salesforce.com:7443 for Hyperforce in Germany.",
        )  # fmt: skip
    bus = EventBus(endpoint, env.get("SF_PUBSUB_CA", "").strip())
    return Pulling(pull_state(env), bus, salesforce(env), topics(env))


def pull_state(env: Environment) -> str:
    """Where bookmarks lie."""
    state = _need(env, "PULL_STATE", "a folder, or gs://bucket/prefix, where replay ids are kept")
    if state.startswith("gs://") and not re.fullmatch(r"gs://[a-z0-9._-]{3,222}(/.*)?", state):
        raise Misconfigured("setting_refused", f"PULL_STATE is {state!r}", "Set it to gs://bucket/prefix, or a folder.")
    return state


@dataclass(frozen=True, slots=True)
class Waking:
    """How the drainer sets its own schedule."""

    job: str = ""  #: projects/P/locations/L/jobs/J; empty: the schedule is a person's
    host: str = ""  #: of a Cloud Scheduler on this machine
    sleepy: bool = False  #: the database sleeps when it is let alone
    idle_minutes: int = 15


def waking(env: Environment) -> Waking:
    """SCHEDULE_JOB with SLEEPY_DATABASE and IDLE_MINUTES."""
    job = env.get("SCHEDULE_JOB", "").strip()
    if job and not _JOB.fullmatch(job):
        raise Misconfigured(
            "setting_refused", f"SCHEDULE_JOB is {job!r}", "Set it to projects/PROJECT/locations/REGION/jobs/NAME."
        )
    idle = number(env, "IDLE_MINUTES", schedule.IDLE[0])
    if idle not in schedule.IDLE:
        allowed = ", ".join(map(str, schedule.IDLE))
        raise Misconfigured("setting_refused", f"IDLE_MINUTES is {idle}", f"Set it to one of {allowed}.")
    return Waking(job, env.get("SCHEDULER_EMULATOR_HOST", "").strip(), flag(env, "SLEEPY_DATABASE"), idle)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sit at the console, and how they say who they are."""

    secret: str = ""  #: signs links and sessions of one machine
    iap_audience: str = ""  #: /projects/NUMBER/..., where Identity-Aware Proxy stands before us
    google_client_id: str = ""  #: whose ID tokens count
    operators: tuple[str, ...] = ()  #: addresses, or @domain: they may change things
    viewers: tuple[str, ...] = ()  #: they may look
    origin: str = ""  #: where the page lives when it lives elsewhere: https://console.example.com


def sign_in(env: Environment) -> SignIn:
    """CONSOLE_*: at least one way to sign in, and for Google's ways a list of who may."""
    held = SignIn(
        secret=env.get("CONSOLE_SECRET", "").strip(),
        iap_audience=env.get("CONSOLE_IAP_AUDIENCE", "").strip(),
        google_client_id=env.get("CONSOLE_GOOGLE_CLIENT_ID", "").strip(),
        operators=_people(env, "CONSOLE_OPERATORS"),
        viewers=_people(env, "CONSOLE_VIEWERS"),
        origin=env.get("CONSOLE_ORIGIN", "").strip().rstrip("/"),
    )
    if not (held.secret or held.iap_audience or held.google_client_id):
        raise Misconfigured(
            "setting_missing", "no way to sign in to the console is set",
            "Set CONSOLE_IAP_AUDIENCE or CONSOLE_GOOGLE_CLIENT_ID, with CONSOLE_OPERATORS; on one machine CONSOLE_SECRET.",
        )  # fmt: skip
    if (held.iap_audience or held.google_client_id) and not (held.operators or held.viewers):
        raise Misconfigured(
            "setting_missing", "CONSOLE_OPERATORS is not set: nobody could sign in",
            "Set it to addresses, or to @example.com for everybody of a domain, separated by commas.",
        )  # fmt: skip
    if held.secret and (len(held.secret) < MIN_KEY or env.get("K_SERVICE")):
        trouble = (
            "is shorter than 32 characters" if len(held.secret) < MIN_KEY else "is for one machine, not for Cloud Run"
        )
        raise Misconfigured(
            "setting_refused", f"CONSOLE_SECRET {trouble}", "`openssl rand -hex 32` makes one; in the cloud let Google sign in."
        )  # fmt: skip
    if held.origin and not re.fullmatch(r"https://[^/*\s]+|http://(localhost|127\.0\.0\.1)(:\d+)?", held.origin):
        raise Misconfigured(
            "setting_refused", f"CONSOLE_ORIGIN is {held.origin!r}", "Set it to one origin, such as https://console.example.com."
        )  # fmt: skip
    return held


def _people(env: Environment, name: str) -> tuple[str, ...]:
    listed = tuple(p.strip().lower() for p in env.get(name, "").split(",") if p.strip())
    odd = [p for p in listed if not re.fullmatch(r"[^@\s]*@[^@\s]+\.[^@\s]+", p)]
    if odd:
        raise Misconfigured(
            "setting_refused", f"{name} holds {odd[0]!r}", "List addresses, or @example.com, separated by commas."
        )
    return listed


@dataclass(frozen=True, slots=True)
class Console:
    """What the console needs."""

    database: Database
    salesforce: Salesforce
    topics: Topics
    sign_in: SignIn
    waking: Waking
    pull_state: str  #: empty where no change events are pulled


def console(env: Environment) -> Console:
    """CONSOLE_DATABASE_URL, where the console has a role of its own, else what the doors use; and who may sign in."""
    url = env.get("CONSOLE_DATABASE_URL", "")
    reached = database({**env, "DATABASE_URL": url, "DATABASE_DIRECT_URL": url} if url else env)
    state = pull_state(env) if env.get("PULL_STATE") else ""
    return Console(reached, salesforce(env), topics(env), sign_in(env), waking(env), state)


def flag(env: Environment, name: str) -> bool:
    """A switch: true or false; unset means false."""
    text = env.get(name, "").strip().lower() or "false"
    if text not in ("true", "false"):
        raise Misconfigured("setting_refused", f"{name} is {text!r}", "Set it to true or false.")
    return text == "true"


def api_reserve(env: Environment) -> int:
    """The share of the org's daily API calls that sending leaves to the org's other users; percent."""
    return _percent(env, "API_RESERVE", 20)


def salesforce_calls(env: Environment) -> int:
    """How many calls that write may be under way at a time in one process. Salesforce takes 25 long ones of everybody."""
    calls = number(env, "SALESFORCE_CALLS", 4)
    if calls > 20:
        raise Misconfigured(
            "setting_refused", f"SALESFORCE_CALLS is {calls}", "Set it to 20 at most: Salesforce takes 25 of everybody."
        )
    return calls


def bulk_from(env: Environment) -> int:
    """From how many waiting records of one object on they go through the Bulk API."""
    return number(env, "BULK_FROM", 10_000)


def _percent(env: Environment, name: str, default: int) -> int:
    text = env.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) > 99:
        raise Misconfigured("setting_refused", f"{name} is {text!r}", f"Set it to 0 to 99; {default} is the default.")
    return int(text)


def retention(env: Environment) -> Retention:
    """KEEP_*_DAYS. Tombstones outlive every message, or a late one would revive its record."""
    names = ("LOG", "METRICS", "SETTLED", "TOMBSTONE", "TREND")
    kept = Retention(
        *(number(env, f"KEEP_{name}_DAYS", getattr(Retention(), f"{name.lower()}_days")) for name in names)
    )
    if kept.tombstone_days < OLDEST_MESSAGE_DAYS:
        raise Misconfigured(
            "setting_refused", f"KEEP_TOMBSTONE_DAYS is {kept.tombstone_days}",
            f"Set it to {OLDEST_MESSAGE_DAYS} or more: a message may be that old.",
        )  # fmt: skip
    return kept


def number(env: Environment, name: str, default: int) -> int:
    """A whole number above zero."""
    text = env.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise Misconfigured(
            "setting_refused",
            f"{name} is {text!r}",
            f"Set it to a whole number; {default} is the default, 1 the least.",
        )
    return int(text)


def read(door: str, env: Environment, wish: Callable[[Environment], T]) -> T:
    """Read a door's settings; where one is missing or wrong, stop the process with one sentence that names it."""
    log.for_project(env.get(PROJECT, ""))
    try:
        return wish(env)
    except Misconfigured as exc:
        sys.exit(f"isthmus {door}: {exc.detail}. {exc.hint}")
