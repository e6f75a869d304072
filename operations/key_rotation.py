"""Encrypt personal data with the newest key, while the web server runs."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import pgtrigger
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import IntegrityError, models, transaction

from managers import cipher
from messaging.models import OutgoingMessage

BATCH_SIZE = 200


@dataclass
class EncryptedColumn:
    """A column whose values depend on the keys.

    `ignored_triggers` are the triggers that would refuse or record the change.
    """

    label: str
    name: str
    ignored_triggers: tuple[str, ...] = ()
    # Computes the new value of the column from the value of `source`, by default the column itself.
    renew: Callable[[str], str] = cipher.reencrypt
    source: str = ""

    rows: int = 0
    renewed: int = 0
    failed: list[str] = field(default_factory=list)

    @cached_property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    def __str__(self):
        return f"{self.model._meta.db_table}.{self.name}"

    def rotate(self, *, dry_run: bool) -> None:
        """Renew the column in all rows, in batches with one short transaction each. Idempotent.

        Adds up `rows`, `renewed` and `failed`, whose texts name the row and the exception. With `dry_run`, only counts.
        """
        triggers = self.ignored_triggers
        for first, last in self._batches():
            # ignore() without arguments would ignore all triggers.
            with transaction.atomic(), pgtrigger.ignore(*triggers) if triggers else nullcontext():
                batch = self.model.objects.filter(pk__gte=first, pk__lte=last).order_by("pk")
                # Locked until the update, which would otherwise undo a concurrent edit.
                batch = batch if dry_run else batch.select_for_update(of=("self",), no_key=True)
                for row in batch.only("pk", self.name, self.source or self.name):
                    self._rotate_row(row, dry_run=dry_run)

    def _batches(self) -> Iterator[tuple]:
        after, rows = None, self.model.objects.order_by("pk").values_list("pk", flat=True)
        while keys := list((rows if after is None else rows.filter(pk__gt=after))[:BATCH_SIZE]):
            yield keys[0], (after := keys[-1])

    def _rotate_row(self, row: models.Model, *, dry_run: bool) -> None:
        self.rows += 1
        if not getattr(row, self.source or self.name):  # erased
            return
        try:
            value = self.renew(getattr(row, self.source or self.name))
            if value == getattr(row, self.name):
                return
            if not dry_run:
                with transaction.atomic():
                    self.model.objects.filter(pk=row.pk).update(**{self.name: value})
            self.renewed += 1
        except (InvalidToken, IntegrityError) as error:
            self.failed.append(f"{self.model._meta.db_table} {row.pk}: {type(error).__name__}")


def encrypted_columns() -> list[EncryptedColumn]:
    """Return all encrypted columns and the keyed hashes of their values."""
    return [
        EncryptedColumn("managers.Authenticator", "encrypted_key"),
        EncryptedColumn("passport.Passport", "series_and_number", ("passport.Passport:update_update",)),
        EncryptedColumn("passport.PassportHistory", "series_and_number", ("passport.PassportHistory:append_only",)),
        EncryptedColumn(
            "contracts.Contract",
            "encrypted_snapshot",
            ("contracts.Contract:contents_are_frozen", "contracts.Contract:signed_is_immutable",
             "contracts.Contract:void_stays_void"),
        ),
        EncryptedColumn("contact.ContactChange", "encrypted_values", ("contact.ContactChange:values_stay",)),
        EncryptedColumn("erasure.Erasure", "encrypted_subject"),
        EncryptedColumn("messaging.OutgoingMessage", "encrypted_content"),
        # Only while the content is there. Afterwards nobody knows the recipient, and the hash of the old key stays.
        EncryptedColumn(
            "messaging.OutgoingMessage", "recipient_hash", source="encrypted_content",
            renew=lambda token: cipher.keyed_hash(OutgoingMessage(encrypted_content=token).content.recipient),
        ),
        EncryptedColumn(
            "passport.Passport", "series_and_number_hash", source="series_and_number",
            renew=lambda token: cipher.keyed_hash(cipher.decrypt(token)),
        ),
    ]  # fmt: skip
