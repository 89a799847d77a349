"""The console's door and its people, as tests/console has them."""

from tests.console.conftest import broker, console, database, operator, sign_in, standin, url

__all__ = ["broker", "console", "database", "operator", "sign_in", "standin", "url"]
