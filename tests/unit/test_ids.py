"""Record ids."""

import pytest

from common import ids


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),  # Salesforce's own documentation
        ("a29e0000000K4P0", "a29e0000000K4P0AAK"),  # a real outbound message has both forms of these
        ("00D5w000004qGTO", "00D5w000004qGTOEA2"),
        ("006000000000000", "006000000000000AAA"),
        ("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO555"),
    ],
)
def test_to_18_appends_the_checksum_of_cases(short, long):
    """The long form is the short one and three characters that tell its capitals."""
    assert long == ids.to_18(short)
    assert long == ids.to_18(long)


@pytest.mark.parametrize(
    "text",
    ["", "001", "001A0000006Vm9", "001A0000006Vm9rI", "001A0000006Vm9rIACX", "001A0000006Vm9-", "001A0000006Vm9r\n",
     "001A0000006Vm9é", "001A0000006Vm9٣", " 01A0000006Vm9r", "'; DROP TABLE x"],
)  # fmt: skip
def test_to_18_refuses_what_is_no_id(text):
    """Only 15 or 18 ASCII letters and digits are an id."""
    assert not ids.is_id(text)
    with pytest.raises(ValueError, match="no Salesforce id"):
        ids.to_18(text)
