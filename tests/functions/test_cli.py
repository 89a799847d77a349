"""The command line as people meet it: a process of its own, one line on stderr for what went wrong."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from common import health
from functions.cli.main import main
from tests.stack.process import ROOT, clean_environment
from tests.standin.driving import Standin

PROGRAM = Path(sys.executable).parent / "isthmus"
UNREACHABLE = {"DATABASE_URL": "postgresql://user:s3cr3t@127.0.0.1:9/nowhere"}
MISSING = "no-such-file.wsdl"

COMMANDS = [
    [], ["migrate"], ["status"], ["mapping"], ["mapping", "create"], ["mapping", "list"], ["mapping", "pause"],
    ["mapping", "resume"], ["mapping", "delete"], ["outbound-message"], ["outbound-message", "register"],
    ["dead-letters"], ["dead-letters", "list"], ["dead-letters", "show"], ["dead-letters", "replay"],
    ["failures"], ["failures", "list"], ["failures", "show"], ["failures", "retry"], ["failures", "ignore"],
    ["conflicts"], ["conflicts", "list"], ["conflicts", "show"], ["conflicts", "resolve"],
    ["deletes"], ["deletes", "list"], ["deletes", "allow"], ["deletes", "refuse"], ["pause"], ["resume"], ["prune"], ["rebase"],
    ["dead-letters", "discard"], ["backfill"], ["backfill", "start"], ["backfill", "list"], ["backfill", "show"],
    ["backfill", "pause"], ["backfill", "resume"], ["backfill", "cancel"],
    ["reconcile"], ["verify"],
]  # fmt: skip


def isthmus(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], cwd=ROOT, env=clean_environment() | settings, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip


def refused(*arguments: str, **settings: str) -> str:
    """The one line of a command that could not be done."""
    got = isthmus(*arguments, **settings)
    assert 1 == got.returncode, got.stderr
    (line,) = got.stderr.splitlines()
    assert line.startswith("isthmus: ")
    assert "s3cr3t" not in line
    return line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """--help names every subcommand and exits with 0."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])

    got = capsys.readouterr()
    assert (0, "") == (ended.value.code, got.err)
    assert got.out.startswith("usage: " + " ".join(["isthmus", *command]))
    deeper = {c[-1] for c in COMMANDS if c and c[:-1] == command}
    assert not [name for name in deeper if name not in got.out]


def test_it_tells_its_version() -> None:
    got = isthmus("--version")

    assert (0, f"isthmus {health.release()}\n", "") == (got.returncode, got.stdout, got.stderr)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["mapping"], ["mapping", "create"], ["dead-letters", "show", "one"], ["migrate", "--pre", "--post"],
     ["mapping", "create", "Account", "--direction", "UP"], ["dead-letters", "list", "--state", "lost"]],
)  # fmt: skip
def test_what_is_not_understood_is_shown_its_usage(arguments: list[str]) -> None:
    """Exit code 2, the usage, and one line that says what was wrong."""
    got = isthmus(*arguments)

    assert (2, "") == (got.returncode, got.stdout)
    assert got.stderr.startswith("usage: isthmus")
    assert "error: " in got.stderr.splitlines()[-1]
    assert "Traceback" not in got.stderr


OFFLINE: list[tuple[list[str], Mapping[str, str], str]] = [
    (["migrate"], {}, "DATABASE_URL is not set"),
    (["status"], {}, "DATABASE_URL is not set"),
    (["mapping", "list"], {}, "DATABASE_URL is not set"),
    (["dead-letters", "list"], {}, "DATABASE_URL is not set"),
    (["dead-letters", "replay", "1"], UNREACHABLE, "GOOGLE_CLOUD_PROJECT is not set"),
    (["mapping", "create", "Account"], UNREACHABLE, "SF_LOGIN_URL is not set"),
    (["status"], {"DATABASE_URL": "user:s3cr3t@host"}, "DATABASE_URL is no address"),
    (["migrate"], UNREACHABLE, "Postgres could not be reached"),
    (["status"], UNREACHABLE, "Postgres could not be reached"),
    (["mapping", "pause", "Account"], UNREACHABLE, "Postgres could not be reached"),
    (["dead-letters", "show", "1"], UNREACHABLE, "Postgres could not be reached"),
    (["mapping", "create", "Account", "--table", "x" * 64], {}, "at most 63 bytes"),
    (["outbound-message", "register", MISSING], UNREACHABLE, MISSING),
    (["outbound-message", "register", "."], UNREACHABLE, "Click for WSDL"),
    (["outbound-message", "register", "README.md"], UNREACHABLE, "Click for WSDL"),
    (["mapping", "create", "Account"],
     {"SF_LOGIN_URL": "http://127.0.0.1:9", "SF_CLIENT_ID": "i", "SF_CLIENT_SECRET": "s3cr3t"}, "127.0.0.1"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "settings", "words"), OFFLINE, ids=[" ".join(a)[:40] for a, _, _ in OFFLINE])
def test_what_cannot_be_done_is_one_sentence(arguments: list[str], settings: Mapping[str, str], words: str) -> None:
    """Exit code 1 and one line that names what is missing or wrong."""
    assert words in refused(*arguments, **settings)


ONLINE = [
    (["failures", "retry"], "Name --object, --record or --reason"),
    (["failures", "ignore", "--record", "x"], "no failed edit of x"),
    (["conflicts", "show", "7"], "there is no conflict 7"),
    (["deletes", "refuse", "Account"], "Account is not mapped"),
    (["mapping", "pause", "Account"], "Account is not mapped"),
    (["mapping", "delete", "salesforce.account"], "is not mapped"),
    (["dead-letters", "show", "7"], "there is no dead letter 7"),
    (["dead-letters", "discard", "7", "8"], "there is no dead letter 7, 8"),
    (["dead-letters", "discard", "99999999999999999999"], "there is no dead letter"),
    (["dead-letters", "discard"], "Name ids, or --reason"),
    (["dead-letters", "discard", "7", "--reason", "x"], "Name ids, or --reason"),
    (["dead-letters", "replay", "--reason", "x"], "there is no dead letter to choose from"),
]


@pytest.mark.parametrize(("arguments", "words"), ONLINE, ids=[" ".join(a) for a, _ in ONLINE])
def test_what_is_not_there_is_one_sentence(
    arguments: list[str], words: str, database_environment: dict[str, str]
) -> None:
    assert words in refused(*arguments, GOOGLE_CLOUD_PROJECT="p", **database_environment)


def test_creating_a_mapping(database_environment: dict[str, str], standin: Standin) -> None:
    """Unknown objects and unanswered questions are refused; --dry-run does nothing; --yes does it, and once only."""
    login = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    env = database_environment | login

    assert "Nonsense__c" in refused("mapping", "create", "Nonsense__c", "--yes", **env)
    assert "Nope__c" in refused("mapping", "create", "Account", "--fields", "Name,Nope__c", "--yes", **env)
    assert "--yes" in refused("mapping", "create", "Account", **env)
    assert "Nothing was done." in isthmus("mapping", "create", "Account", "--dry-run", **env).stdout
    assert isthmus("mapping", "list", **env).stdout.startswith("none")
    done = isthmus("mapping", "create", "account", "--yes", **env)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("Account is mapped to salesforce.account.\n")
    assert "--table" in refused("mapping", "create", "Account", "--yes", **env)
    assert "Account" in isthmus("mapping", "list", **env).stdout
    assert 0 == isthmus("status", **env).returncode


def test_a_file_that_is_no_wsdl(database_environment: dict[str, str], tmp_path: Path) -> None:
    """Empty, torn, bytes of something else, XML of something else: each is refused for that."""
    for body in (b"", b"<definitions>", b"\x89PNG\r\n", b"<a/>", b'<?xml version="1.0" encoding="klingon"?><a/>'):
        (tmp_path / "a.wsdl").write_bytes(body)

        line = refused("outbound-message", "register", str(tmp_path / "a.wsdl"), **database_environment)

        assert "wsdl_unreadable" in line
        assert "Click for WSDL" in line
