"""The documents of which a client gets copies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import Prefetch

from agreements.models import Agreement
from agreements.withdrawal_act import render_withdrawal_act
from clients.models import Client
from contracts import pdf
from contracts.models import Contract, Invoice, InvoiceStatus
from documents.files import stored_pdf


class DocumentKind(StrEnum):
    """Kinds of documents. The values are in their URLs."""

    CONTRACT = "contract"
    INVOICE = "invoice"
    AGREEMENT = "agreement"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True)
class Document:
    """A document in the list. `at`: when it was signed, issued, accepted or withdrawn."""

    kind: DocumentKind
    pk: UUID
    title: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class File:
    """The PDF of a document, with its title in the list."""

    title: str
    content: bytes


def list_documents(client: Client) -> list[Document]:
    """Return the client's contracts, newest first, each with its invoices; then the agreements and withdrawals."""
    contracts = _contracts(client).prefetch_related(Prefetch("invoices", _invoices(client).order_by("created_at")))
    return [*_with_invoices(contracts), *_agreements(client)]


def _with_invoices(contracts: models.QuerySet[Contract]) -> Iterator[Document]:
    for contract in contracts.newest_first():
        yield Document(DocumentKind.CONTRACT, contract.pk, f"Договор {contract.number}", contract.signed_at)
        for invoice in contract.invoices.all():
            yield Document(
                DocumentKind.INVOICE,
                invoice.pk,
                f"Счёт {invoice.number}",
                invoice.created_at,
                InvoiceStatus(invoice.status).label.lower(),
            )


def _agreements(client: Client) -> Iterator[Document]:
    for agreement in client.agreements.order_by("-given_at", "-pk"):
        title = agreement.get_kind_display()
        yield Document(DocumentKind.AGREEMENT, agreement.pk, title, agreement.given_at, f"№ {agreement.number}")
        if agreement.is_withdrawn:
            title = f"Подтверждение отзыва № {agreement.number}"
            yield Document(DocumentKind.WITHDRAWAL, agreement.pk, title, agreement.withdrawn_at)


def load_file(client: Client, kind: str, pk: UUID) -> File:
    """Return one of the client's documents.

    Raises ObjectDoesNotExist if the client has no such document, and object_storage.StorageUnavailable or
    object_storage.ObjectNotFound if its file can't be read.
    """
    if kind not in LOADERS:
        raise ObjectDoesNotExist
    return LOADERS[kind](client, pk)


def _contracts(client: Client) -> models.QuerySet[Contract]:
    """Signed contracts, as long as they are retained."""
    return client.contracts.signed().filter(erased_at=None)


def _invoices(client: Client) -> models.QuerySet[Invoice]:
    invoices = Invoice.objects.filter(contract__in=_contracts(client))
    return invoices.exclude(status=InvoiceStatus.CANCELLED)


def _load_contract(client: Client, pk: UUID) -> File:
    contract = _contracts(client).get(pk=pk)
    return File(f"Договор {contract.number}", stored_pdf(contract.pdf_key, contract.pdf_sha256))


def _load_invoice(client: Client, pk: UUID) -> File:
    invoice = _invoices(client).select_related("contract").get(pk=pk)
    return File(f"Счёт {invoice.number}", pdf.render_invoice(invoice, invoice.contract.snapshot))


def _load_agreement(client: Client, pk: UUID) -> File:
    agreement = client.agreements.get(pk=pk)
    file = stored_pdf(agreement.pdf_key, agreement.pdf_sha256)
    return File(f"{agreement.get_kind_display()} № {agreement.number}", file)


def _load_withdrawal(client: Client, pk: UUID) -> File:
    agreement: Agreement = client.agreements.select_related("withdrawn_by").get(pk=pk, withdrawn_by__isnull=False)
    return File(f"Подтверждение отзыва № {agreement.number}", render_withdrawal_act(agreement))


LOADERS: dict[str, Callable[[Client, UUID], File]] = {
    DocumentKind.CONTRACT: _load_contract,
    DocumentKind.INVOICE: _load_invoice,
    DocumentKind.AGREEMENT: _load_agreement,
    DocumentKind.WITHDRAWAL: _load_withdrawal,
}
