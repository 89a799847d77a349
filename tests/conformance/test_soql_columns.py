"""What a query's columns are, as `query?columns=true` tells Salesforce's own command line."""


def test_columns_of_records_parents_and_children_are_told(org):
    """A plain column has its type, a parent's column is joined below the relationship, children make an aggregate one."""
    soql = "SELECT Id, AnnualRevenue, Owner.Name, Owner.Email, (SELECT LastName FROM Contacts) FROM Account"

    body = org.rest("GET", "query", params={"q": soql, "columns": "true"}).json()

    assert ("Account", "001", True) == (body["entityName"], body["keyPrefix"], body["idSelected"])
    found = {column["columnName"]: column for column in body["columnMetadata"]}
    assert ["Id", "AnnualRevenue", "Owner", "Contacts"] == list(found)
    assert ("Id", "Decimal") == (found["Id"]["apexType"], found["AnnualRevenue"]["apexType"])
    assert found["AnnualRevenue"]["numberType"] and not found["Id"]["numberType"]
    assert ["Name", "Email"] == [column["columnName"] for column in found["Owner"]["joinColumns"]]
    assert found["Contacts"]["aggregate"]
    assert ["LastName"] == [column["columnName"] for column in found["Contacts"]["joinColumns"]]


def test_columns_of_groups_carry_their_alias(org):
    """An aggregate without an alias is named as its answer names it: expr and its number among those."""
    soql = "SELECT Industry, COUNT(Id), MAX(AnnualRevenue) most FROM Account GROUP BY Industry"

    body = org.rest("GET", "query", params={"q": soql, "columns": "true"}).json()

    columns = [(column["columnName"], column["aggregate"]) for column in body["columnMetadata"]]
    assert [("Industry", False), ("expr0", True), ("most", True)] == columns
    assert body["groupBy"]
