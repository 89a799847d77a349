"""Whoever sits at the shell: who they are, and whether they are sure."""

import argparse
import getpass
import sys
from typing import Any

from common import clock, config
from common.desk import Decision
from common.errors import Misconfigured


def decision(chosen: argparse.Namespace, env: config.Environment) -> Decision:
    """Who decides, why, and when."""
    return Decision(who(env), chosen.why or "", clock.now())


def who(env: config.Environment) -> str:
    """The name that is kept with a decision: ISTHMUS_USER where several people share a login."""
    if env.get("ISTHMUS_USER"):
        return env["ISTHMUS_USER"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def sure(question: str, chosen: argparse.Namespace) -> bool:
    """Ask, unless --yes.

    Raises:
        Misconfigured: nobody can be asked here.
    """
    if chosen.yes:
        return True
    if not sys.stdin.isatty():
        raise Misconfigured("not_confirmed", f"{question} Nobody can be asked here", "Add --yes.")
    if input(f"{question} [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print("Nothing was done.")
    return False


def may_decide(command: Any) -> None:
    """The options of a command that decides something."""
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument("--why", help="kept with the decision")
