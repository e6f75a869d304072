"""Messages to clients: erased with the client's data, also while the worker sends them."""

import pytest

from erasure import erasing
from erasure.client_data import ERASED_MESSAGE
from erasure.conftest import all_rows_as_text
from erasure.models import DataCategory, Erasure, ErasureReason, ErasureScope
from messaging import delivery
from messaging.conftest import make_due, queue
from messaging.delivery import check_next, send_next
from messaging.models import Channel, DeliveryState, OutgoingMessage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


def erase(client, gleb, **options) -> Erasure:
    return erasing.erase(client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15", **options)


@pytest.fixture
def accepted(make, anna, settings) -> OutgoingMessage:
    """An SMS that was sent."""
    settings.SMS_GATEWAY = "outbox"
    message = queue(make.verified(anna))
    assert send_next() == 1
    message.refresh_from_db()
    return message


def test_row_stays_without_recipient_and_content(accepted, gleb):
    client, names = accepted.client, (accepted.recipient_hash, accepted.provider_id, accepted.encrypted_content)
    queued, posted = queue(client), queue(client, Channel.APP)

    erasure = erase(client, gleb)

    text = " ".join(all_rows_as_text().values())
    assert [name for name in (*names, queued.recipient_hash, posted.provider_id) if name in text] == []
    line = erasure.lines.get(table="manager_outgoing_messages")
    assert (line.category, line.count) == (DataCategory.LOG, 3)
    states = dict(OutgoingMessage.objects.values_list("pk", "state"))
    assert states == {accepted.pk: "accepted", queued.pk: "failed", posted.pk: "accepted"}
    queued.refresh_from_db()
    assert queued.problem == ERASED_MESSAGE
    make_due()
    assert (send_next(), check_next()) == (0, 0)


def test_message_that_is_being_sent_does_not_come_back(make, anna, gleb, settings):
    settings.SMS_GATEWAY = "outbox"
    message = queue(make.verified(anna))
    claimed = delivery.worker.claim(OutgoingMessage.objects.all())

    erase(message.client, gleb)
    delivery._send(claimed, delivery.transport_of(Channel.SMS))

    message.refresh_from_db()
    assert (message.state, message.provider_id, message.content) == (DeliveryState.FAILED, "", None)


def test_message_of_a_contract_in_force_stays(paid, gleb):
    code = paid.codes.get()
    assert erase(paid.client, gleb).scope == ErasureScope.PASSPORT
    code.message.refresh_from_db()
    assert code.message.provider_id
