"""A whole stack with its page, Debian's Chromium, and a person in front of it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.stack import ports, sample
from tests.stack.process import ROOT
from tests.stack.stack import Stack, running

UI = ROOT / "functions" / "console" / "ui"
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or ROOT / ".screenshots")
CHROMIUM = "/usr/bin/chromium"
ALLOWED = "--explicitly-allowed-ports=10080"  #: browsers refuse this one, which an offset of 2000 leads to
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SERIOUS = ("serious", "critical")
ARRIVAL_MS = 30_000  #: generous: a loaded machine sends late, and this is no measurement


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything of `make run`, with accounts and contacts mapped and loaded."""
    assert (UI / "dist" / "index.html").exists(), "the page is not built: run `make ui`"
    folder = tmp_path_factory.mktemp("browser")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:  # Postgres' own user must be able to enter
        parent.chmod(0o755)
    with running(Stack(folder, ports.free_offset())) as stack:
        client = sample.Client(stack)
        sample.prepare(stack, client)
        sample.load(client)
        yield stack


@pytest.fixture(scope="session")
def org(stack: Stack) -> sample.Client:
    """A person in Salesforce."""
    return sample.Client(stack)


@pytest.fixture(scope="session")
def rows(stack: Stack) -> Iterator[sample.Rows]:
    """A person in psql."""
    rows = sample.Rows(stack)
    yield rows
    rows.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", ALLOWED])
        yield browser
        browser.close()


class Person:
    """Somebody at the console's page, in their language and on their screen; what the browser complains of fails."""

    def __init__(self, page: Page, words: dict[str, Any], name: str) -> None:
        self.page = page
        self.words = words
        self._name = name
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        expected = "401" in message.text  # who is not signed in asks who they are
        if message.type == "error" and not expected:
            self.complaints.append(message.text)

    def go(self, place: str) -> None:
        """Follow the page's own navigation."""
        self.page.evaluate("place => { location.hash = place }", f"#/{place}")

    def picture(self, name: str) -> None:
        """Keep what is seen, and find nothing that shuts somebody out."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{self._name}-{name}.png", full_page=True, animations="disabled")
        faults = self.page.evaluate(AXE)
        assert [] == [f for f in faults if f["impact"] in SERIOUS], name


AXE = """async () => {
    const found = await axe.run(document, { resultTypes: ['violations'] })
    return found.violations.map(v => ({ id: v.id, impact: v.impact, help: v.help, where: v.nodes.map(n => n.html.slice(0, 200)) }))
}"""

Meet = Callable[..., Person]


@pytest.fixture
def meet(browser: Browser, stack: Stack) -> Iterator[Meet]:
    """Opens the page for somebody."""
    people: list[Person] = []

    def open_page(
        name: str, language: str = "en", size: str = "desktop", scheme: str = "light", role: str = "operator"
    ) -> Person:
        context = browser.new_context(
            viewport=SIZES[size], locale={"en": "en-GB", "ko": "ko-KR"}[language], color_scheme=scheme,
            timezone_id="Asia/Seoul", has_touch=size == "phone", reduced_motion="reduce",
        )  # fmt: skip
        context.add_init_script(path=UI / "node_modules" / "axe-core" / "axe.min.js")
        context.set_default_timeout(ARRIVAL_MS)
        page = context.new_page()
        person = Person(page, dictionary(language), name)
        people.append(person)
        page.goto(stack.console_link(role))
        return person

    yield open_page
    for person in people:
        person.page.context.close()
        assert [] == person.complaints


def dictionary(language: str) -> dict[str, Any]:
    """The page's own words."""
    held: dict[str, Any] = json.loads((UI / "src" / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return held
