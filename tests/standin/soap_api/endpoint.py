"""POST /services/Soap/u/67.0 (partner) and /c/67.0 (enterprise): one call in, one envelope out."""

from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.rest.roads import FIRST_VERSION, LAST_VERSION
from tests.standin.soap_api import envelope, people
from tests.standin.soap_api.envelope import KINDS, Call, ClientFault
from tests.standin.soap_api.operations import OPERATIONS, Asked
from tests.standin.web import Reply, Request

ROOT = "/services/Soap/"


def answer(org: Org, request: Request, letter: str, version: str) -> Reply:
    """Everything below /services/Soap/u and /services/Soap/c; refusals are faults with status 500."""
    request.resource = "soap"
    try:
        _check_version(version)
        call = envelope.parse(request.body)
        request.resource = f"soap/{call.name}"
        return _operation(org, request, call, letter, version)
    except ClientFault as exc:
        return envelope.client_fault(str(exc))
    except Refused as exc:
        return envelope.fault(KINDS[letter], exc)


def refusal(path: str, exc: Refused) -> Reply:
    """A refusal of a call that never came to its work: a fault to order, or a request that fails whole."""
    return envelope.fault(KINDS.get(path.removeprefix(ROOT)[:1], "partner"), exc)


def _check_version(version: str) -> None:
    number, _, rest = version.partition(".")
    if rest != "0" or not number.isdigit() or not FIRST_VERSION <= int(number) <= LAST_VERSION:
        raise Refused("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")


def _operation(org: Org, request: Request, call: Call, letter: str, version: str) -> Reply:
    kind, limit = KINDS[letter], int(org.settings["dailyApiRequests"])
    if call.name == "login" and int(version.partition(".")[0]) <= people.LAST_LOGIN_VERSION:
        result = envelope.xml("result", people.login(org, request, call, letter, version))
        return envelope.answer(kind, call.name, [result], None, limit)
    operation = OPERATIONS.get(call.name)
    if operation is None:
        wanted = f"{{urn:{kind}.soap.sforce.com}}{call.name}"
        raise ClientFault(f"No operation available for request {wanted}, please check the WSDL for the service.")
    request.actor = people.actor(org, call, version)
    request.version = f"v{version}"
    if org.settings["enforceApiLimit"] and org.calls.used_today >= limit:
        raise Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    org.calls.count_api_call()
    results = operation(Asked(org, request, call))
    return envelope.answer(kind, call.name, results, org.calls.used_today, limit)
