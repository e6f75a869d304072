from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db.models import Q, QuerySet
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from clients.admin import ClientAdmin, ClientSearchMixin
from clients.models import Client
from contracts import signing
from contracts.evidence import evidence_is_intact
from contracts.models import (
    MAX_ATTEMPTS_PER_CONTRACT,
    Contract,
    ContractEvent,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentClaim,
    SigningCode,
)
from contracts.signals_admin import HasSignalsFilter, SignalInline
from foundation.admin.base import ReadOnlyAdmin, ReadOnlyTabularInline, rubles_column
from foundation.templatetags import formats
from links.models import Link
from managers.history import history_of
from managers.history_admin import HistoryAdminMixin

STATE_FILTERS = {
    "waiting": ("Ожидает подписи", Q(signed_at=None, void_at=None)),
    "locked": (
        "Подписание заблокировано",
        Q(signed_at=None, void_at=None, failed_tries__gte=MAX_ATTEMPTS_PER_CONTRACT),
    ),
    "signed": ("Подписан", Q(signed_at__isnull=False)),
    "paid": ("Оплачен", Q(paid_at__isnull=False) | Q(due=0)),
    "void": ("Аннулирован", Q(void_at__isnull=False)),
}


class StateFilter(admin.SimpleListFilter):
    title = "состояние"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [(name, label) for name, (label, _) in STATE_FILTERS.items()]

    def queryset(self, request, queryset):
        return queryset.filter(STATE_FILTERS[self.value()][1]) if self.value() in STATE_FILTERS else queryset


class SigningCodeInline(ReadOnlyTabularInline):
    model = SigningCode
    fields = ["sent_at", "requested_on", "expires_at", "failed_tries", "used_at"]
    ordering = ["-sent_at"]


class LinkInline(ReadOnlyTabularInline):
    """What the client did on their page."""

    model = Link
    fields = [
        "created_at", "created_by", "opened_at", "ip", "user_agent", "pdf_opened_at", "read_at", "agreed_at",
        "code_sent_at", "signed_at", "refused_at", "refusal_reason",
    ]  # fmt: skip
    related = ("created_by",)


class ContractEventInline(ReadOnlyTabularInline):
    model = ContractEvent
    fields = ["number", "at", "what", "by", "facts"]
    related = ("by",)
    ordering = ["number"]


class InvoiceInline(ReadOnlyTabularInline):
    model = Invoice
    fields = ["number", "sum", "due_on", "status", "created_at", "paid_at", "cancelled_at"]
    readonly_fields = ["sum"]
    sum = rubles_column(Invoice, "amount")
    show_change_link = True


class PaymentClaimInline(ReadOnlyTabularInline):
    model = PaymentClaim
    fields = ["paid_at", "amount", "payer_id", "noted_at", "outcome", "resolved_at", "resolved_by"]
    related = ("resolved_by",)


class PaymentInline(ReadOnlyTabularInline):
    model = Payment
    fields = ["method", "confirmed_at", "confirmed_by", "note", "undone_at", "undone_by", "undo_reason"]
    related = ("confirmed_by", "undone_by")


class PdfLinkMixin:
    """A column with a link to the view that checks access and serves the PDF."""

    @admin.display(description="PDF")
    def pdf(self, obj) -> str:
        if getattr(obj, "contract", obj).erased_at:
            return "уничтожен"
        return format_html('<a href="{}" target="_blank" rel="noopener">PDF</a>', reverse(self.pdf_url, args=[obj.pk]))


@admin.register(Contract)
class ContractAdmin(HistoryAdminMixin, PdfLinkMixin, ClientSearchMixin, ReadOnlyAdmin):
    """Contracts with the evidence of their signatures. The contents of a contract are only in its PDF."""

    pdf_url = "contracts:pdf"
    plural_forms = ("договор", "договора", "договоров")
    list_display = ["number", "client", "state", "sum", "issued_at", "issued_by", "signals", "pdf"]
    list_filter = [StateFilter, HasSignalsFilter]
    search_fields = ["number"]
    actions = ["unlock"]
    sum, due_sum = rubles_column(Contract, "surcharge"), rubles_column(Contract, "due")
    inlines = [SignalInline, LinkInline, SigningCodeInline, InvoiceInline, ContractEventInline]
    fieldsets = [
        (None, {"fields": ["number", "client", "state", "pdf", "sum", "due_sum", "template_version", "pdf_sha256"]}),
        ("Ход", {"fields": ["issued_at", "issued_by", "failed_tries", "void_at", "voided_by", "paid_at", "paid_by"]}),
        (
            "Подпись",
            {
                "fields": [
                    "signed_at",
                    "signed_by",
                    "pep_agreed_at",
                    "pep_text_version",
                    "code_channel",
                    "code_sent_at",
                    "code_entered_at",
                    "code_entered_on",
                    "signer_ip",
                    "user_agent",
                    "evidence",
                    "evidence_hmac",
                    "is_intact",
                    "erased_at",
                ]
            },
        ),
    ]

    def get_queryset(self, request):
        contracts = super().get_queryset(request).defer("encrypted_snapshot").select_related("client", "issued_by")
        return contracts.with_signals_for(request.user)

    @admin.display(description="состояние")
    def state(self, contract: Contract) -> str:
        return "Подписание заблокировано" if contract.is_open and contract.is_locked else contract.status_label

    @admin.display(description="сигналы")
    def signals(self, contract: Contract) -> str:
        return ", ".join(signal.get_kind_display() for signal in contract.shown_signals) or "—"

    @admin.display(description="доказательство подлинно", boolean=True)
    def is_intact(self, contract: Contract) -> bool | None:
        return evidence_is_intact(contract) if contract.signed_at and not contract.erased_at else None

    @admin.action(
        description="Разблокировать подписание", location=[ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]
    )
    def unlock(self, request, queryset):
        locked = list(queryset.filter(STATE_FILTERS["locked"][1]))
        for contract in locked:
            signing.unlock(contract, by=request.user)
        if locked:
            self.message_user(request, f"Разблокировано договоров: {len(locked)}.", messages.SUCCESS)
        else:
            self.message_user(request, "Среди выбранных нет заблокированных договоров.", messages.WARNING)


@admin.register(Invoice)
class InvoiceAdmin(HistoryAdminMixin, PdfLinkMixin, ClientSearchMixin, ReadOnlyAdmin):
    client_path = "contract__client"
    pdf_url = "contracts:invoice_pdf"
    plural_forms = ("счёт", "счёта", "счетов")
    list_display = ["number", "client", "sum", "status", "due_on", "created_at", "pdf"]
    sum = rubles_column(Invoice, "amount")
    list_filter = ["status"]
    search_fields = ["number"]
    actions = ["confirm_payment", "undo_payment"]
    inlines = [PaymentInline, PaymentClaimInline]
    fields = [
        "number",
        "contract",
        "client",
        "sum",
        "description",
        "due_on",
        "status",
        "pdf",
        "created_at",
        "created_by",
        "paid_at",
        "paid_by",
        "cancelled_at",
    ]

    def get_queryset(self, request):
        related = super().get_queryset(request).select_related("contract__client")
        return related.defer("contract__encrypted_snapshot")

    @admin.display(description="клиент")
    def client(self, invoice: Invoice) -> Client:
        return invoice.contract.client

    # These open the pages of managers, which ask for the method and the reason. Admins open them for clients whose
    # account was deleted too.
    @admin.action(description="Подтвердить оплату", location=[ActionLocation.CHANGE_FORM])
    def confirm_payment(self, request, queryset):
        return self._open(
            request, queryset, "contracts:payment", InvoiceStatus.PENDING, "Этот счёт уже не ждёт оплаты."
        )

    @admin.action(description="Отменить оплату", location=[ActionLocation.CHANGE_FORM])
    def undo_payment(self, request, queryset):
        return self._open(request, queryset, "contracts:payment_undo", InvoiceStatus.PAID, "Этот счёт не оплачен.")

    def _open(self, request, queryset, url_name: str, status: InvoiceStatus, refusal: str):
        invoice = queryset.get()
        if invoice.status == status:
            return redirect(url_name, invoice.pk)
        self.message_user(request, refusal, messages.WARNING)
        return None


@admin.register(Payment)
class PaymentAdmin(ClientSearchMixin, ReadOnlyAdmin):
    """Confirmed payments, also undone ones."""

    client_path = "invoice__contract__client"
    plural_forms = ("оплата", "оплаты", "оплат")
    accusative = "оплату"
    list_display = ["invoice", "client", "sum", "method", "confirmed_at", "confirmed_by", "undone_at", "undone_by"]
    list_filter = ["method", ("undone_at", admin.EmptyFieldListFilter)]
    search_fields = ["invoice__number"]
    fields = [
        "invoice", "client", "sum", "method", "confirmed_at", "confirmed_by", "note", "undone_at", "undone_by",
        "undo_reason",
    ]  # fmt: skip

    def get_queryset(self, request):
        related = super().get_queryset(request).select_related("invoice__contract__client", "confirmed_by", "undone_by")
        return related.defer("invoice__contract__encrypted_snapshot")

    @admin.display(description="клиент")
    def client(self, payment: Payment) -> Client:
        return payment.invoice.contract.client

    @admin.display(description="сумма", ordering="invoice__amount")
    def sum(self, payment: Payment) -> str:
        return formats.rubles(payment.invoice.amount)


class ContractInline(ReadOnlyTabularInline):
    model = Contract
    fields = ["number", "sum", "issued_at", "signed_at", "void_at", "paid_at"]
    readonly_fields = ["sum"]
    sum = rubles_column(Contract, "surcharge")
    show_change_link = True
    deferred = ("encrypted_snapshot", "evidence")


def _histories(client: Client) -> list[QuerySet]:
    invoices = history_of(Invoice).filter(contract__in=client.contracts.values("pk"))
    return [history_of(Contract).filter(client=client), invoices]


ClientAdmin.extend(inlines=[ContractInline], histories=_histories)
