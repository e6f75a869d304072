"""The code goes by the app, SMS or e-mail, to contacts that the agreement names, and not by the channel of the link."""

import html
import json
import re

import pgtrigger
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agreements.channels import allowed_channels
from agreements.models import AgreementKind
from client_page.conftest import Phone, backdate_codes, code_in, issue_link, newest_code_message
from clients.models import AppUser, Client
from conftest import ROLES, as_owner, as_role
from contracts import code_deliveries, issuing, signature_consent, signing
from contracts.audit import find_chain_faults
from contracts.code_channels import ClientChannels
from contracts.conftest import code_appears_in
from contracts.event_chain import ContractEvent, EventKind
from contracts.evidence import evidence_is_intact
from contracts.models import Contract
from contracts.refusals import AgreementNeeded, ChannelUnavailable, CodeSentLikeLink
from links.models import Link
from managers.cipher import keyed_hash
from messaging.models import Channel, DeliveryState, OutgoingMessage, Purpose
from support.models import LogEntry, Message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gateway")]

# Tables of the rows that are locked, in order.
LOCKED = ['FOR NO KEY UPDATE OF "manager_clients"', 'FOR UPDATE OF "manager_contracts"', "manager_contract_events_head"]


HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(client_with_password) -> Client:
    return client_with_password


def deliver(message: OutgoingMessage, state=DeliveryState.DELIVERED, **values) -> None:
    """Change the state as the worker does after sending and after a report."""
    with as_role(ROLES.maintenance):
        message.change_state(DeliveryState.ACCEPTED, now=timezone.now(), provider_id="439166538239448536")
        if state != DeliveryState.ACCEPTED:
            message.change_state(state, now=timezone.now(), **values)


def test_client_chooses_sms(agreed, issued):
    assert 'value="sms"' in agreed.get().text
    agreed.post("code", {"channel": "sms"})

    message = newest_code_message()
    assert (message.channel, message.state) == (Channel.SMS, DeliveryState.QUEUED)
    assert message.content.recipient == issued.client.user.phone
    assert agreed.sign(code_in(message)).status_code == 302
    issued.refresh_from_db()
    assert issued.signed_at
    assert issued.code_channel == "SMS"


def test_e_mail_is_offered_only_to_clients_who_have_one(agreed, issued):
    assert 'value="email"' in agreed.get().text
    agreed.post("code", {"channel": "email"})
    assert newest_code_message().content.recipient == issued.client.user.email

    AppUser.objects.filter(pk=issued.client.user_id).update(email=None)
    assert 'value="email"' not in agreed.get().text


def test_page_shows_no_digits_of_the_phone(agreed, issued):
    text = html.unescape(agreed.get().text)
    assert "В SMS на +7 (977) •••-••-••" in text
    choices = re.search(r"<fieldset.*?</fieldset>", text, re.DOTALL)[0]
    assert issued.client.user.phone[-4:] not in choices
    assert "Письмом на c•••@mail.example" in text


def test_first_request_offers_what_the_agreement_names(phone, client):
    """The agreement is accepted together with the request, so all its channels are offered at once."""
    form = phone.form("code") | {"agreed": "on", "consent": "on", "channel": "sms"}
    assert 'value="sms"' in phone.get().text
    phone.post("code", form)
    assert newest_code_message().channel == Channel.SMS


def test_client_without_a_password_gets_sms_first(phone, issued):
    phone.accept()
    assert newest_code_message().channel == Channel.SMS
    assert ClientChannels.of(issued.client).for_code(None) == [Channel.SMS, Channel.EMAIL, Channel.APP]


def test_agreement_that_names_no_contact_allows_only_the_app(agreed, client, settings):
    assert allowed_channels(client) == [Channel.APP, Channel.SMS, Channel.EMAIL]
    settings.SMS_GATEWAY = ""
    assert allowed_channels(client) == [Channel.APP]
    settings.SMS_GATEWAY = "outbox"
    with as_owner(), pgtrigger.ignore("agreements.Agreement:agreement_is_frozen"):
        client.agreements.update(contact_hash="")
    client = Client.objects.get(pk=client.pk)
    assert allowed_channels(client) == [Channel.APP]
    assert client.agreements.is_given(AgreementKind.ELECTRONIC_SIGNATURE)


def test_forged_channel_is_refused(agreed, issued, settings):
    settings.SMS_GATEWAY = ""
    for channel in ("sms", "email", "fax", "\U0001f600" * 100):
        response = agreed.post("code", {"channel": channel})
        assert response.status_code == 409, channel
    assert issued.codes.count() == 1


def test_new_phone_needs_a_new_agreement(agreed, issued, anna, client):
    """The agreement names the phone to which codes go."""
    AppUser.objects.filter(pk=issued.client.user_id).update(phone="9990001122")
    client = Client.objects.get(pk=client.pk)
    assert allowed_channels(client) == [Channel.APP]
    newer = issuing.issue(client, by=anna)
    with pytest.raises(AgreementNeeded):
        signing.request_code(newer, by=anna)

    phone = Phone()
    phone.open(*issue_link(client, anna, newer))
    assert phone.accept().status_code == 302
    kinds = client.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE).order_by("given_at")
    assert [bool(row.withdrawn_at) for row in kinds] == [True, False]
    assert "изменились телефон или почта" in kinds[0].withdrawal_reason
    assert Channel.SMS in allowed_channels(Client.objects.get(pk=client.pk))


# The link by SMS or e-mail.


def send_link(browser, contract: Contract, channel: str):
    return browser.post(
        reverse("contracts:link", args=[contract.client_id]), {"contract": contract.pk, "channel": channel}
    )


def token_in(message: OutgoingMessage) -> str:
    return re.search(r"/c/([\w-]+)/", message.content.body)[1]


def test_link_goes_by_sms_and_the_code_does_not(agreed, as_anna, issued, client):
    text = as_anna.get(reverse("contracts:contract", args=[client.pk])).text
    assert "Отправить ссылку в SMS" in text
    response = send_link(as_anna, issued, "sms")
    assert response.status_code == 200
    assert "<svg" not in response.text.split("link-status")[0].split('id="client-link"')[1]
    link, message = Link.objects.get(replaced_at=None), OutgoingMessage.objects.get(purpose=Purpose.LINK)
    assert link.message == message
    assert "Ссылка, SMS: отправляется" in response.text

    phone = Phone()
    phone.open(link, token_in(message))
    assert 'value="sms"' not in phone.get().text
    phone.accept()
    assert newest_code_message().channel == Channel.APP
    backdate_codes()
    assert phone.post("code", {"channel": "sms"}).status_code == 409
    with pytest.raises(ChannelUnavailable):  # nor by the manager
        signing.request_code(issued, by=issued.issued_by, channel="sms")


def test_code_by_sms_is_not_entered_on_a_page_whose_link_came_by_sms(agreed, as_anna, issued, anna, client):
    signing.request_code(issued, by=anna, channel="sms")
    code = code_in(newest_code_message())
    send_link(as_anna, issued, "sms")
    link = Link.objects.get(replaced_at=None)
    phone = Phone()
    phone.open(link, token_in(link.message))
    link.refresh_from_db()
    link.agree_to_sign(signature_consent.current_version())
    response = phone.sign(code)
    assert response.status_code == 409
    assert CodeSentLikeLink().client_message in html.unescape(response.text)
    issued.refresh_from_db()
    assert issued.signed_at is None


def test_link_is_not_in_the_log_or_in_the_page(agreed, as_anna, issued):
    send_link(as_anna, issued, "email")
    token = token_in(OutgoingMessage.objects.get(purpose=Purpose.LINK))
    assert not any(token in entry.body for entry in LogEntry.objects.all())
    assert token not in as_anna.get(reverse("contracts:contract", args=[issued.client_id])).text


def test_link_channel_is_offered_only_if_another_is_left_for_the_code(agreed, client):
    assert ClientChannels.of(client).for_link() == [Channel.SMS, Channel.EMAIL]
    client.initial_password_hash = client.user.password_hash  # nobody can read the app
    client.user.email = None
    assert ClientChannels.of(client).for_link() == []


def test_link_by_an_unavailable_channel_is_shown_instead(issued, as_anna, settings):
    settings.SMS_GATEWAY = ""
    response = send_link(as_anna, issued, "sms")
    assert "<svg" in response.text
    assert not OutgoingMessage.objects.filter(purpose=Purpose.LINK).exists()


def test_draft_from_the_managers_phone_is_not_offered_beside_the_gateway(issued, as_anna, settings):
    response = send_link(as_anna, issued, "")
    assert "sms:+7" not in response.text
    settings.SMS_GATEWAY = ""
    assert "sms:+7" in send_link(as_anna, issued, "").text


# Delivery.


def test_page_shows_the_delivery(agreed):
    agreed.post("code", {"channel": "sms"})
    message = newest_code_message()
    assert "отправляется" in agreed.get().text
    assert json.loads(agreed.get("delivery").text) == {"label": "отправляется.", "final": False}
    deliver(message)
    assert "доставлено в" in agreed.get().text
    assert json.loads(agreed.get("delivery").text)["final"] is True
    assert "прочитано" not in agreed.get().text


def test_page_says_that_a_code_did_not_arrive(agreed, issued, as_anna):
    agreed.post("code", {"channel": "sms"})
    deliver(newest_code_message(), DeliveryState.FAILED, problem="телефон недоступен")
    text = html.unescape(agreed.get().text)
    assert "не доставлено: телефон недоступен" in text
    assert "Получите новый код другим способом" in text
    assert "Получите новый код другим способом" in json.loads(agreed.get("delivery").text)["label"]
    status = as_anna.get(
        reverse("links:status", args=[issued.client_id, agreed.link.pk]), headers={"HX-Request": "true"}
    )
    assert "не доставлено: телефон недоступен" in status.text
    assert "другим способом" in status.text


def test_manager_sees_the_delivery(agreed, issued, as_anna):
    url = reverse("contracts:code", args=[issued.client_id])
    response = as_anna.post(url, {"contract": issued.pk, "channel": "sms"}, follow=True)
    assert "Код для клиента отправляется: SMS." in response.text
    text = as_anna.get(reverse("contracts:contract", args=[issued.client_id])).text
    assert "SMS: отправляется" in text
    assert not code_appears_in(code_in(newest_code_message()), text)
    deliver(newest_code_message(), DeliveryState.FAILED, problem="телефон недоступен")
    update = as_anna.get(reverse("contracts:code_delivery", args=[issued.client_id]) + "?seen=queued", headers=HTMX)
    assert "SMS: не доставлено: телефон недоступен. Запросите новый код другим способом." in html.unescape(update.text)
    assert "data-poll" not in update.text
    seen = reverse("contracts:code_delivery", args=[issued.client_id]) + "?seen=failed"
    assert as_anna.get(seen, headers=HTMX).status_code == 204


def test_code_by_sms_is_masked_in_the_log(agreed):
    agreed.post("code", {"channel": "sms"})
    code = code_in(newest_code_message())
    assert not any(code_appears_in(code, entry.body) for entry in LogEntry.objects.all())
    assert LogEntry.objects.filter(body__startswith="SMS: Код ••• •••").exists()
    assert not Message.objects.filter(body__contains=f"{code[:3]} {code[3:]}").exists()


# Evidence.


def test_evidence_has_the_delivery_of_every_code(agreed, issued):
    agreed.post("code", {"channel": "sms"})
    message = newest_code_message()
    code = code_in(message)
    deliver(message)
    agreed.sign(code)
    issued.refresh_from_db()

    facts = json.loads(issued.evidence)
    assert [entry["channel"] for entry in facts["codes"]] == ["app", "sms"]
    sent = facts["codes"][1]
    assert (sent["message"], sent["provider_id"]) == (str(message.pk), "439166538239448536")
    assert (sent["delivery"], sent["recipient_hash"]) == ("delivered", keyed_hash(issued.client.user.phone))
    assert facts["phone_hash"] == keyed_hash(issued.client.user.phone)
    assert facts["email_hash"] == keyed_hash(issued.client.user.email)
    assert issued.client.user.phone not in issued.evidence
    assert evidence_is_intact(issued)


def test_evidence_has_the_way_of_the_link(agreed, issued, as_anna):
    send_link(as_anna, issued, "sms")
    link = Link.objects.get(replaced_at=None)
    phone = Phone()
    phone.open(link, token_in(link.message))
    phone.accept()
    phone.sign()
    issued.refresh_from_db()
    page = json.loads(issued.evidence)["client_pages"][-1]
    assert (page["sent_by"], page["message"]) == ("sms", str(link.message_id))


def test_late_delivery_is_added_to_the_chain(agreed, issued):
    agreed.post("code", {"channel": "sms"})
    message = newest_code_message()
    code = code_in(message)
    deliver(message, DeliveryState.ACCEPTED)
    agreed.sign(code)
    with as_role(ROLES.maintenance):
        assert code_deliveries.record_deliveries() == 0
        message.change_state(DeliveryState.DELIVERED, now=timezone.now())
        assert code_deliveries.record_deliveries() == 1
        assert code_deliveries.record_deliveries() == 0
    event = ContractEvent.objects.filter(what=EventKind.CODE_DELIVERY).get()
    facts = json.loads(event.facts)
    assert (facts["message"], facts["state"]) == (str(message.pk), "delivered")
    assert event.contract == issued
    assert not list(find_chain_faults())


def test_request_is_in_the_chain_with_its_channel(agreed):
    agreed.post("code", {"channel": "sms"})
    facts = json.loads(ContractEvent.objects.filter(what=EventKind.CODE_REQUESTED).latest("number").facts)
    assert facts["channel"] == "sms"
    assert facts["message"] == str(newest_code_message().pk)


def test_request_is_in_the_chain_with_a_hash_of_the_contact_at_that_moment(agreed, issued):
    agreed.post("code", {"channel": "sms"})
    facts = json.loads(ContractEvent.objects.filter(what=EventKind.CODE_REQUESTED).latest("number").facts)
    user = issued.client.user
    assert facts["contact_hash"] == keyed_hash(f"{facts['code']}|{user.phone}|{user.email}")


def test_delivery_of_a_code_waits_for_who_holds_the_client(agreed):
    """Who holds the client and the head of the chain may wait for a contract: taking them the other way deadlocks."""
    agreed.post("code", {"channel": "sms"})
    deliver(newest_code_message())
    with as_role(ROLES.maintenance), CaptureQueriesContext(connection) as queries:
        assert code_deliveries.record_deliveries() == 1
    locked = [query["sql"] for query in queries if " FOR " in query["sql"]]
    assert [next(table for table in LOCKED if table in sql) for sql in locked] == LOCKED
