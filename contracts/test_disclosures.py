"""Opening a contract or an invoice records a disclosure."""

import pytest
from django.urls import reverse

from clients.disclosure import Disclosure, DisclosureKind
from conftest import execute_as_owner
from foundation.storage import object_storage


def urls(contract) -> dict[str, str]:
    return {
        DisclosureKind.CONTRACT_PDF: reverse("contracts:pdf", args=[contract.pk]),
        DisclosureKind.INVOICE_PDF: reverse("contracts:invoice_pdf", args=[contract.invoices.get().pk]),
    }


@pytest.mark.parametrize("kind", [DisclosureKind.CONTRACT_PDF, DisclosureKind.INVOICE_PDF])
def test_each_download_of_a_document_is_recorded(as_anna, anna, signed, kind):
    for _ in range(2):
        assert as_anna.get(urls(signed)[kind]).status_code == 200

    rows = Disclosure.objects.values_list("client", "by", "what", "document")
    number = signed.number if kind == DisclosureKind.CONTRACT_PDF else signed.invoices.get().number
    assert list(rows) == [(signed.client_id, anna.pk, kind, number)] * 2


@pytest.mark.parametrize("kind", [DisclosureKind.CONTRACT_PDF, DisclosureKind.INVOICE_PDF])
def test_document_is_not_served_if_the_disclosure_cannot_be_recorded(as_anna, signed, kind):
    execute_as_owner("ALTER TABLE manager_disclosures ADD CONSTRAINT refused CHECK (false) NOT VALID")
    as_anna.raise_request_exception = False

    response = as_anna.get(urls(signed)[kind])

    assert response.status_code == 500
    assert b"%PDF" not in response.content


def test_missing_object_records_no_disclosure(as_anna, signed):
    object_storage.delete(signed.pdf_key)

    as_anna.get(urls(signed)[DisclosureKind.CONTRACT_PDF])

    assert not Disclosure.objects.exists()


def test_pages_that_link_documents_record_no_disclosure(as_anna, signed):
    for name in ("done", "card"):
        as_anna.get(reverse(f"contracts:{name}", args=[signed.client_id]))

    assert not Disclosure.objects.exists()
