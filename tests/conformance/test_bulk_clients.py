"""simple-salesforce's bulk2 client, unchanged, does what its users do with it."""

from pathlib import Path

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceOperationError

from tests.standin.bulk.driving import rows


@pytest.fixture
def accounts(salesforce):
    return salesforce.bulk2.Account


def ids(org):
    return [record["Id"] for record in org.query("SELECT Id FROM Account ORDER BY Id")]


def test_insert_update_upsert_and_both_deletes(org, accounts):
    """Each call reports its counts; what the org has afterwards is what was sent."""
    made = accounts.insert(
        records=[{"Name": "가", "External_Id__c": "1"}, {"Name": 'b, "c"', "External_Id__c": "2"}], wait=0
    )
    first, second = ids(org)
    updated = accounts.update(records=[{"Id": first, "Name": "line\none"}], wait=0)
    upserted = accounts.upsert(
        records=[{"External_Id__c": "2", "Name": "two"}, {"External_Id__c": "3", "Name": "three"}],
        external_id_field="External_Id__c",
        wait=0,
    )
    stored = [record["Name"] for record in org.query("SELECT Name FROM Account ORDER BY Id")]
    deleted = accounts.delete(records=[{"Id": first}], wait=0)
    purged = accounts.hard_delete(records=[{"Id": second}], wait=0)

    counts = [(each[0]["numberRecordsProcessed"], each[0]["numberRecordsFailed"]) for each in
              (made, updated, upserted, deleted, purged)]  # fmt: skip
    assert [(2, 0), (1, 0), (2, 0), (1, 0), (1, 0)] == counts
    assert ["line\none", "two", "three"] == stored
    assert 1 == len(ids(org))


def test_failed_records_are_fetched(accounts):
    """Counted, and with their reasons and their own values."""
    (result,) = accounts.insert(records=[{"Name": "a", "Phone": "1"}, {"Name": "", "Phone": "2"}], wait=0)

    failed = rows(accounts.get_failed_records(result["job_id"]))
    every = accounts.get_all_ingest_records(result["job_id"])

    assert (2, 1) == (result["numberRecordsTotal"], result["numberRecordsFailed"])
    assert [("2", "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --")] == [
        (record["Phone"], record["sf__Error"]) for record in failed
    ]
    assert [1, 1, 0] == [len(every[part]) for part in ("successfulRecords", "failedRecords", "unprocessedRecords")]


def test_a_failed_job_raises(accounts):
    """With the job's own message."""
    with pytest.raises(SalesforceOperationError, match="InvalidBatch : Field name not found : Nope"):
        accounts.insert(records=[{"Name": "a", "Nope": "1"}], wait=0)


def test_files_are_cut_and_loaded_by_several_workers(org, accounts, tmp_path):
    """One job for each part, all at once."""
    path = tmp_path / "accounts.csv"
    path.write_text("Name\n" + "".join(f"{n}\n" for n in range(1000)))

    jobs = accounts.insert(csv_file=str(path), batch_size=300, concurrency=4, wait=0)

    assert [300, 300, 300, 100] == sorted((job["numberRecordsProcessed"] for job in jobs), reverse=True)
    assert 1000 == len(ids(org))


def test_queries_page_by_page(org, accounts):
    """Every record once, with deleted ones where they are asked for."""
    accounts.insert(records=[{"Name": str(n)} for n in range(25)], wait=0)
    accounts.delete(records=[{"Id": ids(org)[0]}], wait=0)

    pages = list(accounts.query("SELECT Id, Name FROM Account ORDER BY Id", max_records=10, wait=0))
    every = list(accounts.query_all("SELECT Id, Name FROM Account ORDER BY Id", max_records=100, wait=0))

    assert [10, 10, 4] == [len(rows(page)) for page in pages]
    assert [str(n) for n in range(1, 25)] == [record["Name"] for page in pages for record in rows(page)]
    assert [25] == [len(rows(page)) for page in every]


def test_downloads_into_files(accounts, tmp_path):
    """One file for each page, under the names of the client."""
    accounts.insert(records=[{"Name": str(n)} for n in range(5)], wait=0)

    parts = accounts.download("SELECT Name FROM Account ORDER BY Id", str(tmp_path), max_records=3, wait=0)

    assert [3, 2] == [part["number_of_records"] for part in parts]
    found = [record["Name"] for part in parts for record in rows(Path(part["file"]).read_text())]
    assert [str(n) for n in range(5)] == found


def test_a_refused_query_raises(accounts):
    """What the Bulk API cannot ask is the client's MalformedRequest."""
    with pytest.raises(SalesforceMalformedRequest, match="OFFSET"):
        list(accounts.query("SELECT Id FROM Account LIMIT 1 OFFSET 1", wait=0))
