"""Salesforce's own command line, unchanged, works on the stand-in."""

import json

import pytest

from tests.e2e import datasets

DATASET = "dreamhouse-lwc"


@pytest.fixture(scope="module")
def sf(org, run, tmp_path_factory):
    """Runs `sf ...` with a home of its own, signed in by an access token; gives its JSON result."""
    token = org.sign_in()
    home = str(tmp_path_factory.mktemp("home"))
    settings = {
        "HOME": home,
        "SF_ORG_INSTANCE_URL": org.secure_url,
        "SF_TARGET_ORG": token,
        "SF_DISABLE_TELEMETRY": "true",
        "SF_AUTOUPDATE_DISABLE": "true",
        "SF_SKIP_NEW_VERSION_CHECK": "true",
        "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
    }

    def sf(*words: object) -> dict:
        return json.loads(run("sf", *words, "--json", **settings))["result"]

    return sf


def test_records_are_made_changed_read_and_removed(sf, org):
    """One record's life from the command line."""
    made = sf("data", "create", "record", "--sobject", "Account", "--values", "Name='하나 둘' Phone=02-1")
    sf("data", "update", "record", "--sobject", "Account", "--record-id", made["id"], "--values", "Phone=02-2")
    read = sf("data", "get", "record", "--sobject", "Account", "--where", "Name='하나 둘'")
    found = sf("data", "query", "--query", "SELECT Id, Name, Owner.Name FROM Account WHERE Phone = '02-2'")
    sf("data", "delete", "record", "--sobject", "Account", "--record-id", made["id"])
    left = sf("data", "query", "--query", "SELECT COUNT() FROM Account")

    assert ("하나 둘", "02-2") == (read["Name"], read["Phone"])
    assert [made["id"]] == [one["Id"] for one in found["records"]]
    assert 0 == left["totalSize"]


def test_many_records_go_by_bulk_and_come_back(sf, org, tmp_path):
    """`data upsert bulk` and `data export bulk`."""
    rows = ["External_Id__c,LastName,Email"] + [f'b-{n},"name, {n}",n{n}@example.com' for n in range(2500)]
    given, taken = tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_text("\n".join(rows) + "\n")

    loaded = sf("data", "upsert", "bulk", "--sobject", "Contact", "--file", given, "--external-id", "External_Id__c",
                "--wait", "3", "--line-ending", "LF")  # fmt: skip
    sf("data", "export", "bulk", "--query", "SELECT External_Id__c, LastName FROM Contact", "--output-file", taken,
       "--result-format", "csv", "--wait", "3")  # fmt: skip

    assert (2500, 0) == (loaded["jobInfo"]["numberRecordsProcessed"], loaded["jobInfo"]["numberRecordsFailed"])
    assert 2501 == len(taken.read_text().splitlines())
    assert "name, 7" in taken.read_text()


def test_a_tree_of_records_is_imported(sf, org, samples):
    """A public data set with its plan, as its authors import it."""
    org.control("POST", "reset", {"objects": True})
    known = datasets.read(samples / "datasets")
    objects = ("Broker__c", "Property__c")
    for name in objects:
        org.control("POST", "objects", {"name": name, "fields": known.fields(name)})

    imported = sf("data", "import", "tree", "--plan", samples / "datasets" / DATASET / "sample-data-plan.json")

    counts = [org.query(f"SELECT COUNT(Id) n FROM {name}")[0]["n"] for name in (*objects, "Contact")]
    homed = org.query("SELECT COUNT(Id) n FROM Property__c WHERE Broker__c != null")[0]["n"]
    assert [_in_dataset(known, name) for name in (*objects, "Contact")] == counts
    assert sum(counts) == len(imported)
    assert counts[1] == homed


def _in_dataset(known, name):
    return sum(1 for record in known.records[name] if record["@"].startswith(f"{DATASET}/"))
