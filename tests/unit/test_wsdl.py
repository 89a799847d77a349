"""WSDLs of outbound messages."""

import pytest

from common.errors import Terminal
from common.salesforce import wsdl

REAL = {
    "DiscountRule__c.wsdl": (
        "DiscountRule__c",
        "Id ContractTerm__c CreatedDate Discount__c IsDeleted LastModifiedDate Name Price__c Product__c Type__c",
    ),
    "gwestersf_workflowOutboundMessage.wsdl": (
        "gwestr__Shipment__c",
        "Id CreatedById CreatedDate IsDeleted LastModifiedById LastModifiedDate Name OwnerId SystemModstamp "
        "gwestr__ContactEmail__c gwestr__Contact_Phone__c gwestr__Insurance__c gwestr__OverWeight__c gwestr__Rush__c "
        "gwestr__Scheduled_Delivery__c gwestr__Status__c gwestr__TrackingExtId__c gwestr__Tracking_URL__c "
        "gwestr__Warnings__c gwestr__Weight__c",
    ),
    "lead_wfoutbound.wsdl": ("Lead", "Id LastModifiedDate LastName Status"),
    "opportunity_SFWonOpportunity.wsdl": ("Opportunity", "Id AccountId Billing_Contact_Email__c"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_wsdls(name, samples):
    """The object and exactly its selected fields, Id first, whether namespaced or not."""
    sobject, fields = REAL[name]

    assert (sobject, fields.split()) == wsdl.parse((samples / "outbound" / "wsdl" / name).read_bytes())


def test_there_are_no_others(samples):
    """No real WSDL is left out of the test above."""
    assert set(REAL) == {path.name for path in (samples / "outbound" / "wsdl").iterdir()}


XSD = '<schema xmlns="http://www.w3.org/2001/XMLSchema">'


@pytest.mark.parametrize(
    "text",
    [
        b"", b"not xml", b"<a>", b"\x00", b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>', b"<definitions/>", XSD.encode() + b"</schema>",
        XSD.encode() + b'<complexType name="ANotification"/></schema>',
        XSD.encode() + b'<complexType name="ANotification"><element name="sObject" type="ens:Gone"/></complexType></schema>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)  # fmt: skip
def test_what_is_no_wsdl_is_refused(text):
    """With a reason and where to find the right file."""
    with pytest.raises(Terminal) as caught:
        wsdl.parse(text)

    assert "wsdl_unreadable" == caught.value.reason
    assert "Click for WSDL" in caught.value.hint
