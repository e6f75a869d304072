"""Erasure requests of admins: made and withdrawn in the admin site, carried out by the worker.

While a request waits, other work on the client continues: the erasure locks the client and erases what it finds.
"""

import logging
from datetime import datetime, timedelta

import pghistory
from django.db import DatabaseError, transaction
from django.utils import timezone

from clients.models import Client, ClientErased
from erasure import erasing, retention
from erasure.models import Erasure, ErasureReason, ErasureRequest
from foundation import worker
from foundation.exceptions import Refusal
from managers.models import Manager
from support import log

# Longer than deleting the objects of a client takes.
FINISH_TIME = timedelta(minutes=1)
PERMISSION = "erasure.add_erasurerequest"

logger = logging.getLogger(__name__)


class RequestRefused(Refusal):
    """The request can't be carried out as it was confirmed. It stays refused, with this message."""


@transaction.atomic
def request_erasure(
    client: Client, reason: ErasureReason, *, by: Manager, note: str, ended: bool = False
) -> tuple[ErasureRequest, bool]:
    """Save a request, or return the client's open one: (request, whether it is new). Raises ClientErased."""
    now, client = timezone.now(), client.lock_for_any_manager()
    existing = client.erasure_requests.open().first()
    if existing:
        return existing, False
    scope = retention.allowed_scope(client, now, ended=ended)
    # The entry also keeps the client when the app closes the account of a client nobody has worked on.
    log.add_event(client, "Запрошено уничтожение данных клиента.", by=by, now=now)
    request = client.erasure_requests.create(
        scope=scope, reason=reason, note=note, ended=ended, requested_by=by, requested_at=now
    )
    return request, True


@transaction.atomic
def withdraw(request: ErasureRequest, *, by: Manager) -> bool:
    """Withdraw an open request. Return False if it is closed or being carried out at this moment."""
    # Skipped instead of waiting: a worker that has the lock is erasing.
    rows = ErasureRequest.objects.open().select_for_update(skip_locked=True, of=("self",))
    locked = rows.filter(pk=request.pk).first()
    if locked is None:
        return False
    locked.withdrawn_at, locked.withdrawn_by = timezone.now(), by
    locked.save(update_fields=["withdrawn_at", "withdrawn_by"])
    log.add_event(locked.client, "Запрос на уничтожение данных отозван.", by=by, now=locked.withdrawn_at)
    return True


def carry_out_next() -> int:
    """Carry out one request whose time has come. A job of the worker: returns 1, or 0 if there is none."""
    request = worker.claim(ErasureRequest.objects.open())
    if request is None:
        return 0
    try:
        # Contexts are not nested but merged until the outermost ends, so a run of the job handles one request only.
        with pghistory.context(user=str(request.requested_by_id)):
            carry_out(request)
    except RequestRefused as refusal:
        open_requests = ErasureRequest.objects.open().filter(pk=request.pk)
        open_requests.update(refused_at=timezone.now(), refusal=refusal.message, last_error="")
    except Exception as error:  # a request that fails must not stop the others
        logger.exception("erasure request %s failed", request.pk)
        ErasureRequest.objects.filter(pk=request.pk).update(last_error=_describe(error))
    return 1


@transaction.atomic
def carry_out(request: ErasureRequest) -> None:
    """Erase the rows and close the request. Raises RequestRefused. Does nothing if the request was closed meanwhile."""
    rows = ErasureRequest.objects.open().filter(pk=request.pk)
    locked = rows.select_for_update(skip_locked=True, of=("self",)).first()
    if locked is None:
        return
    if not locked.requested_by.has_perm(PERMISSION):
        raise RequestRefused("Кто запросил, больше не администратор. Запросите ещё раз.")
    try:
        locked.erasure = erasing.erase_rows(
            locked.client, ErasureReason(locked.reason), by=locked.requested_by, note=locked.note,
            ended=locked.ended, confirmed=locked.scope,
        )  # fmt: skip
    except ClientErased as error:
        raise RequestRefused("Данные клиента уже уничтожены.") from error
    except erasing.ScopeChanged as error:
        text = f"Теперь можно уничтожить другое: {error.scope.label.lower()}. Проверьте и запросите ещё раз."
        raise RequestRefused(text) from error
    locked.last_error = ""
    locked.save(update_fields=["erasure", "last_error"])


def _describe(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return f"База данных не выполнила операцию ({type(error).__name__})."
    return f"Ошибка программы ({type(error).__name__}). Подробности в журнале сервера."


def finish_next() -> int:
    """Make one pending act whose time has come. A job of the worker: returns 1, or 0 if there is none.

    Two workers may try the same act after FINISH_TIME; erasing.finish() allows that.
    """
    erasure = worker.claim(Erasure.objects.filter(act_key=""), reserve=FINISH_TIME)
    if erasure is None:
        return 0
    if not erasing.finish(erasure):
        logger.warning("erasure %s: the storage is unavailable, the act is pending", erasure.number)
    return 1


def oldest_request() -> datetime | None:
    """Return when the oldest open request was made."""
    return ErasureRequest.objects.open().order_by("requested_at").values_list("requested_at", flat=True).first()


def oldest_pending_act() -> datetime | None:
    """Return when the rows were erased whose act has been pending for longest."""
    return Erasure.objects.filter(act_key="").order_by("number").values_list("erased_at", flat=True).first()
