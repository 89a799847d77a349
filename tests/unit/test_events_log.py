"""The event log: numbers, retention, bounds."""

from tests.standin.events import log
from tests.standin.events.log import Batch, Event, Log

NAMES = frozenset(["Account"])


def a_log(now=None):
    now = now or [1000.0]
    return Log(lambda: now[0]), now


def add(kept, count, entity="Account", size=10):
    first = kept.reserve(count)
    made = [Event(n, n, entity, str(n), "s", b"x" * size) for n in range(first, first + count)]
    kept.append(Batch(first, first + count - 1, kept._now(), None, lambda: made))
    return made


def test_it_is_read_from_any_place_in_parts():
    """No event twice, none left out, whatever the limit; other objects' events are passed over."""
    kept, _ = a_log()
    wanted = add(kept, 5)
    add(kept, 3, "Contact")
    wanted += add(kept, 4)

    place, found = kept.earliest(), []
    while True:
        events, place = kept.read(place, NAMES, 2, 10**6)
        if not events:
            break
        found += events

    assert wanted == found
    assert kept.tip == place


def test_a_read_stays_under_its_bytes_but_gives_at_least_one():
    kept, _ = a_log()
    wanted = add(kept, 5, size=100)

    assert wanted[:3] == kept.read(0, NAMES, 100, 300)[0]
    assert wanted[:1] == kept.read(0, NAMES, 100, 10)[0]


def test_what_is_old_expires_and_its_numbers_with_it():
    """A number is valid while what was told then is kept; the newest that was given is valid."""
    kept, now = a_log()
    old = add(kept, 2)
    now[0] += log.RETENTION_SECONDS - 1
    young = add(kept, 2)
    assert kept.is_valid(old[0].number)
    now[0] += 2

    assert [False, False, True, True] == [kept.is_valid(event.number) for event in (*old, *young)]
    assert not kept.is_valid(young[1].number + 10)
    assert young == kept.read(0, NAMES, 100, 10**6)[0]


def test_memory_is_bounded_whatever_is_written(monkeypatch):
    """The oldest go when there are too many; they are not even made for that."""
    monkeypatch.setattr(log, "MAX_EVENTS", 100)
    kept, _ = a_log()

    for _ in range(50):
        add(kept, 10)

    assert 100 >= len(kept.last_events(None, 1000)) >= 90
    assert 100 >= sum(batch.size for batch in kept.batches())


def test_replay_ids_are_ten_bytes_and_come_back():
    """Also the eight bytes that some clients keep of them; nothing else."""
    given = log.replay_id(1_000_002)

    assert "00000000000f42420000" == given.hex()
    assert [1_000_002, 1_000_002] == [log.replay_number(given), log.replay_number(given[:8])]
    assert [None] * 3 == [log.replay_number(wrong) for wrong in (b"", given[:9], given[:8] + b"\x00\x01")]
