"""No value ever leaves its literal."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.postgres.queries import as_json, bind, identifier, literal

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40) | st.text(
    "'\"\\$:;-{}aE\n", max_size=20
)
PARAMETERS = st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS, max_size=4)
DATABASE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def end_of_literal(text, start):
    """Where the quoted string that begins at `start` ends, as a lexer with standard strings reads it."""
    position = start + 1
    while True:
        position = text.index("'", position)
        if text[position : position + 2] != "''":
            return position + 1
        position += 2


@given(TEXTS, TEXTS)
def test_a_text_is_one_literal(one, other):
    """A lexer finds each value whole, and between them only what the statement says."""
    text = bind("SELECT :one || :other -- end", one=one, other=other)

    first = end_of_literal(text, len("SELECT "))
    second = end_of_literal(text, first + len(" || "))

    assert one == text[len("SELECT ") + 1 : first - 1].replace("''", "'")
    assert " || " == text[first : first + 4]
    assert other == text[first + 5 : second - 1].replace("''", "'")
    assert " -- end" == text[second:]


@given(st.text(st.characters(exclude_characters="\0."), min_size=1))
def test_a_name_is_one_name(name):
    quoted = identifier(name)

    assert ('"', '"') == (quoted[0], quoted[-1])
    assert name == quoted[1:-1].replace('""', '"')
    assert '"' not in quoted[1:-1].replace('""', "")


@given(PARAMETERS)
def test_binding_is_done_once(value):
    """What was put in is not looked at again."""
    assert f"SELECT {literal(value)}" == bind("SELECT :a", a=value)


@DATABASE
@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_postgres_reads_what_was_written(database, texts):
    """As literal, in an array, in JSON: the server gives the same texts back."""
    with database.transaction() as tx:
        single = tx.run_bound(" UNION ALL ".join(f"SELECT {literal(t)} ::text" for t in texts))
        array = tx.run("SELECT unnest(:texts ::text[])", texts=texts)
        rows = tx.run("SELECT t FROM json_to_recordset(:rows) AS r (t text)", rows=as_json({"t": t} for t in texts))

    assert [[t] for t in texts] == single == array == rows
