"""Where bookmarks lie: one suite over a folder and a bucket."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.bookmark import Overtaken
from common.bookmarks import shelf
from common.bookmarks.bucket import Bucket
from common.bookmarks.folder import Folder
from common.errors import Misconfigured, Transient
from tests.fakes.storage import Storage

NAME = "/data/AccountChangeEvent"


@pytest.fixture
def storage():
    storage = Storage("our-bucket")
    yield storage
    storage.close()


@pytest.fixture
def open_bucket(storage, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
    return lambda: shelf("gs://our-bucket/pull")


@pytest.fixture
def open_folder(tmp_path):
    return lambda: shelf(str(tmp_path / "new" / "bookmarks"))


@pytest.fixture(params=["folder", "bucket"])
def open_shelf(request):
    """Opens the same shelf again, as another process would."""
    return request.getfixturevalue(f"open_{request.param}")


def test_what_is_not_there_is_empty(open_shelf):
    """Of generation 0: to write it first one says that there is none."""
    assert (b"", 0) == open_shelf().read(NAME)


def test_a_page_is_there_once_it_is_written(open_shelf):
    """For everybody, byte for byte, with the generation that the writer was told."""
    page = b'{"a": "\xed\x95\x9c\n\x00"}\n\n'

    generation = open_shelf().write(NAME, page, 0)

    assert (page, generation) == open_shelf().read(NAME)
    assert generation > 0


def test_only_the_page_that_was_read_is_replaced(open_shelf):
    """Whoever comes second is told, and nothing of theirs is written."""
    shelf = open_shelf()
    first = shelf.write(NAME, b"1", 0)
    second = shelf.write(NAME, b"2", first)

    for stale in (0, first):
        with pytest.raises(Overtaken):
            open_shelf().write(NAME, b"late", stale)

    assert (b"2", second) == shelf.read(NAME)


def test_pages_do_not_touch_each_other(open_shelf):
    """Each has its own generation."""
    shelf = open_shelf()
    shelf.write(NAME, b"account", 0)
    shelf.write("channels", b"list", 0)

    assert [b"account", b"list"] == [shelf.read(name)[0] for name in (NAME, "channels")]


def test_one_of_many_writers_wins(open_shelf):
    """Eight at a time, again and again: each generation has one writer."""
    shelf = open_shelf()
    generation = shelf.write(NAME, b"first", 0)

    def write(n):
        try:
            return open_shelf().write(NAME, str(n).encode(), generation)
        except Overtaken:
            return None

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = [g for g in pool.map(write, range(8)) if g is not None]
        assert [shelf.read(NAME)[1]] == won
        generation = won[0]


def _add_up(path, times):
    shelf = Folder(path)
    for _ in range(times):
        while True:
            page, generation = shelf.read(NAME)
            try:
                shelf.write(NAME, str(int(page or b"0") + 1).encode(), generation)
                break
            except Overtaken:
                continue


def test_processes_add_up_in_a_folder(tmp_path):
    """Four of them raise one number: none of their writes gets lost."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_up, args=(str(tmp_path), 25)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert (b"100", 100) == Folder(str(tmp_path)).read(NAME)


def test_a_torn_write_leaves_the_page_whole(tmp_path):
    """What a killed writer left beside it is not looked at."""
    shelf = Folder(str(tmp_path))
    generation = shelf.write(NAME, b"whole", 0)
    (tmp_path / "tmpabc").write_bytes(b"2\nhal")

    assert (b"whole", generation) == shelf.read(NAME)


def test_a_strange_file_is_a_persons(tmp_path):
    """It is not taken for an empty page."""
    (tmp_path / "channels").write_bytes(b"garbage")

    with pytest.raises(Misconfigured, match="PULL_STATE"):
        Folder(str(tmp_path)).read("channels")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_bucket_is_tried_again(open_bucket, storage, status):
    """Nobody knows whether it was written: reading tells."""
    for call in (lambda: open_bucket().read(NAME), lambda: open_bucket().write(NAME, b"1", 0)):
        storage.failures = [status]
        with pytest.raises(Transient, match="bookmarks_unavailable") as got:
            call()
        assert not isinstance(got.value, Overtaken)


@pytest.mark.parametrize("status", [401, 403])
def test_a_bucket_that_refuses_us_is_a_persons(open_bucket, storage, status):
    """The sentence names the setting and the role."""
    storage.failures = [status]

    with pytest.raises(Misconfigured, match=r"PULL_STATE.*roles/storage.objectUser"):
        open_bucket().read(NAME)


def test_a_bucket_that_is_not_there_is_a_persons(storage, monkeypatch):
    """It is no empty shelf: three days of events would come again at every look."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)

    for call in (lambda: Bucket("gs://theirs").read(NAME), lambda: Bucket("gs://theirs").write(NAME, b"1", 0)):
        with pytest.raises(Misconfigured, match="bookmarks_refused"):
            call()


def test_an_unreachable_bucket_is_tried_again(monkeypatch):
    """Nobody listens there."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")

    with pytest.raises(Transient, match="bookmarks_unavailable"):
        Bucket("gs://our-bucket/pull").read(NAME)
