"""The Singer tap for Salesforce, unchanged, extracts every record: discovery, a full sync, then only what changed."""

import json

import pytest

CATALOG_STREAMS = {
    "Account": ("Name", "Phone", "AnnualRevenue", "IsDeleted", "SystemModstamp"),
    "Contact": ("LastName", "AccountId"),
}


@pytest.fixture(scope="module")
def tap(org, run, proxy, tmp_path_factory):
    """Runs the tap with some arguments; gives what it prints. Its hosts are written into it, so it goes by the proxy."""
    folder = tmp_path_factory.mktemp("tap")
    config = folder / "config.json"
    token = org.control("POST", "sessions", {"refresh": True})["refresh_token"]
    config.write_text(
        json.dumps(
            {
                "client_id": "isthmus",
                "client_secret": "isthmus",
                "refresh_token": token,
                "start_date": "2020-01-01T00:00:00Z",
                "api_type": "REST",
                "select_fields_by_default": "false",
            }
        )
    )

    def tap(*words: object) -> str:
        return run("tap-salesforce", "--config", config, *words, HTTPS_PROXY=proxy, NO_PROXY="")

    return tap


def test_the_tap_extracts_what_is_there_and_later_what_changed(org, tap, tmp_path):
    """Discovery names every object; a sync brings every record, deleted ones too; the next one starts at its bookmark."""
    ids = [org.create("Account", Name=f"계정 {n}", AnnualRevenue=n + 0.5) for n in range(2300)]
    org.create("Contact", LastName="Kim", AccountId=ids[0])
    org.rest("DELETE", f"sobjects/Account/{ids[1]}").raise_for_status()
    catalog, state = tmp_path / "catalog.json", tmp_path / "state.json"
    catalog.write_text(json.dumps(_selected(json.loads(tap("--discover")))))

    first = _messages(tap("--properties", catalog))
    state.write_text(json.dumps([m["value"] for m in first if m["type"] == "STATE"][-1]))
    org.control("POST", "clock", {"move_seconds": 60})
    org.rest("PATCH", f"sobjects/Account/{ids[5]}", {"Phone": "02-5"}).raise_for_status()
    second = _messages(tap("--properties", catalog, "--state", state))

    accounts = _records(first, "Account")
    assert set(ids) == set(accounts)
    assert ("계정 7", 7.5, False) == tuple(accounts[ids[7]][n] for n in ("Name", "AnnualRevenue", "IsDeleted"))
    assert accounts[ids[1]]["IsDeleted"]
    assert ids[0] == next(iter(_records(first, "Contact").values()))["AccountId"]
    assert "02-5" == _records(second, "Account")[ids[5]]["Phone"]
    assert len(_records(second, "Account")) < len(ids)


def _selected(catalog):
    """The catalog with some fields of two objects selected, as a user edits it."""
    for stream in catalog["streams"]:
        wanted = CATALOG_STREAMS.get(stream["tap_stream_id"], ())
        for about in stream["metadata"]:
            path = about["breadcrumb"]
            about["metadata"]["selected"] = bool(wanted) if not path else path[-1] in wanted
            if not path:
                about["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": "SystemModstamp"}
    return catalog


def _messages(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _records(messages, stream):
    return {m["record"]["Id"]: m["record"] for m in messages if m["type"] == "RECORD" and m["stream"] == stream}
