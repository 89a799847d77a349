"""Recorded HTTP traffic of CumulusCI's, told to the stand-in: ids, versions and moments put into our terms."""

import csv
import json
import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import urlsplit

import yaml

from tests.conformance.shapes import deviations
from tests.standin.driving import VERSION

DESCRIBES = {
    "GET_sobjects_Global_describe.yaml": ("sobjects", "global_sobjects.json"),
    "GET_sobjects_Account_describe.yaml": ("sobjects/Account/describe", "Account.describe.json"),
    "GET_sobjects_Contact_describe.yaml": ("sobjects/Contact/describe", "Contact.describe.json"),
    "GET_sobjects_Opportunity_describe.yaml": ("sobjects/Opportunity/describe", "Opportunity.describe.json"),
}
ID = re.compile(r"\b[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\b")


@dataclass
class Replay:
    """One cassette against one org. `found` collects the deviations, each with the call it is about."""

    org: object
    describes: object
    ids: dict
    found: set
    names: set = field(default_factory=set)
    calls: int = 0

    def play(self, path):
        """Tell the whole cassette; calls of the Bulk API 1.0 are done over sObject Collections."""
        job = None
        for one in yaml.safe_load(path.read_text())["interactions"]:
            if "include_file" in one:
                self._describe(one["include_file"])
            elif "/services/async/" in one["request"]["uri"]:
                job = self._bulk(one["request"], one["response"]["body"]["string"], job)
            else:
                self._call(one["request"], one["response"])

    def _describe(self, name):
        path, file = DESCRIBES[name]
        self._compare(f"GET {path}", (200, json.loads((self.describes / file).read_text())), self.org.rest("GET", path))

    def _call(self, request, response):
        url = urlsplit(request["uri"])
        path = url.path.replace("vxx.0", VERSION) + (f"?{url.query}" if url.query else "")
        answer = self.org.http.request(request["method"], self.org.url + path, json=self._ours(request["body"]))
        name = f"{request['method']} {url.path.partition('.0/')[2].strip('/')}"
        content_type = response["headers"].get("Response-Headers", response["headers"])
        if isinstance(content_type, dict):
            self._note(name, content_type["Content-Type"] != [answer.headers["Content-Type"]], "Content-Type")
        recorded = json.loads(response["body"]["string"])
        self._compare(name, (response["status"]["code"], recorded), answer)
        self._learn(recorded, answer.json())

    def _ours(self, text):
        """A recorded body with our ids, and with a moment from after our objects were made."""
        if text is None:
            return None
        text = ID.sub(lambda match: self.ids.get(match[0], match[0]), text.replace("vxx.0", VERSION))
        soon = formatdate(time.time() + 86_400, usegmt=True)
        return json.loads(re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", soon, text))

    def _learn(self, recorded, ours):
        """Which of our ids stands for which recorded one: from answers that agree in their order."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self._learn(recorded[key], ours[key])
            for key in {"id", "Id"} & recorded.keys() & ours.keys():
                self.ids.setdefault(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self._learn(one, other)

    def _compare(self, name, recorded, answer):
        self.calls += 1
        self.names.add(name)
        status, body = recorded
        self._note(name, status != answer.status_code, f"status {status} recorded, {answer.status_code} here")
        self.found |= {(name, line) for line in deviations(body, answer.json())}

    def _note(self, name, deviates, line):
        if deviates:
            self.found.add((name, line))

    def _bulk(self, request, answered, job):
        """The job that is open; its batches are written at once, their results tell the recorded ids."""
        body = str(request["body"])
        if "<operation>" in body:
            job = {key: text for key, text in re.findall(r"<(\w+)>([^<]*)</\w+>", body)}
        elif request["uri"].endswith("/batch") and request["method"] == "POST":
            job = {**job, "ids": self._write(job, list(csv.DictReader(_unchunked(body).splitlines())))}
        elif request["uri"].endswith("/result"):
            recorded = [row["Id"] for row in csv.DictReader(line for line in answered.splitlines() if line)]
            self.ids |= dict(zip(recorded, job["ids"], strict=True))
        return job

    def _write(self, job, rows):
        records = [
            {"attributes": {"type": job["object"]}, **{name: self.ids.get(v, v) or None for name, v in row.items()}}
            for row in rows
        ]
        path = (
            f"composite/sobjects/{job['object']}/{job['externalIdFieldName']}" if job["operation"] == "upsert" else ""
        )
        answer = self.org.rest("PATCH" if path else "POST", path or "composite/sobjects", {"records": records})
        assert all(result["success"] for result in answer.json()), answer.text
        return [result["id"] for result in answer.json()]


def _unchunked(body):
    """A body that was recorded with its chunks' lengths between the lines."""
    return re.sub(r"(?:\A|\r?\n\r?\n)[0-9a-f]+\r?\n", "\n", body).strip()
