"""How many pushes the broker lets go at a time."""

from tests.stack.broker.push import MAX_WINDOW, Window


def test_the_window_grows_and_shrinks() -> None:
    """Each success lets one more push go at a time, up to a limit; each failure halves them, down to one."""
    window = Window()
    sizes = [window.room]

    for succeeded in [True] * 10 + [False] * 5:
        window.take()
        window.free(succeeded)
        sizes.append(window.room)

    assert [2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 4, 2, 1, 1, 1] == sizes
    assert MAX_WINDOW == max(sizes)
