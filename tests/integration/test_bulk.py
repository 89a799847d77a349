"""A backlog through the Bulk API: end to end against the stand-in, killed at every point, settled record by record."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.flows import bulk
from common.postgres.bulk_jobs import STEP_SECONDS, BulkJobs
from common.postgres.connect import Database
from common.salesforce import sheet
from common.salesforce.bulk import BulkApi
from common.work import Work
from tests.integration.accounts import TABLE, log, rows, run
from tests.integration.families import map_family
from tests.integration.road import Road, born
from tests.standin.bulk.driving import wait
from tests.standin.driving import Standin

FROM = 300


class Killed(BaseException):
    """The process is gone."""


class Frail:
    """A Bulk API whose process dies before or after a call; later ones are fine."""

    def __init__(self, api: BulkApi, method: str, when: str, nth: int = 1) -> None:
        self._api = api
        self._method = method
        self._when = when
        self._left = nth

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._api, name)
        return self._dying(found) if name == self._method else found

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def die(*args: Any) -> Any:
            self._left -= 1
            if not self._left and self._when == "before":
                raise Killed
            answer = call(*args)
            if not self._left:
                raise Killed
            return answer

        return die


class Crowd:
    """Drainers and senders of bulk jobs, on a Road."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.jobs = BulkJobs(road.database, road.log, road.hand)
        self.asked: list[Work] = []
        self.api = BulkApi(road.session)
        self.world = bulk.World(road.world, self.jobs, self.api)

    def publish(self, *pieces: Work) -> None:
        self.asked += pieces

    def gather(self) -> int:
        return bulk.Gatherer(self.road.book, self.jobs, self, FROM).run()

    def step(self, api: Any = None) -> list[str]:
        """Do what was asked for, each piece twice: messages come again."""
        asked, self.asked = self.asked, []
        world = self.world if api is None else bulk.World(self.road.world, self.jobs, api)
        return [bulk.step(piece.body["job"], world) for piece in asked for _ in range(2)]

    def wait(self) -> None:
        """Until Salesforce has ended every job that was closed."""
        for row in rows(self.road.database, "SELECT sf_jobs FROM isthmus.bulk_job"):
            for held in row["sf_jobs"]:
                if self.api.end(held["id"])[0].value != "open":
                    wait(self.road.standin, held["id"])

    def finish(self) -> None:
        """Go on until no job is under way; ten minutes pass between the drainer's runs."""
        for _ in range(10):
            self.gather()
            self.step()
            if not self.states() & {"gathering", "sealed", "uploaded", "running"}:
                return
            self.wait()
            self.road.move(STEP_SECONDS + 1)
        raise TimeoutError(f"jobs are still {self.states()}")

    def states(self) -> set[str]:
        return {r["state"] for r in rows(self.road.database, "SELECT state::text AS state FROM isthmus.bulk_job")}


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.fixture
def crowd(database: Database, standin: Standin) -> Iterator[Crowd]:
    standin.control("POST", "reset")
    standin.sign_in()
    road = Road(database, standin)
    yield Crowd(road)
    road.close()


def settle_some(crowd: Crowd, count: int) -> None:
    """Rows that Salesforce has."""
    born(crowd.road.database, count)
    crowd.road.send_all()


def test_a_backlog_of_every_kind_arrives(crowd: Crowd) -> None:
    """Births, edits, emptied fields and deletions: one job of each kind, both sides equal, ids written back."""
    settle_some(crowd, 400)
    database = crowd.road.database
    run(
        database,
        f"UPDATE {TABLE} SET phone = 'p', name = '회사, \"' || id || '\"' || chr(10) || 'x', number_of_employees = NULL",
    )
    run(database, f"DELETE FROM {TABLE} WHERE id IN ('r-1', 'r-2')")
    run(database, f"INSERT INTO {TABLE} (id, name, site) SELECT 'b-' || n, 'b', '' FROM generate_series(1, 50) n")
    crowd.road.forget_calls()

    crowd.finish()

    assert {"done"} == crowd.states()
    there = crowd.road.there()
    assert {k: (*v[:2], v[2] or None, v[3]) for k, v in crowd.road.here().items()} == there
    assert 448 == len(there)
    assert [] == rows(database, f"SELECT FROM {TABLE} WHERE sfid IS NULL")
    assert 0 == crowd.road.waiting()
    (job,) = rows(database, "SELECT sf_jobs FROM isthmus.bulk_job")
    assert ["delete", "update", "upsert"] == [j["kind"] for j in job["sf_jobs"]]


def test_children_go_by_their_parents_ids(database: Database, standin: Standin) -> None:
    """A relationship column names parents that Salesforce has: births and moves need no call of their own."""
    standin.control("POST", "reset")
    standin.sign_in()
    map_family(database)
    road = Road(database, standin, mapped=False)
    crowd = Crowd(road)
    run(database, "INSERT INTO salesforce.account (id, name) VALUES ('a', 'a'), ('b', 'b')")
    road.send_all()
    run(
        database,
        "INSERT INTO salesforce.contact (id, last_name, account__external_id) "
        f"SELECT 'c-' || n, 'c', 'a' FROM generate_series(1, {FROM + 5}) AS n",
    )
    seen = []

    for _ in range(2):
        crowd.finish()
        found = standin.query_all("SELECT Account.Name, External_Id__c FROM Contact")
        seen.append((len(found), {r["Account"]["Name"] for r in found}))
        run(database, "UPDATE salesforce.contact SET account__external_id = 'b' WHERE account__external_id = 'a'")
    road.close()

    assert [(FROM + 5, {"a"}), (FROM + 5, {"b"})] == seen
    kinds = [
        [j["kind"] for j in r["sf_jobs"]] for r in rows(database, "SELECT sf_jobs FROM isthmus.bulk_job ORDER BY id")
    ]
    assert [["upsert"], ["update"]] == kinds


def test_fewer_go_by_rest(crowd: Crowd) -> None:
    born(crowd.road.database, FROM - 1)

    assert 0 == crowd.gather()
    assert set() == crowd.states()


def test_rows_are_settled_one_by_one(crowd: Crowd) -> None:
    """A refused one fails with Salesforce's words, a locked one waits, the others are done; later edits take both up."""
    road = crowd.road
    settle_some(crowd, 400)
    refusal = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No, never", "fields": ["Phone"]}
    road.fault(record_error=refusal, where={"field": "Phone", "matches": "^bad$"}, times=1)
    lock = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}
    road.fault(record_error=lock, where={"field": "Phone", "matches": "^locked$"}, times=1)
    run(
        road.database, f"UPDATE {TABLE} SET phone = CASE id WHEN 'r-1' THEN 'bad' WHEN 'r-2' THEN 'locked' ELSE 'p' END"
    )

    crowd.finish()
    before = {(e["record_id"], e["state"]) for e in log(road.database) if e["state"] in ("failed", "retry")}
    errors = {e["record_id"]: e["last_error"] for e in log(road.database) if e["state"] in ("failed", "retry")}
    run(road.database, f"UPDATE {TABLE} SET phone = 'good' WHERE id = 'r-1'")
    road.move(60)
    road.send_all()

    assert {("r-1", "failed"), ("r-2", "retry")} == before
    assert "field_custom_validation_exception: No, never" == errors["r-1"]
    assert road.here() == road.there()


def test_a_text_that_means_null_to_bulk_goes_by_rest(crowd: Crowd) -> None:
    """`#N/A` is a text like any other."""
    settle_some(crowd, 400)
    run(crowd.road.database, f"UPDATE {TABLE} SET phone = CASE id WHEN 'r-7' THEN '#N/A' END, site = 's'")

    crowd.finish()

    assert "#N/A" == crowd.road.there()["r-7"][1]
    assert crowd.road.here() == crowd.road.there()


def test_a_backlog_beyond_one_upload_is_several_jobs(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Salesforce takes so many bytes in one upload."""
    monkeypatch.setattr(sheet, "MAX_BYTES", 2_000)
    born(crowd.road.database, 400)

    crowd.finish()

    (job,) = rows(crowd.road.database, "SELECT jsonb_array_length(sf_jobs) AS n FROM isthmus.bulk_job")
    assert job["n"] > 2
    assert crowd.road.here() == crowd.road.there()


def test_children_go_with_their_parents_keys(database: Database, standin: Standin) -> None:
    """Accounts and contacts born together: each contact ends at its account, whichever job was first."""
    standin.control("POST", "reset")
    standin.sign_in()
    map_family(database)
    crowd = Crowd(Road(database, standin, mapped=False))
    run(database, "INSERT INTO salesforce.account (id, name) SELECT 'A' || n, 'a' FROM generate_series(1, 400) n")
    run(database, "INSERT INTO salesforce.contact (id, last_name, account__external_id) "
                  "SELECT 'C' || n, 'c', 'A' || n FROM generate_series(1, 400) n")  # fmt: skip

    crowd.finish()
    crowd.road.send_all()
    crowd.road.close()

    found = standin.query_all("SELECT External_Id__c, Account.External_Id__c FROM Contact")
    assert {f"C{n}": f"A{n}" for n in range(1, 401)} == {
        c["External_Id__c"]: (c["Account"] or {}).get("External_Id__c") for c in found
    }


KILLS = [
    ("create", "before"), ("create", "after"), ("upload", "before"), ("upload", "after"), ("close", "before"),
    ("close", "after"), ("end", "after"), ("results", "after"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "when"), KILLS)
def test_a_job_survives_a_kill_at_every_point(crowd: Crowd, method: str, when: str) -> None:
    """Whoever takes the next step goes on; an edit made meanwhile stands at the end; no record is there twice."""
    road = crowd.road
    born(road.database, 400)
    crowd.gather()
    api = Frail(crowd.api, method, when)

    with pytest.raises(Killed):
        for _ in range(3):
            crowd.step(api)
            crowd.wait()
            road.move(STEP_SECONDS + 1)
            crowd.gather()
    run(road.database, f"UPDATE {TABLE} SET name = 'newer' WHERE id < 'r-2'")
    road.send()
    road.move(STEP_SECONDS + 1)
    crowd.finish()
    road.send_all()

    assert 400 == len(road.there())
    assert road.here() == road.there()
    assert {"done"} == crowd.states()


def test_a_kill_in_the_middle_of_settling_settles_the_rest_later(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was settled has left the job; the results are read again for the others."""
    road = crowd.road
    born(road.database, 400)
    monkeypatch.setattr(bulk, "SLICE", 100)
    crowd.gather()
    crowd.step()
    crowd.wait()
    road.move(STEP_SECONDS + 1)
    crowd.gather()
    settle, left = bulk.to_salesforce.settle, iter(range(2))

    def dying(*args: Any) -> None:
        settle(*args)
        if next(left) == 1:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(bulk.to_salesforce, "settle", dying)
        crowd.step()
    half = road.waiting()
    road.move(STEP_SECONDS + 1)
    crowd.finish()

    assert 200 == half
    assert 0 == road.waiting()
    assert road.here() == road.there()


def test_a_drainer_that_died_gathering_leaves_a_job_that_goes_on(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had claimed is sent as it is."""
    road = crowd.road
    born(road.database, 400)
    monkeypatch.setattr(bulk, "CLAIM", 100)
    monkeypatch.setattr(crowd.jobs, "seal", lambda job: (_ for _ in ()).throw(Killed))

    with pytest.raises(Killed):
        crowd.gather()
    monkeypatch.undo()
    road.move(STEP_SECONDS + 1)
    crowd.finish()

    assert road.here() == road.there()


def test_a_job_that_fails_as_a_whole_goes_by_rest(crowd: Crowd) -> None:
    """What it had done stays done, the others wait and go; no new job is tried within the hour."""
    road = crowd.road
    road.standin.control("POST", "settings", {"bulkFailAfterRecords": 200, "bulkFailMessage": "InvalidBatch : no"})
    born(road.database, 600)

    crowd.finish()
    left = road.waiting()
    again = crowd.gather()
    road.send_all()

    assert {"failed"} == crowd.states()
    assert (400, 0) == (left, again)
    assert road.here() == road.there()


def test_a_job_costs_few_calls_and_they_are_counted(crowd: Crowd) -> None:
    """Create, upload, look, close, look, two results: the same for any number of records."""
    road = crowd.road
    born(road.database, 5000)
    road.send()  # logs in, and the first thousands go by REST where nobody gathers
    run(road.database, "DELETE FROM isthmus.api_usage")
    run(road.database, f"UPDATE {TABLE} SET phone = 'p'")
    before = road.session.calls

    crowd.gather()
    crowd.step()
    spent = road.session.calls - before
    crowd.wait()
    watched = road.session.calls
    road.move(STEP_SECONDS + 1)
    crowd.gather()
    crowd.step()
    spent += road.session.calls - watched

    assert {"done"} == crowd.states()
    assert spent <= 8
    assert [{"calls": spent}] == rows(road.database, "SELECT calls FROM isthmus.api_usage")
