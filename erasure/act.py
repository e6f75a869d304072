"""Render the act of an erasure with its log extract (Roskomnadzor's order 179 of 28.10.2022, items 3 to 6)."""

from django.conf import settings
from django.template.loader import render_to_string

from documents import editions
from documents.rendering import render_pdf
from erasure.models import DataCategory, Erasure, ErasureReason, ErasureScope

STYLESHEET = settings.BASE_DIR / "templates" / "documents" / "act.css"

RETAINED_TEXT = {
    ErasureScope.PASSPORT: (
        "подписанные договоры, доказательства их подписания, счета, согласия, контактные данные и сведения"
        " об устройствах — пока действует договор и до истечения сроков хранения"
    ),
    ErasureScope.CLIENT: (
        "подписанные договоры, доказательства их подписания, счета и согласия — до истечения сроков хранения"
        " (статья 29 Федерального закона от 06.12.2011 № 402-ФЗ); в приложении — устройства, на которые ссылаются"
        " заявки клиента"
    ),
    ErasureScope.DOCUMENTS: "документы, сроки хранения которых не истекли, если они есть",
}


ACCOUNT_RETAINED_TEXT = "; учётная запись в приложении «Привет Супер», которой клиент пользуется, с её данными"


def _retained_text(erasure: Erasure) -> str:
    erased_contact = erasure.lines.filter(category=DataCategory.CONTACT)
    keeps_account = (
        erasure.scope == ErasureScope.CLIENT and not erased_contact.exists() and erasure.client.account is not None
    )
    return RETAINED_TEXT[ErasureScope(erasure.scope)] + (ACCOUNT_RETAINED_TEXT if keeps_account else "")


def render_act(erasure: Erasure) -> bytes:
    """Render the act of an erasure whose objects are all deleted, as PDF. Deterministic."""
    names = ("name", "address", "inn", "ogrn", "data_officer", "data_officer_position")
    context = {
        "erasure": erasure,
        "company": {name: getattr(settings, f"COMPANY_{name.upper()}") for name in names},
        "reason": ErasureReason(erasure.reason),
        "retained": _retained_text(erasure),
        "lines": erasure.lines.all(),
        "objects": erasure.objects_gone.all(),
    }
    return render_pdf(editions.keep_together(render_to_string("erasure/act.html", context)), STYLESHEET)
