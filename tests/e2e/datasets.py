"""The public sample datasets, as records with their types, ready to be put into the stand-in."""

import csv
import json
import re
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}\.\d{3}Z\Z")


@dataclass
class Objects:
    """Every object with its records; lookups are written `@reference` until they are resolved."""

    records: dict[str, list[Json]] = field(default_factory=dict)
    order: list[tuple[str, Json]] = field(default_factory=list)  #: every record, its parents before it
    owners: dict[str, str] = field(default_factory=dict)  #: reference -> object

    def add(self, sobject: str, reference: str, values: Json) -> None:
        kept = {name: value for name, value in values.items() if value not in ("", None)}
        self.owners[reference] = sobject
        if "External_Id__c" in kept:  # not unique in its set; ours is
            kept["Source_Id__c"] = kept.pop("External_Id__c")
        record = {"@": reference, **kept}
        self.records.setdefault(sobject, []).append(record)
        self.order.append((sobject, record))

    def fields(self, sobject: str) -> list[Json]:
        """The object's fields in the stand-in's compact form, guessed from all its values."""
        seen: dict[str, list[Any]] = {}
        for record in self.records[sobject]:
            for name, value in record.items():
                if name != "@":
                    seen.setdefault(name, []).append(value)
        return [self._field(name, values) for name, values in seen.items()]

    def _field(self, name: str, values: list[Any]) -> Json:
        if all(str(v).startswith("@") for v in values):
            targets = {self.owners[v[1:]] for v in values if v[1:] in self.owners}
            return {"name": name, "type": "reference", "referenceTo": sorted(targets)}
        return _plain(name, values)


def read(folder: Path) -> Objects:
    """All datasets in load order: a record's parents come before it."""
    found = Objects()
    for name in ("dreamhouse-lwc", "ebikes-lwc", "coral-cloud"):
        _read_plan(folder / name, found)
    _read_cumulusci(folder / "npsp", found)
    _read_csv(folder / "jsforce" / "Account_bulk2_test.csv", ",", found)
    _read_csv(folder / "jsforce" / "Account_bulk2_test_backquote.csv", "`", found)
    return found


_ACCOUNT = [
    "Name",
    "Type",
    "BillingStreet",
    "BillingCity",
    "BillingState",
    "BillingPostalCode",
    "BillingCountry",
    "ShippingStreet",
    "ShippingCity",
    "ShippingState",
    "ShippingPostalCode",
    "ShippingCountry",
    "Phone",
    "Fax",
    "AccountNumber",
    "Website",
    "Sic",
    "Industry",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Ownership",
    "TickerSymbol",
    "Description",
    "Rating",
]


def _read_csv(file: Path, delimiter: str, found: Objects) -> None:
    """Accounts as the Bulk API takes them: upper-case API names, numbers as a spreadsheet writes them."""
    names = {name.upper(): name for name in _ACCOUNT}
    with file.open(encoding="utf-8", newline="") as text:
        for n, row in enumerate(csv.DictReader(text, delimiter=delimiter)):
            values: Json = {names[key]: value for key, value in row.items() if key in names}
            for name in ("AnnualRevenue", "NumberOfEmployees"):
                values[name] = int(float(values[name])) if values.get(name) else None
            found.add("Account", f"{file.stem}/{n}", values)


def _read_plan(folder: Path, found: Objects) -> None:
    (plan,) = folder.glob("*data-plan.json")
    for step in json.loads(plan.read_text()):
        for file in step["files"]:
            for record in json.loads((folder / file).read_text())["records"]:
                about = record.pop("attributes")
                values = {k: f"@{folder.name}/{v[1:]}" if str(v).startswith("@") else v for k, v in record.items()}
                found.add(about["type"], f"{folder.name}/{about['referenceId']}", values)


def _read_cumulusci(folder: Path, found: Objects) -> None:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.executescript((folder / "dev_org_test_data.sql").read_text())
    for step in yaml.safe_load((folder / "dev_org_mapping.yml").read_text()).values():
        for row in database.execute(f'SELECT * FROM "{step["table"]}"'):
            by_name = {key.lower(): value for key, value in dict(row).items()}
            values = {api: _typed(by_name.get(column.lower())) for api, column in step["fields"].items()}
            values.pop("RecordTypeId", None)
            for api, lookup in step.get("lookups", {}).items():
                key = by_name.get(str(lookup.get("key_field", api)).lower())
                values[api] = f"@npsp/{lookup['table']}/{key}" if key not in ("", None) else None
            found.add(step["sf_object"], f"npsp/{step['table']}/{row['id']}", values)
    database.close()


def _typed(value: Any) -> Any:
    """CumulusCI keeps everything as text."""
    if value in ("true", "false"):
        return value == "true"
    return value


def _plain(name: str, values: list[Any]) -> Json:
    about: Json = {"name": name}
    if all(isinstance(v, bool) for v in values):
        return about | {"type": "boolean"}
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return about | {"type": "double", "precision": 18, "scale": 6}
    texts = [str(v) for v in values]
    if all(_DATE.match(t) for t in texts):
        return about | {"type": "date"}
    if all(_TIME.match(t) for t in texts):
        return about | {"type": "time"}
    if all(_NUMBER.match(t) for t in texts) and "Amount" in name:
        return about | {"type": "currency", "precision": 18, "scale": 2}
    longest = max(map(len, texts))
    return about | ({"type": "string", "length": 255} if longest < 200 else {"type": "textarea", "length": 32000})
