"""Access to the pages of support. Every page and every fragment loads its objects here."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from clients.models import Client
from support import activity, attachments
from support.attachments import File
from support.models import Ticket


def require_support(request) -> None:
    """Raise Http404 unless the user is support staff or an admin."""
    if not request.user.is_support:
        raise Http404


def get_ticket_for(request, pk) -> Ticket:
    """Return the ticket with its account, client, manager and state. Raise Http404 unless support or admin.

    The shared table has no foreign key: `user` is None if the app deleted the account.
    """
    require_support(request)
    ticket = get_object_or_404(Ticket.objects.prefetch_related("user__client__manager"), pk=pk)
    return activity.load_last_messages([ticket])[0]


def get_file_for(request, pk) -> File:
    """Return the file of the message with the id `pk`. Raise Http404 unless support or admin, or if there is none."""
    require_support(request)
    file = attachments.files_of([pk]).get(pk)
    if not file or not file.is_available:
        raise Http404
    return file


def get_client_card_for(request, pk) -> Client:
    """Return the client for the read-only card, without the passport. Raise Http404 unless support or admin."""
    require_support(request)
    return get_object_or_404(Client.objects.select_related("user", "manager"), pk=pk)
