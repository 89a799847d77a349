"""Signing in by SOAP, and who one is."""

from dataclasses import replace

from tests.standin.errors import Refused
from tests.standin.org import Org
from tests.standin.sign_in.auth import Denied
from tests.standin.soap_api.envelope import Call
from tests.standin.store import Actor
from tests.standin.web import Json, Request, flag

LAST_LOGIN_VERSION = 64  #: login() is gone from 65.0 on
SESSION_SECONDS = 7200
UNKNOWN = "Invalid username, password, security token; or user locked out."
SWITCHED_OFF = "SOAP API login() is disabled by default in this org."


def login(org: Org, request: Request, call: Call, letter: str, version: str) -> Json:
    """A LoginResult; the session is the user's own, without a client."""
    if not org.settings["soapLogin"]:
        raise Refused("INVALID_OPERATION", SWITCHED_OFF)
    try:
        who = org.grants.login(call.text("username"), call.text("password"))
    except Denied as exc:
        raise Refused("INVALID_LOGIN", UNKNOWN) from exc
    scope = call.option("LoginScopeHeader", "organizationId")
    if scope and scope[:15] != org.id[:15]:
        raise Refused("INVALID_LOGIN", UNKNOWN)
    session = org.sessions.open(who.user_id, "")
    base = request.base_url or org.base_url
    return {
        "metadataServerUrl": f"{base}/services/Soap/m/{version}/{org.id[:15]}",
        "passwordExpired": False,
        "sandbox": False,
        "serverUrl": f"{base}/services/Soap/{letter}/{version}/{org.id[:15]}",
        "sessionId": session.token,
        "userId": who.user_id,
        "userInfo": user_info(org, who.user_id),
    }


def actor(org: Org, call: Call, version: str) -> Actor:
    """Who calls, by the SessionHeader."""
    token = call.option("SessionHeader", "sessionId")
    if org.sessions.find(token) is None:
        message = (
            "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash: "
            "this is expected, it can happen if the session has expired and swept away, or if the user logs out, or "
            "if its just someone trying to hack in."
        )
        raise Refused("INVALID_SESSION_ID", message)
    found = org.sessions.acting(token, "soap", version, call.option("CallOptions", "client"))
    return replace(
        found,
        saves_duplicates=flag(call.option("DuplicateRuleHeader", "allowSave")),
        shows_duplicates=flag(call.option("DuplicateRuleHeader", "includeRecordDetails")),
    )


def user_info(org: Org, user_id: str) -> Json:
    """A GetUserInfoResult."""
    user = org.store.tables["User"].records[user_id]
    return {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": 5242880,
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDefaultCurrencyLocale": "en_US",
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": False,
        "organizationId": org.id,
        "organizationMultiCurrency": False,
        "organizationName": "Salesforce stand-in",
        "profileId": "00eSb0000000001AAA",
        "roleId": None,
        "sessionSecondsValid": int(org.sessions.timeout_seconds or SESSION_SECONDS),
        "userDefaultCurrencyIsoCode": None,
        "userEmail": user.get("Email"),
        "userFullName": user.get("Name"),
        "userId": user_id,
        "userLanguage": "en_US",
        "userLocale": "en_US",
        "userName": user.get("Username"),
        "userTimeZone": "GMT",
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }
