"""Render the confirmation that a client has withdrawn an agreement."""

from django.conf import settings
from django.template.loader import render_to_string

from agreements.documents import company_details
from agreements.models import Agreement, AgreementKind
from documents import editions
from documents.rendering import render_pdf

STYLESHEET = settings.BASE_DIR / "templates" / "documents" / "act.css"


def render_withdrawal_act(agreement: Agreement) -> bytes:
    """Render the confirmation for a withdrawn agreement as PDF. Deterministic for one name of the client."""
    context = {
        "agreement": agreement,
        "company": company_details(),
        "client": agreement.client,
        "is_consent": agreement.kind == AgreementKind.PERSONAL_DATA,
    }
    return render_pdf(editions.keep_together(render_to_string("agreements/withdrawal_act.html", context)), STYLESHEET)
