"""Parents before children, circles, and which of a lookup's two columns counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import family
from common.family import ParentKey, Row

KEY = ParentKey("AccountId", "Account", "Account", "External_Id__c", "account__external_id", "account_id")
nodes = st.integers(0, 8)
graphs = st.dictionaries(nodes, st.sets(nodes, max_size=3), max_size=9)


@given(graphs)
def test_levels_put_parents_before_children(graph):
    """Wherever two are not of one circle, the parent stands higher."""
    depth = family.levels(sorted(graph), graph)

    assert set(graph) <= set(depth)
    for child, parents in graph.items():
        for parent in parents & set(graph):
            if not family.circle(child, graph):
                assert depth[parent] < depth[child], (graph, child, parent)


@given(graphs, nodes)
def test_a_circle_leads_back(graph, start):
    """Its edges are the graph's, each begins where the one before ended, and the last one ends at the start."""
    found = family.circle(start, graph)

    for (child, parent), following in zip(found, found[1:] + found[:1], strict=True):
        assert parent in graph[child]
        assert parent == following[0]
    if found:
        assert start == found[0][0]


@given(graphs, nodes)
def test_a_circle_is_found_where_there_is_one(graph, start):
    """As a search of every path would."""
    reached, waiting = set(), list(graph.get(start, ()))
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting += graph.get(node, ())

    assert bool(family.circle(start, graph)) == (start in reached)


@pytest.mark.parametrize(
    ("edits", "lost"),
    [
        ([{"name": "x"}], set()),
        ([{"account_id": "001"}], {"account__external_id"}),
        ([{"account__external_id": "a"}], {"account_id"}),
        ([{"account_id": "001", "account__external_id": "a"}], {"account_id"}),
        ([{"account_id": "001", "account__external_id": None}], {"account__external_id"}),
        ([{"account_id": None, "account__external_id": "a"}], {"account_id"}),
        ([{"account_id": None, "account__external_id": None}], {"account_id"}),
        ([{"account__external_id": "a"}, {"account_id": "001"}], {"account__external_id"}),
        ([{"account_id": "001"}, {"account__external_id": None}], {"account_id"}),
    ],
)
def test_the_later_column_counts(edits, lost):
    """In one edit the relationship column; but a value always beats its absence."""
    assert lost == family.losing_columns([KEY], edits)


def test_a_relationship_column_has_one_name_everywhere():
    """SOQL's path, which is the Bulk API's header too."""
    assert "Account.External_Id__c" == KEY.name


@pytest.mark.parametrize("key", ["a", "a/b", "", "/"])
def test_a_row_is_read_from_its_text(key):
    assert Row("salesforce.account", key) == Row.parse(str(Row("salesforce.account", key)))
