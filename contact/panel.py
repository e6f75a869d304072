"""What step 1 shows of a change that waits for a confirmation: its state, and the ways to confirm it."""

import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django import forms
from django.utils import timezone

from clients.models import Client
from contact.change_forms import ClientCodeForm, ReasonForm
from contact.changes import differs, unconfirmed_way
from contact.codes import attempts_left, code_channels, current_code, recent_codes
from contact.models import ContactChange, ContactCode, Way
from managers.models import Manager
from messaging.codes import next_code_at
from messaging.models import Channel

# How long step 1 shows what an admin has decided.
DECISION_SHOWN_FOR = timedelta(days=1)


@dataclass(frozen=True)
class ChangePanel:
    """The change as the user `by` sees it at `now`. The forms are those that were submitted, or empty ones."""

    change: ContactChange
    client: Client
    by: Manager
    now: datetime
    error: str = ""
    code_form: forms.Form = field(default_factory=ClientCodeForm)
    reason_form: forms.Form = field(default_factory=ReasonForm)

    @classmethod
    def of(cls, client: Client, by: Manager) -> "ChangePanel | None":
        """Return the panel of the client's newest change, if it waits or an admin has just decided."""
        change, now = client.contact_changes.select_related("requested_by", "decided_by").first(), timezone.now()
        is_new = change and change.decided_at and now - change.decided_at < DECISION_SHOWN_FOR
        return cls(change, client, by, now) if change and (change.is_open or is_new) else None

    @cached_property
    def fields(self) -> list[tuple[str, str, str]]:
        """Name, old value and new value of each field that changes; "" for none."""
        values = self.change.values
        return [(name, values.old[name] or "", new or "") for name, new in values.new.items()] if values else []

    @cached_property
    def is_stale(self) -> bool:
        account = self.client.account
        return account is None or account.is_deleted or differs(self.change, account) or not self.change.is_permitted

    @cached_property
    def channels(self) -> list[tuple[Channel, str]]:
        """The channels to which a code can be sent, with words that complete «Отправить код …»."""
        labels = {
            Channel.APP: "в «Привет Супер»",
            Channel.SMS: "по SMS на прежний телефон",
            Channel.EMAIL: "на прежнюю почту",
        }
        return [(channel, labels[channel]) for channel in code_channels(self.client, self.now)]

    @cached_property
    def code(self) -> ContactCode | None:
        """The code that the client may name now."""
        code = current_code(self.change)
        return code if code and code.is_usable(self.now) else None

    @cached_property
    def attempts_left(self) -> int:
        return attempts_left(self.client, self.now)

    @cached_property
    def seconds_to_next_code(self) -> int:
        next_at = next_code_at(recent_codes(self.client, self.now), self.now)
        return max(0, math.ceil((next_at - self.now).total_seconds()))

    @cached_property
    def unconfirmed_way(self) -> Way | None:
        return unconfirmed_way(self.client, self.by)

    @property
    def layout(self) -> str:
        """A short hash of what decides which forms the panel has."""
        change = self.change
        if not change.is_open:
            return _short_hash(change.state)
        code = self.code
        return _short_hash(change.state, self.is_stale, self.channels, code and code.pk, self.unconfirmed_way)

    @property
    def seen(self) -> str:
        """A short hash of what the status shows, so that an unchanged status is not sent again."""
        code = self.code
        return _short_hash(self.change.state, code and code.message.delivery_label, code and code.attempts_left)


def _short_hash(*shown) -> str:
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
