"""Why a deed on a client is not done."""

from django.db import IntegrityError
from django.http import Http404


class TransitionRefused(Exception):
    """The client is not in a status that this step starts from; `client` is as the database has it now."""

    def __init__(self, client):
        super().__init__(f"Client {client.pk} is {client.status}")
        self.client = client


class ClientErased(Http404):
    """The client's data was erased while a page of theirs was open: there is no such client any more."""


class ClientReassigned(Http404):
    """Another manager got the client while a page of theirs was open: it is not for whoever opened it any more."""


class ContactChanged(Exception):
    """The contact data changed since the page was opened that it would be corrected from; `fields` names what did."""

    def __init__(self, fields: set[str]):
        super().__init__(", ".join(sorted(fields)))
        self.fields = fields


class AlreadyClaimed(TransitionRefused):
    """Another manager has taken this client; `client.manager` is that manager."""


class EmailTaken(IntegrityError):
    """Another account has the e-mail, if in another case: what an index would refuse if the table were ours."""
