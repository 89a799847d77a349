"""The query client against the stand-in: whole answers, page by page; what breaks off or is refused."""

from collections.abc import Iterator

import pytest
import requests

from common import config
from common.errors import Misconfigured, Transient
from common.ports import BulkEnd
from common.salesforce.bulk_query import BulkQueryApi
from common.salesforce.session import Session
from tests.standin.bulk.driving import load, wait
from tests.standin.driving import Standin

NAMES = ['plain "quoted", and comma', "two\nlines", "two\r\nlines", "가Ω", ""]


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def org(standin: Standin) -> Standin:
    standin.control("POST", "reset")
    standin.sign_in()
    return standin


@pytest.fixture
def session(org: Standin) -> Iterator[Session]:
    env = {"SF_LOGIN_URL": org.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    with Session(config.salesforce(env)) as session:
        yield session


@pytest.fixture
def api(session: Session) -> BulkQueryApi:
    return BulkQueryApi(session)


def asked(org: Standin, api: BulkQueryApi, soql: str, *, deleted: bool = False) -> str:
    """A job that is complete."""
    job_id = api.create(soql, deleted=deleted)
    wait(org, job_id, "query")
    return job_id


def test_every_row_comes_once_and_unharmed(org: Standin, api: BulkQueryApi) -> None:
    """Over pages that Salesforce chooses; quotes, line ends and foreign letters in cells are no trap."""
    lines = "".join('"{}","{}"\n'.format(n, name.replace('"', '""')) for n, name in enumerate(NAMES * 3, 1))
    load(org, "Name,Description\n" + lines)
    org.control("POST", "settings", {"bulkQueryPageRecords": 4})

    job_id = asked(org, api, "SELECT Name, Description FROM Account ORDER BY Id")

    assert [[str(n), name] for n, name in enumerate(NAMES * 3, 1)] == list(api.rows(job_id))
    assert (BulkEnd.COMPLETE, 15) == (api.watch(job_id).end, api.watch(job_id).records)


def test_a_page_is_the_bytes_that_salesforce_sent(org: Standin, api: BulkQueryApi) -> None:
    """Its titles aside; a locator gives the rest, and the same again."""
    load(org, "Name\nA\nB\nC\n")
    job_id = asked(org, api, "SELECT Name FROM Account ORDER BY Id")

    with api.page(job_id, most=2) as first:
        told = b"".join(first.chunks)
    twice = []
    for _ in range(2):
        with api.page(job_id, first.following) as last:
            twice.append((b"".join(last.chunks), last.records, last.following))

    assert (["Name"], b'"A"\n"B"\n', 2) == (first.titles, told, first.records)
    assert [(b'"C"\n', 1, "")] * 2 == twice


def test_deleted_records_come_where_they_are_asked_for(org: Standin, api: BulkQueryApi) -> None:
    """queryAll brings them, query does not."""
    gone, _ = org.create("Account", Name="gone"), org.create("Account", Name="there")
    org.rest("DELETE", f"sobjects/Account/{gone}")

    alive = asked(org, api, "SELECT Name, IsDeleted FROM Account")
    every = asked(org, api, "SELECT Name, IsDeleted FROM Account", deleted=True)

    assert [["there", "false"]] == list(api.rows(alive))
    assert [["gone", "true"], ["there", "false"]] == sorted(api.rows(every))


def test_what_salesforce_refuses_is_a_persons_to_mend(api: BulkQueryApi) -> None:
    """A field that is not there; a job that is gone."""
    with pytest.raises(Misconfigured, match="Nowhere__c"):
        api.create("SELECT Nowhere__c FROM Account")
    assert BulkEnd.FAILED is api.watch("750000000000000AAA").end
    with pytest.raises(Misconfigured, match="query_refused"), api.page("750000000000000AAA"):
        pass


def test_an_answer_that_breaks_off_is_asked_for_again(
    org: Standin, api: BulkQueryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a page's bytes is no page."""
    load(org, "Name\nA\n")
    job_id = asked(org, api, "SELECT Name FROM Account")

    def half(response: requests.Response, size: int) -> Iterator[bytes]:
        yield response.raw.read(5)
        raise requests.exceptions.ChunkedEncodingError("the peer closed the connection")

    monkeypatch.setattr(requests.Response, "iter_content", half)

    with pytest.raises(Transient, match="broke off"):
        list(api.rows(job_id))


def test_a_job_that_nobody_needs_is_given_up(org: Standin, api: BulkQueryApi) -> None:
    """Under way or complete; twice is no harm."""
    job_id = asked(org, api, "SELECT Name FROM Account")

    api.abandon(job_id)
    api.abandon(job_id)

    assert "gone" in api.watch(job_id).error
