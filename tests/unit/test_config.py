"""Settings: what is missing or wrong is named in one sentence, and no secret is ever shown."""

import json

import pytest

from common import config
from common.errors import Misconfigured

SECRET = "s3cr3t"  # in every place that holds one; it may never be seen in a message


def refusal(wish, env):
    """What the door would print."""
    with pytest.raises(SystemExit) as caught:
        config.read("a_door", env, wish)
    message = caught.value.code
    assert isinstance(message, str)
    assert message.startswith("isthmus a_door: ")
    assert "\n" not in message
    assert SECRET not in message
    return message


# -- database ----------------------------------------------------------------------------------------------


def test_database_url():
    """Everything in one address, percent-encoding undone."""
    got = config.database(
        {"DATABASE_URL": "postgresql://us%40er:p%2F%3A%40@db.example.com:6543/my%20db?sslmode=require"}
    )

    assert config.Target("db.example.com", 6543, "my db", "us@er", "p/:@") == got.target == got.direct


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_database_url_defaults(scheme):
    assert config.Target("h", 5432, "d", "postgres") == config.database({"DATABASE_URL": f"{scheme}://h/d"}).target
    assert "::1" == config.database({"DATABASE_URL": f"{scheme}://u@[::1]:1/d"}).target.host


def test_database_direct_url_stands_beside():
    env = {
        "DATABASE_URL": "postgresql://u@pool/d",
        "DATABASE_DIRECT_URL": "postgresql://u@direct/d",
        "DATABASE_CA": "c",
    }

    got = config.database(env)

    assert ("pool", "direct", "c") == (got.target.host, got.direct.host, got.ca)


def test_database_in_parts():
    env = {"PG_HOST": "h", "PG_PORT": "6543", "PG_DBNAME": "d", "PG_USER": "u", "PG_PASSWORD": "p"}

    assert config.Target("h", 6543, "d", "u", "p") == config.database(env).target
    assert 5432 == config.database(env | {"PG_PORT": ""}).target.port


def test_database_of_cloud_sql():
    env = {"CLOUD_SQL_INSTANCE": "p:r:i", "PG_DBNAME": "d", "PG_USER": "u"}

    assert "p:r:i" == config.database(env).cloud_sql_instance


@pytest.mark.parametrize(
    ("env", "named", "advice"),
    [
        ({}, "DATABASE_URL is not set", "postgresql://user:password@host:5432/name"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set", "PG_HOST"),
        ({"PG_HOST": "h", "PG_USER": "u"}, "PG_DBNAME is not set", "database's name"),
        ({"PG_HOST": "h", "PG_DBNAME": "d", "PG_USER": " "}, "PG_USER is not set", "role"),
        ({"CLOUD_SQL_INSTANCE": "p:r:i"}, "PG_DBNAME is not set", "database's name"),
        ({"PG_HOST": "h", "PG_DBNAME": "d", "PG_USER": "u", "PG_PORT": "five"}, "PG_PORT is 'five'", "5432"),
        ({"PG_HOST": "h", "PG_DBNAME": "d", "PG_USER": "u", "PG_PORT": "-1"}, "PG_PORT is '-1'", "5432"),
        ({"DATABASE_URL": "postgresql://u@h/d", "DATABASE_DIRECT_URL": "h"}, "DATABASE_DIRECT_URL is", "postgresql://"),
    ],
)
def test_database_names_what_is_missing(env, named, advice):
    """The sentence names the setting and says what to set."""
    message = refusal(config.database, env)

    assert named in message
    assert advice in message


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://user:s3cr3t@host/db",
        "postgresql://user:s3cr3t@host",
        "postgresql://user:s3cr3t@host/",
        "postgresql:///db?password=s3cr3t",
        "postgresql://user:s3cr3t@host:port/db",
        "postgresql://user:s3cr3t@host:99999/db",
        "postgresql://user:s3cr3t@host:0/db",
        "user:s3cr3t@host/db",
        "user:s3cr3t@host:5432/db",
        "host=h password=s3cr3t",
        "s3cr3t://user@host/db",
        "postgresql://user:pa/s3cr3t@host:5432/db",
        "postgresql://user:12/s3cr3t@host:5432/db",
        "postgresql://user:pa#s3cr3t@host:5432/db",
        "postgresql://user:12#s3cr3t@host:5432/db",
        "postgresql://user:pa?s3cr3t@host:5432/db",
        "postgresql://user:12?s3cr3t@host:5432/db",
        "postgresql://user:[s3cr3t@host:5432/db",
        "postgresql://user:s3cr3t]@host:5432/db",
        "postgresql://s3cr3t@/db",
        "postgresql://u:s3cr3t@h@h/db/more?x=@",
    ],
)
def test_database_url_refuses_without_showing(url):
    """A wrong address is refused, above all where a password that is not percent-encoded has torn it, unseen."""
    message = refusal(config.database, {"DATABASE_URL": url})

    assert "DATABASE_URL" in message
    assert "postgresql://user:password@host:5432/name" in message


# -- Salesforce --------------------------------------------------------------------------------------------

LOGIN = {"SF_LOGIN_URL": "https://example.my.salesforce.com/"}


@pytest.mark.parametrize(
    "login",
    [
        {"SF_CLIENT_ID": "i", "SF_CLIENT_SECRET": SECRET},
        {"SF_CLIENT_ID": "i", "SF_PRIVATE_KEY": SECRET, "SF_USERNAME": "u"},
        {"SF_USERNAME": "u", "SF_PASSWORD": SECRET, "SF_SECURITY_TOKEN": "t", "SF_DOMAIN": "test"},
    ],
)
def test_salesforce_has_three_ways_to_log_in(login):
    got = config.salesforce(LOGIN | login)

    assert "https://example.my.salesforce.com" == got.login_url
    assert ("External_Id__c", "66.0") == (got.external_id_field, got.api_version)


def test_salesforce_in_one_secret():
    """One secret may hold them all; a variable wins over it, an empty one does not."""
    held = LOGIN | {"SF_CLIENT_ID": "held", "SF_CLIENT_SECRET": SECRET, "SF_EXTERNAL_ID_FIELD": "Key__c"}
    env = {"SALESFORCE": json.dumps(held), "SF_CLIENT_ID": "variable", "SF_CLIENT_SECRET": ""}

    got = config.salesforce(env)

    assert ("variable", SECRET, "Key__c") == (got.client_id, got.client_secret, got.external_id_field)


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"SF_CLIENT_ID": "i"},
        {"SF_CLIENT_SECRET": SECRET},
        {"SF_CLIENT_ID": "i", "SF_PRIVATE_KEY": SECRET},
        {"SF_PRIVATE_KEY": SECRET, "SF_USERNAME": "u"},
        {"SF_USERNAME": "u"},
        {"SF_PASSWORD": SECRET, "SF_SECURITY_TOKEN": SECRET},
        {"SF_CLIENT_ID": "i", "SF_PASSWORD": SECRET},
    ],
)
def test_salesforce_refuses_half_a_login(login):
    """Every way to log in is named with all that it needs."""
    message = refusal(config.salesforce, LOGIN | login)

    for name in (
        "SF_CLIENT_ID",
        "SF_CLIENT_SECRET",
        "SF_PRIVATE_KEY",
        "SF_USERNAME",
        "SF_PASSWORD",
        "SF_SECURITY_TOKEN",
    ):
        assert name in message


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "SF_LOGIN_URL is not set"),
        ({"SF_LOGIN_URL": "  "}, "SF_LOGIN_URL is not set"),
        ({"SALESFORCE": f"{{{SECRET}"}, "SALESFORCE is not JSON"),
        ({"SALESFORCE": f'["{SECRET}"]'}, "SALESFORCE is JSON, but no object"),
        ({"SALESFORCE": f'"{SECRET}"'}, "SALESFORCE is JSON, but no object"),
        ({"SALESFORCE": json.dumps(LOGIN | {"SF_CLIENT_ID": 7, "SF_CLIENT_SECRET": SECRET})}, "SF_CLIENT_ID"),
        ({"SALESFORCE": json.dumps({"SF_LOGIN_URL": 5, "SF_CLIENT_SECRET": SECRET})}, "SF_LOGIN_URL"),
    ],
)
def test_salesforce_names_what_is_wrong(env, named):
    assert named in refusal(config.salesforce, env)


# -- inbound, topics, numbers --------------------------------------------------------------------------------


def test_inbound():
    env = {"INBOUND": '{"org_id": "00D5w000004qGTOEA2", "secret_path": "/a/b/"}'}

    assert config.Inbound("00D5w000004qGTOEA2", "a/b") == config.inbound(env)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "INBOUND names no org_id"),
        ("", "INBOUND names no org_id"),
        ("{}", "INBOUND names no org_id"),
        ('{"secret_path": "s3cr3t"}', "INBOUND names no org_id"),
        ('{"org_id": ""}', "INBOUND names no org_id"),
        ("{s3cr3t", "INBOUND is not JSON"),
        ("[]", "INBOUND is JSON, but no object"),
        ('{"org_id": 15}', "org_id"),
        ('{"org_id": "00D5w000004qGTOEA2", "secret_path": 5}', "secret_path"),
        ('{"org_id": "my org", "secret_path": "s3cr3t"}', "org_id"),
        ('{"org_id": "00D5w000004qGTO-A2", "secret_path": "s3cr3t"}', "org_id"),
    ],
)
def test_inbound_names_what_is_wrong(text, named):
    """An org id that no message can carry would refuse every message: it stops the door instead."""
    message = refusal(config.inbound, {} if text is None else {"INBOUND": text})

    assert named in message
    assert "INBOUND" in message


@pytest.mark.parametrize("org", ["", "00D5w000004qGTOEA2"])
def test_webhook(org):
    """Nudges need keys only; changes that name their org need ours."""
    keys = ["k" * 32, "l" * 32]

    got = config.webhook({"INBOUND": json.dumps({"hmac_keys": keys, "org_id": org})})

    assert config.Webhook(tuple(keys), org) == got


def test_a_webhooks_org_is_an_id():
    env = {"INBOUND": json.dumps({"hmac_keys": ["k" * 32], "org_id": "my org"})}

    assert "INBOUND's org_id is 'my org'" in refusal(config.webhook, env)


def test_topics():
    """Full names, with the deployment's prefix."""
    got = config.topics({"GOOGLE_CLOUD_PROJECT": "p", "PREFIX": "test-"})

    assert "projects/p/topics/test-salesforce-changes" == got.salesforce_changes == got.full("salesforce-changes")
    assert "projects/p/topics/test-postgres-changes" == got.postgres_changes == got.full("postgres-changes")
    assert "projects/p/topics/test-work" == got.work == got.full("work")


@pytest.mark.parametrize("env", [{}, {"GOOGLE_CLOUD_PROJECT": ""}, {"GOOGLE_CLOUD_PROJECT": "  "}])
def test_topics_need_a_project(env):
    assert "GOOGLE_CLOUD_PROJECT is not set" in refusal(config.topics, env)


@pytest.mark.parametrize(
    ("env", "seconds"), [({}, 720.0), ({"CALL_SECONDS": " 60 "}, 60.0), ({"CALL_SECONDS": ""}, 720.0)]
)
def test_call_seconds(env, seconds):
    assert seconds == config.call_seconds(env)


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "soon", "1e3", "²", "½", "99999999999999999999x"])
def test_call_seconds_is_a_whole_number(text):
    """Digits that are no number are refused too."""
    message = refusal(config.call_seconds, {"CALL_SECONDS": text})

    assert f"CALL_SECONDS is {text!r}" in message
    assert "720" in message


def test_read_lets_good_settings_through():
    assert 720.0 == config.read("a_door", {}, config.call_seconds)


def test_read_lets_bugs_rise():
    """Only what a person set wrongly becomes a sentence."""
    with pytest.raises(ZeroDivisionError):
        config.read("a_door", {}, lambda _: 1 / 0)


def test_misconfigured_carries_a_stable_reason():
    with pytest.raises(Misconfigured) as caught:
        config.topics({})

    assert "setting_missing" == caught.value.reason


def test_a_reserve_is_a_percentage():
    assert (20, 0, 99) == tuple(config.api_reserve(e) for e in ({}, {"API_RESERVE": "0"}, {"API_RESERVE": "99"}))
    for wrong in ("100", "-1", "x"):
        with pytest.raises(Misconfigured, match="API_RESERVE"):
            config.api_reserve({"API_RESERVE": wrong})


def test_calls_at_a_time_leave_some_to_others():
    """Salesforce takes 25 long ones of everybody."""
    assert (4, 20) == (config.salesforce_calls({}), config.salesforce_calls({"SALESFORCE_CALLS": "20"}))
    with pytest.raises(Misconfigured, match="SALESFORCE_CALLS"):
        config.salesforce_calls({"SALESFORCE_CALLS": "21"})
