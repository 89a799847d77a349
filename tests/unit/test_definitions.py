"""Outbound messages' definitions: what is said of one that selects too little."""

from dataclasses import replace

import pytest

from common.errors import IsthmusError
from common.flows.definitions import Definitions
from tests.fakes.factories import ACTION, WHOLE, a_change, a_mapping

OTHER = "04k000000000002AAA"
EVERY = frozenset({"Id", *WHOLE})


@pytest.mark.parametrize(
    ("listed", "fields", "reason", "named"),
    [
        ({}, {}, "message_unregistered", ACTION),
        ({OTHER: EVERY}, {}, "message_unregistered", ACTION),
        ({ACTION: EVERY - {"Name", "ParentId"}}, {}, "message_incomplete", "it lacks Name, ParentId"),
        ({"": EVERY - {"SystemModstamp"}}, {}, "message_incomplete", "it lacks SystemModstamp"),
        ({ACTION: EVERY}, {"Phone": "1"}, "message_outdated", "it has Phone"),
    ],
)
def test_what_is_told(listed, fields, reason, named):
    """The message, the fields by name, and what to do; no value of any field."""
    told: list[IsthmusError] = []

    Definitions(told.append).judge(a_mapping(listed=listed), a_change(origin=ACTION, fields=fields))

    (trouble,) = told
    assert (reason, True) == (trouble.reason, named in trouble.detail)
    assert "costs a read" in trouble.hint
    assert "Acme" not in str(trouble)


def test_it_is_told_once_for_each_definition():
    """And once more when the mappings have changed: what was mended may not be whole yet."""
    told: list[IsthmusError] = []
    definitions = Definitions(told.append)
    mapping = a_mapping()

    for known in (mapping, mapping, replace(mapping, configuration=2)):
        for origin in (ACTION, OTHER):
            definitions.judge(known, a_change(origin=origin, fields={}))

    assert 4 == len(told)


@pytest.mark.parametrize("origin", ["", "webhook", "com/salesforce/api/rest/66.0;client=x"])
def test_what_is_no_outbound_message_lacks_nothing(origin):
    """Events and webhooks select nothing."""
    told: list[IsthmusError] = []

    Definitions(told.append).judge(a_mapping(), a_change(origin=origin, fields={}))

    assert [] == told
