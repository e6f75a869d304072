"""The act of an erasure, for admins."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from clients import disclosure
from clients.disclosure import DisclosureKind
from erasure.models import Erasure
from foundation.storage import object_storage

# The maximum of PostgreSQL's bigint.
MAX_BIGINT = 2**63 - 1


def get_erasure_for(request, number: int) -> Erasure:
    """Return an erasure that has an act. Raises Http404 for everybody but admins, and while the act is pending."""
    if not request.user.is_admin or number > MAX_BIGINT:
        raise Http404
    return get_object_or_404(Erasure.objects.exclude(act_key="").select_related("client"), pk=number)


@require_GET
def act(request, number):
    erasure = get_erasure_for(request, number)
    disclosure.record(erasure.client, DisclosureKind.ERASURE_ACT, request=request, document=str(erasure))
    file = object_storage.get(erasure.act_key)
    disposition = content_disposition_header(as_attachment=False, filename=f"{erasure}.pdf")
    return HttpResponse(file, content_type="application/pdf", headers={"Content-Disposition": disposition})
