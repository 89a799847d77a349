"""aiosalesforce, unchanged, over TLS at an address of Salesforce's."""

import json

import pytest


@pytest.fixture(scope="module")
def got(org, run, proxy):
    return json.loads(run("python", "aio.py", "https://isthmus.my.salesforce.com", HTTPS_PROXY=proxy, NO_PROXY=""))


def test_records_queries_and_bulk_jobs_work(got):
    """Client credentials, records by id and by external id, a query, Bulk API 2.0."""
    assert got["created"].startswith("001")
    assert got["upserted"][1]
    assert ("하나", "02-1") == (got["read"]["Name"], got["read"]["Phone"])
    assert "둘" == got["by_key"]
    assert ["둘", "하나"] == [row["Name"] for row in got["queried"]]
    assert [1500, 0, "JobComplete"] == got["bulk"]


def test_refusals_are_understood(got):
    """Its own exceptions are raised, with Salesforce's codes."""
    assert "INVALID_FIELD" == got["refused"][1]
    assert ["NotFoundError", "ENTITY_IS_DELETED"] == got["gone"]
