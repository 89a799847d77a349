"""The WSDL of an outbound message, from which a receiver learns its fields and types."""

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from tests.standin.outbound.xml import OUTBOUND, SOBJECT
from tests.standin.schema import Field

ENTERPRISE = "urn:enterprise.soap.sforce.com"
XSD = "http://www.w3.org/2001/XMLSchema"
_SOAP_IDS = {"tns:ID": "ent:ID"}

_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<definitions targetNamespace="{outbound}"
             xmlns="http://schemas.xmlsoap.org/wsdl/"
             xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
             xmlns:tns="{outbound}"
             xmlns:xsd="{xsd}"
             xmlns:ent="{enterprise}"
             xmlns:ens="{sobject}">
    <types>
        <schema elementFormDefault="qualified" xmlns="{xsd}" targetNamespace="{enterprise}">
            <simpleType name="ID">
                <restriction base="xsd:string">
                    <length value="18"/>
                    <pattern value='[a-zA-Z0-9]{{18}}'/>
                </restriction>
            </simpleType>
        </schema>
        <schema elementFormDefault="qualified" xmlns="{xsd}" targetNamespace="{sobject}">
            <import namespace="{enterprise}"/>
            <complexType name="sObject">
                <sequence>
                    <element name="fieldsToNull" type="xsd:string" nillable="true" minOccurs="0"
                             maxOccurs="unbounded"/>
                    <element name="Id" type="ent:ID" nillable="true"/>
                </sequence>
            </complexType>
            <complexType name="{name}">
                <complexContent>
                    <extension base="ens:sObject">
                        <sequence>
{elements}
                        </sequence>
                    </extension>
                </complexContent>
            </complexType>
        </schema>
        <schema elementFormDefault="qualified" xmlns="{xsd}" targetNamespace="{outbound}">
            <import namespace="{enterprise}"/>
            <import namespace="{sobject}"/>
            <element name="notifications">
                <complexType>
                    <sequence>
                        <element name="OrganizationId" type="ent:ID"/>
                        <element name="ActionId" type="ent:ID"/>
                        <element name="SessionId" type="xsd:string" nillable="true"/>
                        <element name="EnterpriseUrl" type="xsd:string"/>
                        <element name="PartnerUrl" type="xsd:string"/>
                        <element name="Notification" maxOccurs="100" type="tns:{name}Notification"/>
                    </sequence>
                </complexType>
            </element>
            <complexType name="{name}Notification">
                <sequence>
                    <element name="Id" type="ent:ID"/>
                    <element name="sObject" type="ens:{name}"/>
                </sequence>
            </complexType>
            <element name="notificationsResponse">
                <complexType>
                    <sequence>
                        <element name="Ack" type="xsd:boolean"/>
                    </sequence>
                </complexType>
            </element>
        </schema>
    </types>
    <message name="notificationsRequest">
        <part element="tns:notifications" name="request"/>
    </message>
    <message name="notificationsResponse">
        <part element="tns:notificationsResponse" name="response"/>
    </message>
    <portType name="NotificationPort">
        <operation name="notifications">
            <documentation>Process a number of notifications.</documentation>
            <input message="tns:notificationsRequest"/>
            <output message="tns:notificationsResponse"/>
        </operation>
    </portType>
    <binding name="NotificationBinding" type="tns:NotificationPort">
        <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
        <operation name="notifications">
            <soap:operation soapAction=""/>
            <input><soap:body use="literal"/></input>
            <output><soap:body use="literal"/></output>
        </operation>
    </binding>
    <service name="NotificationService">
        <documentation>Notification Service Implementation</documentation>
        <port binding="tns:NotificationBinding" name="Notification">
            <soap:address location={endpoint}/>
        </port>
    </service>
</definitions>
"""


def wsdl(name: str, fields: Iterable[Field], endpoint: str) -> str:
    """The WSDL of one definition; fields in the order in which they are sent."""
    elements = "\n".join(_element(field) for field in fields)
    return _TEMPLATE.format(
        outbound=OUTBOUND,
        enterprise=ENTERPRISE,
        sobject=SOBJECT,
        xsd=XSD,
        name=name,
        elements=elements,
        endpoint=quoteattr(endpoint),
    )


def _element(field: Field) -> str:
    kind = _SOAP_IDS.get(field.raw["soapType"], field.raw["soapType"])
    return " " * 24 + f'<element name="{field.name}" nillable="true" minOccurs="0" type="{kind}"/>'
