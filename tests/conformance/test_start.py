"""Starting the stand-in: what cannot work is told in one sentence."""

import signal
import socket
import subprocess
import sys

import pytest

from tests.standin.driving import ROOT, Standin

DAMAGED = "damaged.json"
TAKEN = "taken"


@pytest.fixture(scope="module")
def taken():
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(*arguments):
    command = [sys.executable, "-m", "tests.standin", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", TAKEN], "Address already in use"),
        (["--port", "70000"], "is not a port"),
        (["--port", "0", "--host", "no.such.host.invalid"], "port 0: "),
        (["--port", "0", "--https-port", TAKEN, "--tls", "."], "https port"),
        (["--port", "0", "--grpc-port", TAKEN], "cannot be listened on"),
        (["--port", "0", "--data", DAMAGED], "folder"),
        (["--port", "0", "--tls", DAMAGED], "certificates"),
        (["--port", "0", "--tls-cert", DAMAGED, "--tls-key", DAMAGED], "certificates"),
        (["--port", "0", "--objects", "missing.json"], "missing.json"),
        (["--port", "0", "--objects", DAMAGED], "describes no object"),
    ],
)
def test_what_cannot_work_is_told_in_one_sentence(tmp_path, taken, arguments, told):
    """Taken ports, files that are missing or no such thing: a name, a reason, no traceback, and an end."""
    (tmp_path / DAMAGED).write_text("[5")
    names = {TAKEN: str(taken), ".": tmp_path, DAMAGED: tmp_path / DAMAGED}

    ended = refused(*(names.get(word, word) for word in arguments))

    assert 0 != ended.returncode
    assert "Traceback" not in ended.stderr
    assert told in ended.stderr.splitlines()[-1]
    assert "" == ended.stdout


def test_a_folder_has_one_stand_in(tmp_path):
    """Two would write over each other; when the first is killed, its folder is free at once."""
    first = Standin("--data", tmp_path)
    second = refused("--port", 0, "--data", tmp_path)
    first.stop(signal.SIGKILL)

    with Standin("--data", tmp_path) as third:
        assert "another stand-in writes its journal" in second.stderr
        assert "Traceback" not in second.stderr
        assert third.url
