"""The plan against the doors' own code: each gets what it needs to start, and may do what it does."""

import runpy
from pathlib import Path

import pytest

from common import config
from common.errors import Misconfigured
from common.pubsub.topic import PubsubTopic
from functions.bundle import archive
from tests.terraform.conftest import DOORS, built
from tests.terraform.plan import Plan, environment, secrets
from tests.terraform.terraform import ROOT

VALUES = {
    "CONSOLE_DATABASE_URL": "postgresql://console:secret@db.example.com:5432/app",
    "DATABASE_DIRECT_URL": "postgresql://isthmus:secret@direct.example.com:5432/app",
    "DATABASE_URL": "postgresql://isthmus:secret@db.example.com:5432/app",
    "INBOUND": '{"org_id": "00D000000000001", "secret_path": "path", "hmac_keys": ["0123456789abcdef0123456789abcdef"]}',
    "SALESFORCE": '{"SF_LOGIN_URL": "https://acme.my.salesforce.com", "SF_CLIENT_ID": "c", "SF_CLIENT_SECRET": "s"}',
}
FUNCTIONS = [folder for folder in built() if folder.name != "console"]


class Opened:
    """A door, imported with the settings that a plan gives it."""

    def __init__(self, folder: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
        door = plan.doors()[folder.name]
        self.settings = environment(door) | {name: VALUES[name] for name in secrets(door)}
        self.topics: set[str] = set()
        self.wish = None
        construct, read = PubsubTopic.__init__, config.read

        def constructing(topic, name, **more):
            self.topics.add(name.rsplit("/", 1)[-1])
            construct(topic, name, **more)

        def reading(name, env, wish):
            self.wish = wish
            return read(name, self.settings, wish)

        monkeypatch.setattr(PubsubTopic, "__init__", constructing)
        monkeypatch.setattr(config, "read", reading)
        runpy.run_path(str(folder / "main.py"))


@pytest.fixture(params=FUNCTIONS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    return request.param


@pytest.fixture
def opened(folder, plan, monkeypatch) -> Opened:
    return Opened(folder, plan, monkeypatch)


def test_it_publishes_where_it_may(folder, opened, plan):
    """A door holds the right to publish to the topics that its code names, and to no other."""
    member = f"serviceAccount:{folder.name.replace('_', '-')}@"

    granted = {
        g.on.removeprefix("pubsub_topic ")
        for g in plan.grants()
        if g.role == "roles/pubsub.publisher" and g.member.startswith(member)
    }
    assert granted == opened.topics


def test_it_starts_with_its_settings_and_misses_each_secret(folder, opened, plan):
    """It starts with what the plan gives it; without any one of its secrets it would not."""
    for secret in secrets(plan.doors()[folder.name]):
        with pytest.raises(Misconfigured):
            opened.wish({name: value for name, value in opened.settings.items() if name != secret})


@pytest.mark.parametrize("run", ["everything", "no_grant_to_everybody"])
def test_the_console_starts_with_its_settings(plans, run):
    """Behind Google's sign-in, and with its own; without any of its secrets it would not."""
    door = plans[run].doors()["console"]
    settings = environment(door) | {name: VALUES[name] for name in secrets(door)}

    assert config.console(settings).sign_in.operators == ("kim@example.com",)
    for secret in secrets(door):
        with pytest.raises(Misconfigured):
            config.console({name: value for name, value in settings.items() if name != secret})


def test_every_door_is_in_the_mesh(plans):
    """What has a bundle is deployed, and the other way round."""
    assert set(archive.doors(ROOT)) == set(DOORS)
    assert set(DOORS) == set(plans["everything"].doors())
