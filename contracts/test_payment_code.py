"""The payment code is read back from the PDF, from a page and from a blurred picture by another library."""

from decimal import Decimal
from io import BytesIO

import pypdfium2
import pytest
import zxingcpp
from django.urls import reverse
from PIL import ImageFilter

from contracts import pdf, sample
from contracts.models import Invoice, InvoiceStatus
from contracts.payment_code import payment_text
from contracts.snapshot import CompanyPart
from contracts.test_pdf import invoice as sample_invoice
from contracts.test_pdf import text


def codes_in(picture) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def page_of(file: bytes, scale: float):
    return pypdfium2.PdfDocument(BytesIO(file))[0].render(scale=scale).to_pil().convert("L")


def values_of(content: str) -> dict[str, str]:
    header, *pairs = content.split("|")
    assert header == "ST00012"
    return dict(pair.split("=", 1) for pair in pairs)


def test_code_has_the_details_of_the_transfer():
    assert values_of(payment_text(sample_invoice(), sample.sample_snapshot())) == {
        "Name": "ООО «Привет Сервис»",
        "PersonalAcc": "40702810000000000000",
        "BankName": "ПАО Сбербанк",
        "BIC": "044525225",
        "CorrespAcc": "30101810400000000225",
        "Sum": "151250",
        "Purpose": "Оплата по счёту № ИВ-261123-01/1, договор № ИВ-261123-01. Без НДС",
        "PayeeINN": "7700000000",
        "KPP": "770001001",
        "LastName": "Иванов",
        "FirstName": "Пётр",
        "MiddleName": "Сергеевич",
    }


def test_values_can_not_break_the_format():
    snapshot = sample.sample_snapshot(
        1, person={"last_name": "А|Sum=1|Б", "middle_name": ""}, company={"name": "Я" * 500}
    )
    values = values_of(payment_text(sample_invoice(amount=Decimal("0.01")), snapshot))
    assert (values["Sum"], values["LastName"], len(values["Name"])) == ("1", "А Sum=1 Б", 160)
    assert "MiddleName" not in values


@pytest.mark.parametrize("blur", [0, 1.5])
def test_code_is_readable_in_the_invoice(blur):
    invoice, snapshot = sample_invoice(), sample.sample_snapshot()
    picture = page_of(pdf.render_invoice(invoice, snapshot), scale=3).filter(ImageFilter.GaussianBlur(blur))
    assert codes_in(picture) == [payment_text(invoice, snapshot)]


@pytest.mark.parametrize("status", [InvoiceStatus.PAID, InvoiceStatus.CANCELLED])
def test_invoice_with_nothing_to_pay_has_no_code(status):
    file = pdf.render_invoice(sample_invoice(status=status), sample.sample_snapshot())
    assert codes_in(page_of(file, scale=3)) == []


@pytest.mark.parametrize(("rate", "words"), [("0", "Без НДС"), ("22", "В том числе НДС 22 % — 272,75 ₽")])
def test_invoice_states_the_vat(rate, words):
    file = pdf.render_invoice(sample_invoice(), sample.sample_snapshot(company={"vat_rate": rate}))
    assert words in text(file).replace("\u00a0", " ")


def test_invoice_of_an_earlier_snapshot_does_not_state_the_vat(settings):
    settings.COMPANY_VAT_RATE = "22"
    assert CompanyPart.from_settings().vat_rate == "22"
    older = sample.sample_snapshot(company={"vat_rate": ""})
    assert "НДС" not in text(pdf.render_invoice(sample_invoice(), older))
    assert "НДС" not in payment_text(sample_invoice(), older)


# Access


def test_manager_shows_the_code_of_a_pending_invoice(signed, invoice, as_anna):
    url = reverse("contracts:invoice_code", args=[invoice.pk])
    assert url in as_anna.get(reverse("contracts:done", args=[signed.client_id])).text
    page = as_anna.get(url).text
    assert "<svg" in page
    assert invoice.number in page
    assert signed.client.disclosures.filter(document=invoice.number).exists()

    Invoice.objects.filter(pk=invoice.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=invoice.created_at)
    assert as_anna.get(url).url == reverse("contracts:card", args=[signed.client_id])
    assert url not in as_anna.get(reverse("contracts:done", args=[signed.client_id])).text


def test_others_do_not_see_the_code(invoice, as_boris, as_vera):
    for browser in (as_boris, as_vera):
        assert browser.get(reverse("contracts:invoice_code", args=[invoice.pk])).status_code == 404
