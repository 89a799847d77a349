"""Change events of a real stand-in, pulled: what is published, and what the bookmark says."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import trustme

from common import bookmark, clock, config
from common.bookmark import CHANNELS, Resync, Trouble
from common.bookmarks.folder import Folder
from common.change import Op
from common.errors import Misconfigured, Transient
from common.events import Broken, Channel
from common.flows import pull as flow
from common.flows.pull import Patience, World, pull
from common.flows.pulling import Puller
from common.salesforce.events.bus import EventBus
from common.salesforce.session import Session
from tests.standin.driving import Standin, upserts

ACCOUNTS = Channel("/data/AccountChangeEvent", "Account")
CONTACTS = Channel("/data/ContactChangeEvent", "Contact")
QUIET_SECONDS = 0.4


class Published:
    """A topic that remembers what it confirmed; `refusals` publishes fail first."""

    def __init__(self):
        self.changes = []
        self.refusals = 0
        self.hook = lambda changes: None  #: called before anything is confirmed

    def publish(self, changes, *, trace=""):
        assert 1 == len({c.sobject for c in changes}), "of one object"
        self.hook(changes)
        if self.refusals:
            self.refusals -= 1
            raise Transient("publish_failed")
        self.changes += changes

    def ids(self):
        return [c.record_id for c in self.changes]


class Asked(list):
    """Work that was asked for."""

    def bodies(self):
        return [(w.kind, w.body["object"], w.body["reason"]) for w in self]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Standin("--grpc-port", "0", "--data", tmp_path_factory.mktemp("standin")) as standin:
        standin.sign_in()
        yield standin


@pytest.fixture
def standin(running):
    """The module's stand-in as if new: no records, no events, no faults."""
    running.http.headers.pop("Authorization", None)
    running.control("POST", "reset")
    running.sign_in()
    return running


@pytest.fixture
def make(standin, tmp_path):
    """Makes pullers on one shelf, each another process."""
    buses = []

    def world(name="we", topic=None, now=clock.now, asked=None):
        settings = config.Salesforce(standin.url, "isthmus", "isthmus")
        buses.append(EventBus(config.EventBus(standin.pubsub), Session(settings)))
        asked = Asked() if asked is None else asked
        return World("test", buses[-1], Folder(str(tmp_path)), topic or Published(), asked.append, now, name)

    yield world
    for bus in buses:
        bus.close()


@pytest.fixture
def world(make):
    return make()


def run(world, channel=ACCOUNTS, seconds=30.0, quiet=QUIET_SECONDS):
    return pull(channel, world, Patience(seconds, quiet))


def page(world, channel=ACCOUNTS):
    return bookmark.decode(world.shelf.read(channel.topic)[0])


def set_page(world, channel=ACCOUNTS, **bent):
    held, generation = world.shelf.read(channel.topic)
    world.shelf.write(channel.topic, bookmark.encode(replace(bookmark.decode(held), **bent)), generation)


def test_every_kind_of_change_is_a_hint(world, standin):
    """Created, changed, deleted, undeleted: in the order of their commits, each with its event's own id."""
    account = standin.create("Account", Name="One")
    standin.rest("PATCH", f"sobjects/Account/{account}", {"Phone": "1"})
    standin.rest("DELETE", f"sobjects/Account/{account}")

    done = run(world)

    assert (3, 3, "quiet") == (done.events, done.changes, done.ending)
    assert [Op.UPSERT, Op.UPSERT, Op.DELETE] == [c.op for c in world.topic.changes]
    assert [account] * 3 == world.topic.ids()
    assert 3 == len({c.event_id for c in world.topic.changes})
    stamp = standin.query_all(f"SELECT Id FROM Account WHERE Id = '{account}'")
    assert [] == stamp
    assert [False, False, True] == [c.buried for c in world.topic.changes]


def test_a_hint_expects_the_stamp_that_a_read_brings(world, standin):
    """Never more than the record's SystemModstamp: else it would be waited for in vain."""
    account = standin.create("Account", Name="One")

    run(world)

    (change,) = world.topic.changes
    assert clock.parse(standin.get("Account", account)["SystemModstamp"]) == change.stamp


def test_the_bookmark_goes_on_where_it_stood(make, standin):
    """A second puller gets what came since, and nothing twice; a quiet look writes nothing."""
    first, second, third = make("first"), make("second"), make("third")
    standin.create("Account", Name="One")
    run(first)
    later = standin.create("Account", Name="Two")

    run(second)
    generation = third.shelf.read(ACCOUNTS.topic)[1]
    run(third)

    assert ([later], []) == (second.topic.ids(), third.topic.ids())
    assert (2, "", None) == (page(third).events, page(third).holder, page(third).lease_until)
    assert generation == third.shelf.read(ACCOUNTS.topic)[1]


def test_nothing_moves_before_pubsub_has_confirmed(world, standin):
    """A publish that failed is made again by the next run, with the same ids."""
    account = standin.create("Account", Name="One")
    world.topic.refusals = 1

    with pytest.raises(Transient, match="publish_failed"):
        run(world)
    assert (b"", []) == (page(world).place, world.topic.changes)
    run(world)

    assert [account] == world.topic.ids()


def test_many_events_come_in_parts_of_a_hundred(world, standin):
    """2,000 of them, none lost, none twice; the bookmark counts them."""
    ids = [
        r["id"]
        for n in range(10)
        for r in standin.rest(
            "PATCH",
            "composite/sobjects/Account/External_Id__c",
            upserts([(f"{n}-{m}", f"N{n}-{m}") for m in range(200)]),
        ).json()
    ]
    sizes = []
    world.topic.hook = lambda changes: sizes.append(len(changes))

    done = run(world)

    assert (sorted(ids), 2000) == (sorted(world.topic.ids()), done.events)
    assert 2000 == page(world).events
    assert max(sizes) <= 200


def test_a_merged_event_is_a_hint_for_each_of_its_records(world, standin):
    """All with the event's id."""
    ids = [standin.create("Account", Name=f"N{n}") for n in range(3)]
    run(world)
    world.topic.changes.clear()
    standin.control("POST", "events/update", {"object": "Account", "ids": ids, "fields": {"Industry": "Apparel"}})

    done = run(world)

    assert (1, 3, ids) == (done.events, done.changes, world.topic.ids())
    assert 1 == len({c.event_id for c in world.topic.changes})


@pytest.mark.parametrize(
    ("kind", "op", "buried"),
    [
        ("CREATE", Op.UPSERT, False),
        ("UPDATE", Op.UPSERT, False),
        ("DELETE", Op.DELETE, True),
        ("UNDELETE", Op.UPSERT, True),
    ],
)
def test_a_gap_is_a_hint(world, standin, kind, op, buried):
    """It tells no fields, and needs none."""
    account = standin.create("Account", Name="One")
    run(world)
    world.topic.changes.clear()
    standin.control("POST", "events/gap", {"object": "Account", "ids": [account], "type": kind})

    run(world)

    assert [(account, op, buried)] == [(c.record_id, c.op, c.buried) for c in world.topic.changes]


@pytest.mark.parametrize("reason", ["overflow", "wildcard"])
def test_what_names_no_record_is_asked_to_be_compared(make, standin, reason):
    """As work, and on the bookmark for people, in the same write as its place; what comes after it is read on."""
    asked = Asked()
    world = make(asked=asked)
    if reason == "overflow":
        standin.control("POST", "events/overflow", {"object": "Account"})
    else:
        standin.control("POST", "events/gap", {"object": "Account", "ids": ["001*"], "type": "UPDATE"})
    account = standin.create("Account", Name="Later")

    run(world)
    run(world)

    assert [account] == world.topic.ids()
    assert [("resync", "Account", reason)] == asked.bodies()
    ((sobject, why, since),) = [(r.sobject, r.reason, r.since) for r in page(world).resyncs]
    assert ("Account", reason, None) == (sobject, why, since)


def test_a_place_that_is_lost_means_all_that_is_kept(make, standin):
    """What lies between the last look and what is still kept has to be compared, from ten minutes before."""
    asked = Asked()
    world = make(asked=asked)
    standin.create("Account", Name="One")
    run(world)
    seen = clock.now() - timedelta(days=4)
    set_page(world, event_at=seen, looked_at=seen)
    standin.control("DELETE", "events")
    later = standin.create("Account", Name="Two")
    world.topic.changes.clear()

    run(world)

    assert [later] == world.topic.ids()
    assert [("resync", "Account", "expired")] == asked.bodies()
    assert [seen - timedelta(minutes=10)] == [r.since for r in page(world).resyncs]


def test_platform_events_come_whole_from_a_place_of_their_own(world, standin):
    """Every value that they say, under their own names; an object's channel knows nothing of them."""
    orders = Channel("/event/Order__e", "Order__e")
    standin.control(
        "POST",
        "events/platform-events",
        {"name": "Order__e", "fields": [{"name": "Number__c", "type": "string", "length": 9}]},
    )
    told = standin.rest("POST", "sobjects/Order__e", {"Number__c": "7"}).json()["errors"][0]["message"]
    standin.create("Account", Name="One")

    done = [run(world, orders), run(world, orders), run(world)]

    event, account = world.topic.changes
    assert [1, 0, 1] == [d.events for d in done]
    assert ("Order__e", told, told, Op.UPSERT, "") == (
        event.sobject, event.record_id, event.event_id, event.op, event.origin,
    )  # fmt: skip
    assert {"CreatedDate", "CreatedById", "Number__c"} == set(event.fields)
    assert "7" == event.fields["Number__c"]
    assert event == event.hint(buried=True)
    assert page(world, orders).place != page(world).place
    assert "Account" == account.sobject


def test_lost_platform_events_are_told_to_people(make, standin):
    """There is no record to compare them with: no work is asked for, the page says so until somebody settles it."""
    orders, asked = Channel("/event/Order__e", "Order__e"), Asked()
    world = make(asked=asked)
    standin.control(
        "POST",
        "events/platform-events",
        {"name": "Order__e", "fields": [{"name": "Number__c", "type": "string", "length": 9}]},
    )
    standin.rest("POST", "sobjects/Order__e", {"Number__c": "7"})
    run(world, orders)
    seen = clock.now() - timedelta(days=4)
    set_page(world, orders, event_at=seen, looked_at=seen)
    standin.control("DELETE", "events")

    run(world, orders)

    assert [] == asked
    assert [("Order__e", "expired")] == [(r.sobject, r.reason) for r in page(world, orders).resyncs]


def test_a_quiet_channels_place_grows_old_without_harm(make, standin):
    """Its end was seen within the last sixty hours, so what is still kept is all there is: nothing to compare."""
    asked = Asked()
    world = make(asked=asked)
    standin.create("Account", Name="One")
    run(world)
    set_page(world, event_at=clock.now() - timedelta(days=4), looked_at=clock.now() - timedelta(hours=59))
    standin.control("DELETE", "events")
    later = standin.create("Account", Name="Two")
    world.topic.changes.clear()

    run(world)

    assert ([later], [], ()) == (world.topic.ids(), asked, page(world).resyncs)


def test_a_quiet_channel_says_now_and_then_that_it_was_looked_at(make, standin):
    """Once an hour, so that silence costs next to nothing."""
    moved = [clock.now()]
    world = make(now=lambda: moved[0])
    standin.create("Account", Name="One")
    run(world)
    first = page(world).looked_at
    moved[0] += timedelta(minutes=59)
    run(world)
    same = page(world).looked_at
    moved[0] += timedelta(minutes=2)
    run(world)

    assert (first, moved[0]) == (same, page(world).looked_at)


def test_used_up_deliveries_are_left_alone(make, standin):
    """Said on the bookmark, polled for instead, tried again after a quarter of an hour; nothing is lost."""
    moved, asked = [clock.now()], Asked()
    world = make(now=lambda: moved[0], asked=asked)
    account = standin.create("Account", Name="One")
    fault = standin.control(
        "POST", "faults", {"event_error": "subscription.limit.exceeded", "match": "Subscribe /data/Account", "times": 1}
    )
    assert fault

    endings = [run(world).ending, run(world).ending]
    trouble = page(world).trouble
    moved[0] += timedelta(minutes=16)
    endings.append(run(world).ending)

    assert ["resting", "resting", "quiet"] == endings
    assert ("delivery_limit", moved[0] - timedelta(minutes=1)) == (trouble.reason, trouble.rest_until)
    assert "polling" in trouble.hint
    assert [("resync", "Account", "delivery_limit")] == asked.bodies()
    assert ([account], None) == (world.topic.ids(), page(world).trouble)


@pytest.mark.parametrize("error", ["service.unavailable", "subscription.internal.error", "topic.api.unavailable"])
def test_a_call_that_fails_is_made_again(world, standin, error):
    """Within the same run."""
    account = standin.create("Account", Name="One")
    standin.control("POST", "faults", {"event_error": error, "match": "Subscribe /data/Account", "times": 2})

    done = run(world, quiet=3.0)

    assert ([account], "quiet") == (world.topic.ids(), done.ending)


def test_a_busy_event_bus_is_left_to_the_next_run(world, standin):
    """Its protection was triggered: a short run does not knock again."""
    standin.control(
        "POST",
        "faults",
        {"event_error": "service.protection.triggered", "match": "Subscribe /data/Account", "times": 1},
    )

    with pytest.raises(Transient, match="event_bus_busy"):
        run(world)
    assert "quiet" == run(world).ending


def test_a_stream_that_ends_in_its_midst_goes_on(world, standin):
    """From the last confirmed event, again and again."""
    ids = []

    def break_it(_):
        if len(ids) < 5:
            ids.append(standin.create("Account", Name=f"N{len(ids)}"))
            standin.control("POST", "events/streams", {"error": "service.unavailable"})

    first = standin.create("Account", Name="first")
    world.topic.hook = break_it

    run(world, quiet=3.0)

    assert [first, *ids] == list(dict.fromkeys(world.topic.ids()))
    assert 5 == len(ids)


def test_an_expired_session_is_renewed(world, standin):
    """Once, and in the midst of things too."""
    first = standin.create("Account", Name="One")
    run(world)
    standin.control("POST", "sessions/expire")
    standin.sign_in()
    second = standin.create("Account", Name="Two")

    run(world, quiet=3.0)

    assert [first, second] == world.topic.ids()


def test_a_session_that_is_refused_again_is_a_persons(world, standin):
    """A fresh login that may not read events will not be allowed to by trying."""
    standin.control(
        "POST", "faults", {"event_error": "service.auth.error", "match": "Subscribe /data/Account", "times": 2}
    )

    with pytest.raises(Misconfigured, match="events_login"):
        run(world, quiet=3.0)

    assert "events_login" == page(world).trouble.reason


def test_a_topic_that_is_not_there_is_said_once(world, standin):
    """The bookmark names the reason; the next run does not write it again, and a good one forgets it."""
    gone = Channel("/data/Nothing__ChangeEvent", "Nothing__c")

    with pytest.raises(Misconfigured, match=r"channel_refused.*Change Data Capture"):
        run(world, gone)
    generation = world.shelf.read(gone.topic)[1]
    with pytest.raises(Misconfigured):
        run(world, gone)

    assert "channel_refused" == page(world, gone).trouble.reason
    assert generation == world.shelf.read(gone.topic)[1]
    set_page(world, trouble=Trouble("channel_refused", "said", "do", clock.now()))
    run(world)
    assert page(world).trouble is None


def test_a_schema_may_change_in_mid_stream(world, standin):
    """A field is added and another one removed: each event is read by its own schema."""
    first = standin.create("Account", Name="One")
    standin.control("POST", "objects/Account/fields", {"name": "Later__c", "type": "string", "length": 80})
    second = standin.create("Account", Name="Two", Later__c="there")

    run(world)

    assert [first, second] == world.topic.ids()


def test_another_orgs_bookmarks_are_not_read_on(world, standin):
    """Its replay ids may look like this one's: whoever changed the login, or refreshed the sandbox, is told."""
    standin.create("Account", Name="One")
    run(world)
    mine = page(world).org_id
    set_page(world, org_id="00D5w000004qGTOEA2")
    standin.create("Account", Name="Two")

    with pytest.raises(Misconfigured, match=f"other_org.*00D5w000004qGTOEA2.*{mine}"):
        run(world)

    assert 1 == len(world.topic.changes)


class Illegible:
    """A schema by which a payload cannot be read, or only its header."""

    def __init__(self, real, header):
        self._real = real
        self._header = header

    def record(self, payload):
        raise EOFError("the bytes end too soon")

    def header(self, payload):
        if not self._header:
            raise IndexError("no such branch of a union")
        return self._real.header(payload)


@pytest.mark.parametrize("header", [True, False])
def test_an_illegible_event_stops_nobody(make, standin, monkeypatch, header):
    """Its header will do for a hint; where that cannot be read either, the object is to be compared. It goes on after it."""
    asked = Asked()
    world = make(asked=asked)
    account = standin.create("Account", Name="One")
    real = EventBus.schema
    with monkeypatch.context() as patch:
        patch.setattr(EventBus, "schema", lambda *a: Illegible(real(*a), header))
        run(world)
    later = standin.create("Account", Name="Two")

    run(world)

    assert ([account, later] if header else [later]) == world.topic.ids()
    assert ([] if header else [("resync", "Account", "unreadable")]) == asked.bodies()


def test_duplicates_have_the_same_ids(world, standin):
    """So that whoever reads them can tell."""
    standin.create("Account", Name="One")
    standin.control("POST", "events/duplicate", {"last": 1})

    run(world)

    one, other = world.topic.changes
    assert one == other


def test_a_channel_that_is_held_is_left_alone(world, standin):
    """By somebody whose lease runs; once it has run out, it is taken over."""
    standin.create("Account", Name="One")
    world.shelf.write(
        ACCOUNTS.topic,
        bookmark.encode(bookmark.Bookmark(holder="they", lease_until=clock.now() + timedelta(seconds=30))),
        0,
    )

    assert ("held", []) == (run(world).ending, world.topic.changes)
    set_page(world, lease_until=clock.now() - timedelta(seconds=1))

    assert ("quiet", 1) == (run(world).ending, len(world.topic.changes))
    assert "" == page(world).holder


def test_one_of_two_pullers_goes_on(make, standin):
    """Both hear the first event; the bookmark decides before anything is published, and the other one stops."""
    worlds = [make("one"), make("other")]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, world, ACCOUNTS, 8.0, 2.0) for world in worlds]
        _wait(lambda: 2 == len(standin.control("GET", "events/streams")))
        account = standin.create("Account", Name="One")
        endings = sorted(r.result().ending for r in runs)

    assert ["overtaken", "quiet"] == endings
    assert [account] == [i for world in worlds for i in world.topic.ids()]


def test_a_puller_that_lost_its_bookmark_stops(world, standin):
    """Somebody wrote it meanwhile: nothing of ours is written over that."""
    standin.create("Account", Name="One")
    world.topic.hook = lambda _: set_page(world, holder="they")

    assert "overtaken" == run(world).ending
    assert "they" == page(world).holder


def test_all_channels_are_pulled_at_once(make, standin):
    """One that cannot be read does not hold the others back."""
    world = make()
    gone = Channel("/data/Nothing__ChangeEvent", "Nothing__c")
    world.shelf.write(CHANNELS, bookmark.encode_channels([gone, ACCOUNTS, CONTACTS]), 0)
    ids = {standin.create("Account", Name="One"), standin.create("Contact", LastName="Two")}

    with pytest.raises(Misconfigured, match="channel_refused"):
        Puller(world).scheduled(listen_seconds=1)

    assert ids == set(world.topic.ids())


def test_without_channels_nothing_is_asked(make, standin, capsys):
    """Nobody logs in; the log says what to do."""
    assert 0 == Puller(make()).scheduled()
    assert "isthmus channels refresh" in capsys.readouterr().out


def test_a_follower_stays_and_ends_when_told(make, standin):
    """Every event at once; a new channel is noticed; what was heard is published before it ends."""
    world = make()
    world.shelf.write(CHANNELS, bookmark.encode_channels([ACCOUNTS]), 0)
    ended = threading.Event()
    follower = threading.Thread(target=Puller(world).follow, args=(ended.is_set, ended.wait))
    follower.start()
    try:
        for n in range(3):
            account = standin.create("Account", Name=f"N{n}")
            _wait(lambda account=account: account in world.topic.ids())
    finally:
        ended.set()
        follower.join(10)

    assert not follower.is_alive()
    assert (3, "") == (page(world).events, page(world).holder)


def test_a_follower_outlives_a_broken_stream(make, standin):
    """And an event bus that is away for a while."""
    world = make()
    world.shelf.write(CHANNELS, bookmark.encode_channels([ACCOUNTS]), 0)
    ended = threading.Event()
    follower = threading.Thread(target=Puller(world).follow, args=(ended.is_set, ended.wait))
    follower.start()
    try:
        _wait(lambda: standin.control("GET", "events/streams"))
        standin.control("POST", "events/streams", {"error": "subscription.internal.error"})
        account = standin.create("Account", Name="One")
        _wait(lambda: account in world.topic.ids())
    finally:
        ended.set()
        follower.join(10)

    assert not follower.is_alive()


def test_wishes_stay_until_they_are_settled(world, standin):
    """Later runs keep them."""
    wish = Resync("Account", "overflow", None, clock.now())
    standin.create("Account", Name="One")
    run(world)
    set_page(world, resyncs=(wish,))
    standin.create("Account", Name="Two")

    run(world)

    assert (wish,) == page(world).resyncs


def _wait(seen, seconds=20.0):
    """Until it was seen."""
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, "it never came"
        threading.Event().wait(0.01)


def test_the_lease_is_shorter_than_a_schedule():
    """A puller that was killed keeps nobody out for longer than the next run."""
    assert timedelta(minutes=1) > flow.LEASE


def test_tls_is_verified(make, tmp_path):
    """With the CA that SF_PUBSUB_CA names, as a file or as its text; any other server is not believed."""
    with Standin("--grpc-port", "0", "--https-port", "0", "--tls", tmp_path / "tls") as secure:
        secure.sign_in()
        account = secure.create("Account", Name="One")
        session = Session(config.Salesforce(secure.url, "isthmus", "isthmus"))
        file = tmp_path / "tls" / "ca.pem"
        for ca in (str(file), file.read_text()):
            bus = EventBus(config.EventBus(secure.pubsub.replace("127.0.0.1", "localhost"), ca), session)
            with bus.subscribe(ACCOUNTS.topic, b"") as stream:
                heard = stream.hear(10)
            bus.close()
            assert [account] == [c.record_id for c in heard.changes]

        other = trustme.CA().cert_pem.bytes().decode()
        bus = EventBus(config.EventBus(secure.pubsub, other), session)
        with pytest.raises(Broken, match="event_bus_unavailable"), bus.subscribe(ACCOUNTS.topic, b"") as stream:
            stream.hear(10)
        bus.close()


def test_a_ca_that_is_no_file_is_said(standin):
    """In a sentence that names the setting."""
    bus = EventBus(
        config.EventBus(standin.pubsub, "/nowhere/ca.pem"),
        Session(config.Salesforce(standin.url, "isthmus", "isthmus")),
    )

    with pytest.raises(Misconfigured, match="SF_PUBSUB_CA"), bus.subscribe(ACCOUNTS.topic, b""):
        pass
