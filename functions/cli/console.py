"""Command on the console of this machine: a link that signs in."""

import argparse
from typing import Any

from common import clock, config
from common.console.tokens import Signer
from common.errors import Misconfigured
from functions.cli import people

Groups = Any  #: argparse keeps the type of subparsers to itself


def add_to(groups: Groups) -> None:
    commands = groups.add_parser("console", help="the page on this machine").add_subparsers(
        metavar="ACTION", required=True
    )
    link = commands.add_parser("link", help="print a link that signs in once, within a day")
    link.add_argument("--viewer", action="store_true", help="whoever uses it may look, not change")
    link.set_defaults(run=_link)


def _link(chosen: argparse.Namespace, env: config.Environment) -> None:
    secret = config.sign_in(env).secret
    if not secret:
        raise Misconfigured(
            "setting_missing", "CONSOLE_SECRET is not set", "Source the stack's env file; in the cloud Google signs in."
        )
    token = Signer(secret).link(people.who(env), "viewer" if chosen.viewer else "operator", clock.now())
    print(f"{env.get('CONSOLE_URL', '')}/#token={token}")
