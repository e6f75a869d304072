"""«Изменения контактов»: admins decide about changes that managers ask them to allow."""

from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from contact import changes
from contact.change_forms import DecisionForm
from contact.changes import labels
from contact.models import ContactChange
from foundation.exceptions import Refusal

# The oldest ones; the others follow when these are decided.
MAX_SHOWN = 50


def admins_only(view):
    """Restrict a view to admins; others get 404."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        if not request.user.is_admin:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


@require_GET
@admins_only
def waiting(request):
    return _page(request)


@require_POST
@admins_only
def approval(request, pk):
    """Allow the change. Needs a reason."""
    return _decide(request, pk, approves=True)


@require_POST
@admins_only
def rejection(request, pk):
    return _decide(request, pk, approves=False)


def _decide(request, pk, *, approves: bool) -> HttpResponse:
    change = get_object_or_404(ContactChange.objects.select_related("client", "requested_by"), pk=pk)
    form = DecisionForm(request.POST, change=change, approves=approves)
    if not form.is_valid():
        return _page(request, submitted={change.pk: form}, status=422)
    decide = changes.approve if approves else changes.reject
    try:
        decide(change, by=request.user, note=form.note)
    except Refusal as refused:
        return _page(request, error=refused.message, submitted={change.pk: form}, status=refused.status)
    text = "Разрешено: контакт изменён." if approves else "Отказано: контакт остался прежним."
    messages.success(request, text)
    return redirect("contact_changes:waiting")


def _page(request, *, error: str = "", submitted: dict | None = None, status: int = 200) -> HttpResponse:
    asked = ContactChange.objects.asked().select_related("requested_by", "client").prefetch_related("client__user")
    rows = [
        {
            "change": change,
            "values": [(labels([name]), change.values.old[name], new) for name, new in change.values.new.items()],
            "form": (submitted or {}).get(change.pk) or DecisionForm(change=change),
            "is_own": change.requested_by_id == request.user.pk,
        }
        for change in asked[:MAX_SHOWN]
    ]
    return render(request, "contact/changes.html", {"rows": rows, "error": error}, status=status)
