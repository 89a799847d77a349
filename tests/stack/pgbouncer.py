"""Debian's PgBouncer in transaction mode in front of a Postgres on this machine. Runs as root too, under a lesser user."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.postgres import free_port
from tests.stack.process import Child

POOL = 4  #: server connections for each database and role
CLIENTS = 200
FOLDERS = "/usr/sbin:/usr/local/sbin"  #: where packages put it; not on everybody's PATH

_CONFIG = """\
[databases]
* = host=127.0.0.1 port={target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {roles}
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = {clients}
log_connections = 0
log_disconnections = 0
"""


def find() -> str | None:
    """The program's path, where it is installed."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), FOLDERS)))


@contextmanager
def running(folder: Path, target_port: int, *, pool: int = POOL, port: int = 0) -> Iterator[int]:
    """A pooler for as long as the block lasts; its port.

    Args:
        folder: For its files; other users must be able to enter it.
        target_port: Where Postgres listens on loopback, trusting everybody.
        port: Where to listen; 0 takes a free one.

    Raises:
        RuntimeError: it is not installed, or did not start.
    """
    program = find()
    if program is None:
        raise RuntimeError("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    port = port or free_port()
    config, roles = folder / "pgbouncer.ini", folder / "pgbouncer.txt"
    roles.write_text('"postgres" ""\n')
    config.write_text(_CONFIG.format(target=target_port, port=port, roles=roles, pool=pool, clients=CLIENTS))
    child = Child("pgbouncer", [*_lesser_user(), program, config], dict(os.environ), folder / "pgbouncer.log")
    child.start()
    try:
        child.wait_for_port(port)
        yield port
    finally:
        child.stop()


def _lesser_user() -> list[str]:
    """PgBouncer refuses to run as root; it needs no right but to read its own two files."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RuntimeError("pgbouncer refuses to run as root, and setpriv (util-linux) is not here to change the user")
    return [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


def why_not() -> str:
    """Why it cannot be started here; empty where it can."""
    return "" if find() else "pgbouncer is not installed (Debian: apt-get install pgbouncer)"
