"""Exceptions of operations on a client."""

from django.db import IntegrityError
from django.http import Http404


class TransitionRefused(Exception):
    """The client's status does not allow this operation. `client` has its current values."""

    def __init__(self, client):
        super().__init__(f"Client {client.pk} is {client.status}")
        self.client = client


class ClientErased(Http404):
    """The client's data was erased while the page was open. Answered with 404."""


class ClientReassigned(Http404):
    """The client was reassigned while the page was open, so the manager may no longer open it. Answered with 404."""


class ContactChanged(Exception):
    """The contact data changed after the form was opened. `fields` holds the names of the changed fields."""

    def __init__(self, fields: set[str]):
        super().__init__(", ".join(sorted(fields)))
        self.fields = fields


class AccountDeleted(Exception):
    """The app deleted the client's account, also by closing it, so its contact data can't be changed."""


class AlreadyClaimed(TransitionRefused):
    """Another manager has claimed this client; `client.manager` is that manager."""


class EmailTaken(IntegrityError):
    """Another account has this e-mail, ignoring case. The table is the app's, so no unique index enforces this."""
