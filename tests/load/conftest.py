"""Fixtures of the load tests: a stand-in of this test's own, and the accounts mapped."""

from collections.abc import Iterator

import pytest

from tests.standin.driving import Standin


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running
