"""`make psql`: the embedded Postgres' own psql, on the stack that runs. SQL="..." runs one statement."""

import os

from tests.stack import ports
from tests.stack.postgres import binaries


def main() -> None:
    """Become psql."""
    url = f"postgresql://postgres@127.0.0.1:{ports.POSTGRES + ports.offset()}/postgres"
    command = ["psql", url, *(["-c", os.environ["SQL"]] if os.environ.get("SQL") else [])]
    os.execv(binaries() / "psql", command)


if __name__ == "__main__":
    main()
