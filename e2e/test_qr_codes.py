"""QR codes are read from blurred pictures of the screen, as a phone's camera sees them."""

from io import BytesIO

import pytest
import zxingcpp
from django.urls import reverse
from PIL import Image, ImageFilter
from playwright.sync_api import Locator

from agreements.models import AgreementKind
from contracts.conftest import code_sent_to, sign
from contracts.models import Invoice
from contracts.payment_code import payment_text
from e2e.client_page import code_field, get_code, issue_contract, open_link, press, sit_down
from e2e.conftest import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("public_address")]


def code_in(element: Locator) -> str:
    """Return the content of the only code in a blurred picture of the element."""
    element.scroll_into_view_if_needed()
    picture = Image.open(BytesIO(element.screenshot())).convert("L").filter(ImageFilter.GaussianBlur(1.2))
    (found,) = zxingcpp.read_barcodes(picture)
    return found.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_link_and_payment_are_read_from_the_screens(open_page, make, anna, scheme):
    contract = issue_contract(make, anna, devices=2)
    desk = sit_down(open_page(color_scheme=scheme), anna, contract.client)
    url = desk.show_code()
    assert code_in(desk.page.locator("#client-link svg").first) == url
    desk.page.get_by_role("button", name="На весь экран").click()
    assert code_in(desk.page.locator("dialog[open] svg")) == url

    phone = open_page(color_scheme=scheme, device_scale_factor=2)
    open_link(phone, url)
    get_code(phone)
    code_field(phone).fill(code_sent_to(contract.client))
    press(phone, "Подписать договор")
    phone.get_by_text("Оплатить по QR-коду").click()
    invoice = Invoice.objects.get()
    assert code_in(phone.locator(".payment-code")) == payment_text(invoice, contract.snapshot)


def test_payment_is_read_from_the_manager_s_phone(open_page, make, anna):
    contract = issue_contract(make, anna, devices=2)
    make.agreement(make.fresh(contract.client), anna, AgreementKind.ELECTRONIC_SIGNATURE)
    sign(contract, anna)
    page = open_page(device_scale_factor=2)
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("contracts:done", args=[contract.client_id]))
    page.get_by_role("link", name="QR-код для оплаты").click()
    assert code_in(page.locator(".payment-code")) == payment_text(Invoice.objects.get(), contract.snapshot)
