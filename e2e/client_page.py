"""Two browsers at once: the manager's screen at step 2 or 4, and the client's phone."""

from dataclasses import dataclass

from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from agreements.models import AgreementKind
from clients.models import Client
from contracts import issuing
from contracts.models import Contract
from e2e.conftest import sign_in
from managers.models import Manager

CONTRACT, CONSENT = "contracts:contract", "passport:passport"


@dataclass
class Desk:
    """The manager's screen. `page` shows a step of a client."""

    page: Page

    def show_code(self) -> str:
        """Show a new QR code. Return the address in it."""
        with self.page.expect_response("**/link/"):
            self.page.get_by_role("button", name="QR-код").last.click()
        return self.page.locator("#link-url").input_value()

    @property
    def advice(self) -> Locator:
        return self.page.locator("[data-advice]")

    def done(self, stage: str) -> Locator:
        """The stage, once the client has done it."""
        return self.page.locator(".stages .done").filter(has_text=stage)


def sit_down(page: Page, manager: Manager, client: Client, step: str = CONTRACT) -> Desk:
    """Sign in and open a step of the client."""
    sign_in(page, manager.email)
    page.wait_for_url("**/clients/**")
    return visit(page, client, step)


def visit(page: Page, client: Client, step: str = CONTRACT) -> Desk:
    page.goto(reverse(step, args=[client.pk]))
    return Desk(page)


def open_link(page: Page, url: str) -> None:
    """Scan the code and press «Продолжить»."""
    page.goto(url)
    press(page, "Продолжить")
    page.wait_for_url("**/page/**")


def read_to_the_end(page: Page) -> None:
    """Scroll through the text, half a screen at a time."""
    end = page.locator("[data-text-end]")
    while end.bounding_box()["y"] > page.viewport_size["height"] / 2:
        page.evaluate("() => { scrollBy(0, innerHeight / 2); return new Promise(requestAnimationFrame) }")


def tick_all(page: Page) -> None:
    for box in page.locator("#sign input[type=checkbox]").all():
        box.check()


def get_code(page: Page) -> None:
    """Accept everything and get a code."""
    tick_all(page)
    press(page, "Получить код")
    expect(page.get_by_text("Код отправлен")).to_be_visible()


def code_field(page: Page) -> Locator:
    return page.get_by_label("Код", exact=True)


def paste(field: Locator, text: str) -> None:
    field.evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def expect_title(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1).first).to_have_text(text)


def issue_contract(make, manager: Manager, **options) -> Contract:
    """A contract whose client still has to accept the agreement on electronic signatures."""
    contract = issuing.issue(make.awaiting_contract(manager, **options), by=manager)
    agreement = contract.client.agreements.get(kind=AgreementKind.ELECTRONIC_SIGNATURE)
    agreement.withdraw(by=manager, reason="тест", now=agreement.given_at)
    return contract
