"""Describe bodies with Salesforce's full set of keys, made from our compact definitions."""

from typing import Any

Json = dict[str, Any]

SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "location": "urn:location",
    "base64": "xsd:base64Binary",
}
LENGTHS = {
    "string": 255,
    "textarea": 32000,
    "picklist": 255,
    "multipicklist": 4099,
    "email": 80,
    "phone": 40,
    "url": 255,
    "combobox": 255,
    "encryptedstring": 175,
    "id": 18,
    "reference": 18,
}
NUMBERS = ("double", "currency", "percent")

FIELD_FALSE = [
    "aiPredictionField",
    "autoNumber",
    "calculated",
    "cascadeDelete",
    "caseSensitive",
    "custom",
    "defaultedOnCreate",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "externalId",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "idLookup",
    "nameField",
    "namePointing",
    "polymorphicForeignKey",
    "queryByDistance",
    "restrictedDelete",
    "restrictedPicklist",
    "searchPrefilterable",
    "unique",
    "writeRequiresMasterRead",
]
FIELD_NONE = [
    "calculatedFormula",
    "compoundFieldName",
    "controllerName",
    "defaultValue",
    "defaultValueFormula",
    "extraTypeInfo",
    "filteredLookupInfo",
    "inlineHelpText",
    "mask",
    "maskType",
    "referenceTargetField",
    "relationshipName",
    "relationshipOrder",
]
FIELD_ZERO = ["byteLength", "digits", "length", "precision", "scale"]
FIELD_TRUE = [
    "aggregatable",
    "createable",
    "filterable",
    "groupable",
    "nillable",
    "permissionable",
    "sortable",
    "updateable",
]

OBJECT_FALSE = [
    "activateable",
    "customSetting",
    "deepCloneable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "mergeable",
]
OBJECT_TRUE = [
    "compactLayoutable",
    "createable",
    "deletable",
    "layoutable",
    "mruEnabled",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchLayoutable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
]
OBJECT_NONE = [
    "associateEntityType",
    "associateParentEntity",
    "defaultImplementation",
    "extendedBy",
    "extendsInterfaces",
    "implementedBy",
    "implementsInterfaces",
    "listviewable",
    "lookupLayoutable",
    "networkScopeFieldName",
]
OBJECT_LISTS = [
    "actionOverrides",
    "childRelationships",
    "namedLayoutInfos",
    "recordTypeInfos",
    "supportedScopes",
]
#: Keys of our compact form that Salesforce's describe has not.
OWN_KEYS = frozenset(["displayFormat", "childRelationshipName", "rollup"])
MASTER_TYPE: Json = {
    "active": True,
    "available": True,
    "defaultRecordTypeMapping": True,
    "developerName": "Master",
    "master": True,
    "name": "Master",
    "recordTypeId": "012000000000000AAA",
}
GLOBAL_KEYS = [
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
]

_SYSTEM = {
    "createable": False,
    "updateable": False,
    "nillable": False,
    "defaultedOnCreate": True,
    "permissionable": False,
}
_USER_LINK = {"type": "reference", "referenceTo": ["User"], **_SYSTEM}
AUDIT_FIELDS: list[Json] = [
    {"name": "Id", "type": "id", "label": "Record ID", "idLookup": True, **_SYSTEM},
    {"name": "IsDeleted", "type": "boolean", "label": "Deleted", "defaultValue": False, **_SYSTEM},
    {"name": "CreatedDate", "type": "datetime", "label": "Created Date", **_SYSTEM},
    {"name": "CreatedById", "label": "Created By ID", "relationshipName": "CreatedBy", **_USER_LINK},
    {"name": "LastModifiedDate", "type": "datetime", "label": "Last Modified Date", **_SYSTEM},
    {
        "name": "LastModifiedById",
        "label": "Last Modified By ID",
        "relationshipName": "LastModifiedBy",
        **_USER_LINK,
    },
    {"name": "SystemModstamp", "type": "datetime", "label": "System Modstamp", **_SYSTEM},
]
OWNER_FIELD: Json = {
    "name": "OwnerId",
    "label": "Owner ID",
    **_USER_LINK,
    "createable": True,
    "updateable": True,
    "relationshipName": "Owner",
}
NAME_FIELD: Json = {
    "name": "Name",
    "type": "string",
    "length": 80,
    "nillable": False,
    "nameField": True,
    "idLookup": True,
}


def field_describe(compact: Json) -> Json:
    """All describe keys of a field; what the compact form gives wins over what its type implies."""
    kind = compact.get("type", "string")
    full: Json = dict.fromkeys(FIELD_FALSE, False)
    full.update(dict.fromkeys(FIELD_NONE))
    full.update(dict.fromkeys(FIELD_ZERO, 0))
    full.update(dict.fromkeys(FIELD_TRUE, True))
    full.update(_of_type(compact, kind))
    full.update({key: value for key, value in compact.items() if key not in ("values", "required", "restricted")})
    full["byteLength"] = full["length"] * (1 if kind in ("id", "reference") else 3)
    return dict(sorted(full.items()))


def _of_type(compact: Json, kind: str) -> Json:
    name = compact["name"]
    external = bool(compact.get("externalId"))
    found: Json = {
        "name": name,
        "type": kind,
        "label": _label(name),
        "custom": name.endswith(("__c", "__s")),
        "soapType": SOAP_TYPES.get(kind, "xsd:string"),
        "length": LENGTHS.get(kind, 0),
        "idLookup": external,
        "picklistValues": [_picklist_value(v) for v in compact.get("values", [])],
        "restrictedPicklist": bool(compact.get("restricted")),
        "referenceTo": [],
        "nillable": not compact.get("required", False),
    }
    found.update(_of_kind(kind))
    if kind == "reference" and "relationshipName" not in compact:
        found["relationshipName"] = relationship_of(name)
    if compact.get("rollup"):
        found.update(calculated=True)
    if compact.get("autoNumber") or compact.get("calculated") or compact.get("rollup"):
        found.update(createable=False, updateable=False, defaultedOnCreate=bool(compact.get("autoNumber")))
    return found


def _of_kind(kind: str) -> Json:
    if kind in NUMBERS:
        return {"precision": 18, "scale": 2 if kind == "currency" else 0, "groupable": False}
    if kind == "int":
        return {"digits": 8}
    if kind == "boolean":
        return {"nillable": False, "defaultedOnCreate": True, "defaultValue": False, "aggregatable": False}
    if kind in ("address", "location"):
        fixed = dict.fromkeys(["createable", "updateable", "sortable", "groupable", "aggregatable"], False)
        return {**fixed, "queryByDistance": True}
    if kind == "datetime":
        return {"groupable": False}
    if kind == "encryptedstring":
        return {"filterable": False, "sortable": False, "groupable": False, "encrypted": True}
    return {}


def relationship_of(field_name: str) -> str | None:
    """The name by which a lookup's parent is reached: AccountId -> Account, Boss__c -> Boss__r."""
    if field_name.endswith("__c"):
        return field_name[:-1] + "r"
    return field_name[:-2] if field_name.endswith("Id") else None


def _picklist_value(value: str | Json) -> Json:
    given = {"value": value} if isinstance(value, str) else value
    full = {"active": True, "defaultValue": False, "label": given["value"], "validFor": None}
    return {**full, **given}


def _label(name: str) -> str:
    return name.removesuffix("__c").replace("_", " ")


def object_describe(compact: Json, key_prefix: str) -> Json:
    """All describe keys of an object; audit, name and owner fields are added when they are not listed."""
    name = compact["name"]
    full: Json = dict.fromkeys(OBJECT_FALSE, False)
    full.update(dict.fromkeys(OBJECT_TRUE, True))
    full.update(dict.fromkeys(OBJECT_NONE))
    full.update({key: [] for key in OBJECT_LISTS})
    label = compact.get("label", _label(name))
    full.update(name=name, label=label, labelPlural=label + "s", custom=name.endswith("__c"), keyPrefix=key_prefix)
    full.update({key: value for key, value in compact.items() if key in full or key.startswith("label")})
    full["sobjectDescribeOption"] = "FULL"
    full["keyPrefix"] = compact.get("keyPrefix") or key_prefix
    full["fields"] = [field_describe(field) for field in _all_fields(compact)]
    full["urls"] = {}
    full["supportedScopes"] = full["supportedScopes"] or [{"label": f"All {label.lower()}s", "name": "everything"}]
    full["recordTypeInfos"] = full["recordTypeInfos"] or [MASTER_TYPE]
    return full


def _all_fields(compact: Json) -> list[Json]:
    listed = {field["name"]: field for field in compact["fields"]}
    own = [NAME_FIELD] if compact.get("nameField", True) else []
    own += [OWNER_FIELD] if compact.get("owner", True) else []
    extra = [field for field in own if field["name"] not in listed]
    head = [field for field in AUDIT_FIELDS[:2] if field["name"] not in listed]
    tail = [field for field in AUDIT_FIELDS[2:] if field["name"] not in listed]
    return [*head, *extra, *compact["fields"], *_locations(compact["fields"]), *tail]


def _locations(fields: list[Json]) -> list[Json]:
    """The latitude and longitude of each geolocation field, unless they are listed."""
    listed = {field["name"] for field in fields}
    return [
        {"name": name, "type": "double", "precision": 18, "scale": 15, "compoundFieldName": field["name"]}
        for field in fields
        if field.get("type") == "location" and field["name"].endswith("__c")
        for name in (f"{field['name'][:-1]}{part}__s" for part in ("Latitude", "Longitude"))
        if name not in listed
    ]


def completed(full: Json) -> Json:
    """An uploaded describe with the audit fields that its recording lacks."""
    present = {field["name"] for field in full["fields"]}
    missing = [field_describe(field) for field in AUDIT_FIELDS if field["name"] not in present]
    return {**full, "fields": [*full["fields"], *missing]}


def is_full(given: Json) -> bool:
    """Whether this is a describe body of Salesforce's rather than our compact form."""
    return "soapType" in (given["fields"] or [{}])[0] and "keyPrefix" in given


def urls_of(name: str, version: str) -> dict[str, str]:
    root = f"/services/data/{version}/sobjects/{name}"
    return {
        "compactLayouts": f"{root}/describe/compactLayouts",
        "rowTemplate": f"{root}/{{ID}}",
        "approvalLayouts": f"{root}/describe/approvalLayouts",
        "listviews": f"{root}/listviews",
        "describe": f"{root}/describe",
        "quickActions": f"{root}/quickActions",
        "layouts": f"{root}/describe/layouts",
        "sobject": root,
    }


def shown(raw: Json, children: list[Json], version: str, base_url: str) -> Json:
    """The body of a describe call: Salesforce's keys only, with urls and the children that are known by now."""
    name = raw["name"]
    pages = {
        "uiDetailTemplate": f"{base_url}/{{ID}}",
        "uiEditTemplate": f"{base_url}/{{ID}}/e",
        "uiNewRecord": f"{base_url}/{raw['keyPrefix']}/e",
    }
    recorded = raw["childRelationships"]
    known = {(one["childSObject"], one["field"]) for one in recorded}
    added = [one for one in children if one["relationshipName"] and (one["childSObject"], one["field"]) not in known]
    layouts = f"/services/data/{version}/sobjects/{name}/describe/layouts/"
    types = [{**one, "urls": {"layout": layouts + one["recordTypeId"]}} for one in raw["recordTypeInfos"]]
    return {
        **raw,
        "fields": [{key: field[key] for key in field if key not in OWN_KEYS} for field in raw["fields"]],
        "childRelationships": [*recorded, *added],
        "recordTypeInfos": types,
        "urls": {**urls_of(name, version), **pages},
    }


def global_entry(full: Json, version: str) -> Json:
    entry = {key: full.get(key) for key in GLOBAL_KEYS}
    return {**entry, "urls": urls_of(full["name"], version)}
