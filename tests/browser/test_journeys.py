"""What people do at the console, in both languages: map, watch, break, find, mend."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ARRIVAL_MS, Meet, Person
from tests.stack import sample
from tests.stack.stack import Stack

expect.set_options(timeout=ARRIVAL_MS)

NEW = {"en": "Lead", "ko": "Opportunity"}  #: each language maps an object of its own
REQUIRED = {
    "Lead": {"LastName": "Strait", "Company": "Isthmus"},
    "Opportunity": {"Name": "운하", "StageName": "Prospecting", "CloseDate": "2027-01-31"},
}  # fmt: skip
REFUSED = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Phone numbers begin with 0"}


def at_home(person: Person) -> None:
    """The first screen is there."""
    expect(person.page.get_by_role("heading", name=person.words["overview"]["title"])).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_first_screen_tells_how_it_stands(meet: Meet, language: str) -> None:
    """Well or not, each check, how far behind each mapping is, and the day's bars; in the reader's language."""
    person = meet(f"{language}-overview", language)
    words, page = person.words, person.page

    at_home(person)

    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("[data-object=Account]")).to_be_visible()
    for check in ("waiting", "failures", "letters", "conflicts", "api_limit"):
        expect(page.locator(f"[data-check={check}]")).to_contain_text(words["check"][check])
    expect(page.get_by_role("img", name=re.compile(re.escape(words["trends"]["chart"])))).to_be_visible()
    expect(page.locator("[data-live=live]")).to_be_visible()
    person.picture("first")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_mapping_is_made_and_rows_arrive(
    meet: Meet, stack: Stack, org: sample.Client, rows: sample.Rows, language: str
) -> None:
    """Fields are picked, the statements shown, the mapping made; a new record arrives, and the trend moves."""
    person, name = meet(f"{language}-mapping", language), NEW[language]
    words, page = person.words["mappings"], person.page
    at_home(person)

    person.go("mappings/new")
    page.get_by_role("combobox", name=words["object"]).fill(name)
    page.get_by_role("option", name=re.compile(rf"\b{name}\b")).first.click()
    page.get_by_label(words["search"]).fill("name")
    page.get_by_role("button", name=words["chooseShown"]).click()
    page.get_by_label(words["search"]).fill("")
    person.picture("picker")
    page.get_by_role("button", name=words["preview"]).click()
    expect(page.get_by_text(f'CREATE TABLE "salesforce"."{name.lower()}"')).to_be_visible()
    person.picture("preview")
    page.get_by_role("button", name=words["create"]).click()
    expect(page.locator(f"li[data-object={name}]")).to_be_visible()
    person.picture("list")

    (mapped,) = (m for m in sample.mapped(stack) if m.sobject == name)
    sample.send_outbound_messages(stack, org, mapped)
    org.rest("POST", f"sobjects/{name}", REQUIRED[name])
    sample.wait_until(lambda: rows.run(f"SELECT count(*) FROM {mapped.table}") == [[1]], "the new record", 60)

    person.go("overview")
    expect(page.locator(f"tr[data-object={name}] time")).to_be_visible()
    person.go("trends")
    page.get_by_role("combobox", name=person.words["trends"]["object"], exact=True).click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.locator("[data-total='1']")).to_be_visible()
    person.picture("trend")
    page.get_by_role("button", name=person.words["trends"]["asTable"]).click()
    person.picture("trend-table")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_breaks_is_found_and_replayed(meet: Meet, org: sample.Client, rows: sample.Rows, language: str) -> None:
    """An edit that Salesforce refuses shows on the open page by itself, with its reason; once mended it is replayed."""
    person, number = meet(f"{language}-failure", language), {"en": "911", "ko": "912"}[language]
    words, page = person.words["failures"], person.page
    at_home(person)
    org.control("POST", "faults", {"record_error": REFUSED, "where": {"field": "Phone", "matches": f"^{number}$"}})

    rows.run("UPDATE salesforce.account SET phone = :phone WHERE id = 'sample-2'", phone=number)
    expect(page.locator("[data-check=letters][data-state=trouble]")).to_be_visible()
    person.picture("trouble")
    page.locator("[data-check=letters]").get_by_role("link").click()
    reason = page.locator("[data-reason]")
    expect(reason).to_contain_text("field_custom_validation_exception", ignore_case=True)
    reason.get_by_role("button", name=words["showAll"]).click()
    letter = page.locator("[data-letter]")
    letter.get_by_role("button", name=re.compile(f"^{words['show']}")).click()
    expect(letter).to_contain_text("Phone numbers begin with 0")
    person.picture("letter")
    letter.get_by_role("link").click()
    expect(page.locator("[data-step=captured]").first).to_be_visible()
    expect(page.locator("[data-step=buried]").first).to_be_visible()
    person.picture("journey")

    org.control("DELETE", "faults")
    person.go("failures/letters")
    page.locator("[data-reason]").get_by_role("button", name=re.compile(f"^{words['replay']}")).first.click()
    expect(page.get_by_text(words["noLetters"])).to_be_visible()
    account = "sobjects/Account/External_Id__c/sample-2"
    sample.wait_until(lambda: org.rest("GET", account)["Phone"] == number, "the replayed edit", 60)
    person.go("overview")
    expect(page.locator("[data-check=letters][data-state=ok]")).to_be_visible()
    expect(page.locator("[data-check=failures][data-state=ok]")).to_be_visible()
    person.picture("well-again")


def test_everything_is_paused_and_resumed(meet: Meet) -> None:
    """With the reason, for everybody to see; who did it stands in the audit."""
    person = meet("en-pause")
    words, page = person.words["overview"], person.page
    at_home(person)

    page.get_by_role("button", name=words["pauseAll"]).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(words["why"]).fill("the org moves")
    person.picture("dialog")
    dialog.get_by_role("button", name=words["pauseAll"]).click()
    expect(page.get_by_text("the org moves").first).to_be_visible()
    person.picture("paused")
    page.get_by_role("button", name=words["resumeAll"]).click()
    expect(page.get_by_role("button", name=words["pauseAll"])).to_be_visible()

    person.go("operations")
    expect(page.locator("[data-action='everything.pause']").first).to_contain_text("the org moves")
    expect(page.locator("[data-schedule=drain]")).to_be_visible()
    person.picture("operations")


def test_a_mapping_is_changed(meet: Meet, rows: sample.Rows) -> None:
    """A field is taken out: what would be done is shown, then done; the column stays."""
    person = meet("en-editor")
    words, page = person.words["mappings"], person.page
    at_home(person)

    page.locator("tr[data-object=Contact]").get_by_role("link").click()
    page.get_by_label(words["search"]).fill("department")
    page.get_by_role("checkbox", name=re.compile("Department")).first.uncheck()
    page.get_by_role("button", name=words["preview"]).click()
    expect(page.get_by_text("isthmus_capture_update").first).to_be_visible()
    person.picture("change")
    page.get_by_role("button", name=words["save"]).click()
    expect(page.get_by_text("Contact was changed.")).to_be_visible()

    kept = rows.run(
        "SELECT fields::text LIKE '%Department%' FROM isthmus.sync_configurations WHERE sf_object_name = 'Contact'"
    )
    assert [[False]] == kept


def test_a_viewer_is_offered_nothing_to_change(meet: Meet) -> None:
    """No button that would be refused."""
    person = meet("en-viewer", role="viewer")
    page = person.page
    at_home(person)

    expect(page.get_by_role("button", name=person.words["overview"]["pauseAll"])).to_have_count(0)
    person.go("mappings")
    expect(page.locator("li[data-object=Account]")).to_be_visible()
    expect(page.locator("li[data-object=Account]").get_by_role("button")).to_have_count(0)
    page.locator("li[data-object=Account]").get_by_role("link").click()
    expect(page.get_by_text("salesforce.account")).to_be_visible()
    expect(page.get_by_role("button", name=person.words["mappings"]["preview"])).to_have_count(0)
    person.picture("mapping")


def test_a_used_link_says_so(meet: Meet, stack: Stack) -> None:
    """And how to get another one."""
    person = meet("en-link")
    at_home(person)
    used = stack.console_link()
    person.page.goto("about:blank")
    person.page.goto(used)
    at_home(person)
    person.page.context.clear_cookies()

    person.page.goto("about:blank")
    person.page.goto(used)

    expect(person.page.get_by_role("alert")).to_contain_text("isthmus console link")
    person.picture("used")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(meet: Meet, scheme: str) -> None:
    """Every page, in both colours, without anything to scroll sideways for."""
    person = meet(f"phone-{scheme}", "ko", "phone", scheme)
    page = person.page
    at_home(person)

    for place in ("overview", "mappings", "trends", "failures", "records", "operations"):
        person.go(place)
        expect(page.get_by_role("heading", level=2)).to_have_text(
            person.words["nav" if place == "" else place]["title"]
        )
        expect(page.get_by_role("status", name=person.words["loading"])).to_have_count(0)
        person.picture(place)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    page.get_by_role("button", name=person.words["menu"]).click()
    expect(page.get_by_role("link", name=person.words["nav"]["trends"])).to_be_visible()
    person.picture("menu")


def test_the_keyboard_is_enough(meet: Meet) -> None:
    """Skipping to the content, and every link of the menu by Tab and Enter."""
    person = meet("en-keyboard")
    page = person.page
    at_home(person)

    page.keyboard.press("Tab")
    expect(page.get_by_text(person.words["skip"])).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    link = page.get_by_role("link", name=person.words["nav"]["failures"])
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=person.words["failures"]["title"])).to_be_visible()
    page.get_by_role("tab", name=person.words["failures"]["letters"]).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name=person.words["failures"]["refused"])).to_be_focused()


def test_a_hidden_page_closes_its_stream(meet: Meet) -> None:
    """What nobody looks at asks for nothing; looked at again, it goes on."""
    person = meet("en-hidden")
    page = person.page
    at_home(person)
    expect(page.locator("[data-live=live]")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.evaluate("""() => {
        Object.defineProperty(document, 'hidden', { value: true, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
    }""")
    expect(page.locator("[data-live=resting]")).to_be_visible()
    before = len(asked)
    page.evaluate("""() => {
        Object.defineProperty(document, 'hidden', { value: false, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
    }""")
    expect(page.locator("[data-live=live]")).to_be_visible()

    assert 0 == before
    assert any(url.endswith("/api/events") for url in asked)


def test_the_api_describes_itself(meet: Meet, stack: Stack) -> None:
    """/docs, without asking another host for anything."""
    person = meet("en-docs")
    at_home(person)
    elsewhere: list[str] = []
    home = stack.door_url("console")
    person.page.on("request", lambda r: None if r.url.startswith((home, "data:")) else elsewhere.append(r.url))

    person.page.goto(f"{home}/docs")

    expect(person.page.get_by_text("/api/sync-metrics/trends")).to_be_visible()
    assert [] == elsewhere
