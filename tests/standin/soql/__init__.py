"""Reading SOQL: text to tokens to a tree. What is not supported is refused by name, never ignored."""

from tests.standin.soql.grammar import parse
from tests.standin.soql.lexer import unescape
from tests.standin.soql.tree import (
    And,
    Call,
    Comparison,
    Expression,
    IdSet,
    Includes,
    InList,
    Item,
    Literal,
    Node,
    Not,
    Or,
    Order,
    Query,
    Selected,
    SemiJoin,
    TypeOf,
)

__all__ = [
    "And",
    "Call",
    "Comparison",
    "Expression",
    "IdSet",
    "InList",
    "Includes",
    "Item",
    "Literal",
    "Node",
    "Not",
    "Or",
    "Order",
    "Query",
    "Selected",
    "SemiJoin",
    "TypeOf",
    "parse",
    "unescape",
]
