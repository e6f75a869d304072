"""Consent to data processing before the passport, and the agreement on signatures before the first code."""

import hashlib
import io
import re

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from pypdf import PdfReader

from agreements import consents
from agreements.consents import Recorder
from agreements.documents import AgreementDocument
from agreements.models import Agreement, AgreementKind, AgreementMissing
from clients import onboarding
from clients.models import AccountStatus, AppUser
from contracts import issuing, signing
from contracts.models import SigningCode
from devices.surcharge import fix_surcharge
from foundation.storage import object_storage
from passport import saving
from passport.models import Passport
from privet.test_access import PASSPORT
from support.models import Message

pytestmark = pytest.mark.django_db


def url(client, name="agreement", kind=AgreementKind.PERSONAL_DATA) -> str:
    return reverse(f"agreements:{name}", args=[client.pk, kind])


def payload(client, kind=AgreementKind.PERSONAL_DATA, **overrides) -> dict:
    shown = AgreementDocument.for_client(client, kind, by=client.manager).text_sha256
    return {"agreed": "on", "shown": shown} | overrides


def messages_to(client) -> list[str]:
    """Return the messages in the client's ticket, oldest first."""
    return list(Message.objects.filter(ticket__user=client.user).order_by("created_at").values_list("body", flat=True))


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_step_2_first_shows_the_consent(make, anna, as_anna):
    client = make.verified(anna)
    response = as_anna.get(reverse("passport:passport", args=[client.pk]))
    assert "Клиент прочитал и согласен" in response.text
    assert "152-ФЗ" in response.text
    assert url(client, "draft") in response.text
    assert "Кем выдан" not in response.text


def test_passport_without_consent_is_refused(make, anna, as_anna):
    client = make.verified(anna)
    response = as_anna.post(reverse("passport:passport", args=[client.pk]), PASSPORT)
    assert response.status_code == 409
    assert "Сначала нужно согласие" in response.text
    assert not Passport.objects.exists()


def test_consent_is_recorded_with_its_file_and_client_is_notified(make, anna, as_anna):
    client = make.verified(anna)
    response = as_anna.post(url(client), payload(client), headers={"User-Agent": "Firefox"}, REMOTE_ADDR="192.0.2.7")
    assert response.url == reverse("passport:passport", args=[client.pk])

    agreement = Agreement.objects.get()
    file = object_storage.get(agreement.pdf_key)
    assert (agreement.client, agreement.kind, agreement.given_by) == (client, AgreementKind.PERSONAL_DATA, anna)
    assert (agreement.version, agreement.ip, agreement.user_agent) == (
        AgreementKind.PERSONAL_DATA.current_version,
        "192.0.2.7",
        "Firefox",
    )
    assert agreement.pdf_sha256 == hashlib.sha256(file).hexdigest()
    document = AgreementDocument.for_client(client, AgreementKind.PERSONAL_DATA, by=anna, given_at=agreement.given_at)
    assert agreement.text_sha256 == document.text_sha256
    assert document.pdf() == file
    assert client.user.name in text_of(file)
    assert len(messages_to(client)) == 1
    assert "Отозвать согласие можно" in messages_to(client)[0]
    assert "Кем выдан" in as_anna.get(response.url).text


@pytest.mark.parametrize("data", [{"agreed": ""}, {"shown": "0" * 64}, {"shown": ""}])
def test_agreement_requires_the_checkbox_and_the_current_text(make, anna, as_anna, data):
    client = make.verified(anna)
    response = as_anna.post(url(client), payload(client, **data))
    assert response.status_code == 422
    assert f'value="{payload(client)["shown"]}"' in response.text
    assert not Agreement.objects.exists()


def test_client_data_changed_since_the_page_was_opened_asks_to_read_again(make, anna, as_anna):
    client = make.verified(anna)
    read = payload(client)
    AppUser.objects.update(name="Петрова Анна")  # the app does so while the page is open

    response = as_anna.post(url(client), read)

    assert response.status_code == 422
    assert "прочитайте его вместе с клиентом ещё раз" in response.text
    assert "Петрова Анна" in response.text
    assert not Agreement.objects.exists()
    assert as_anna.post(url(client), payload(make.fresh(client))).status_code == 302


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        (AgreementKind.PERSONAL_DATA, onboarding.PASSPORT.heading),
        (AgreementKind.ELECTRONIC_SIGNATURE, onboarding.CONTRACT.heading),
    ],
)
def test_invalid_form_keeps_the_step_heading(make, anna, as_anna, kind, heading):
    client = make.verified(anna)
    pages = [
        as_anna.get(url(client, kind=kind)),
        as_anna.post(url(client, kind=kind), payload(client, kind, agreed="")),
    ]
    if kind == AgreementKind.PERSONAL_DATA:
        pages.append(as_anna.get(reverse("passport:passport", args=[client.pk])))
    for page in pages:
        assert f'<h1 class="card-title">{heading}</h1>' in page.text


def test_unknown_kinds_return_404(make, anna, as_anna):
    client = make.verified(anna)
    for name in ("agreement", "draft"):
        assert as_anna.get(reverse(f"agreements:{name}", args=[client.pk, "tea"])).status_code == 404


def test_storage_outage_records_nothing_and_shows_an_error(make, anna, as_anna, monkeypatch):
    client = make.verified(anna)
    monkeypatch.setattr(object_storage, "put", _raise_outage)
    response = as_anna.post(url(client), payload(client))
    assert response.status_code == 503
    assert "согласие не записано" in response.text
    assert not Agreement.objects.exists()
    assert messages_to(client) == []


def _raise_outage(*args, **kwargs):
    raise object_storage.StorageUnavailable


def test_new_edition_must_be_agreed_to(make, anna, monkeypatch):
    client = make.verified(anna)
    make.agreement(client, anna)
    assert client.agreements.is_given(AgreementKind.PERSONAL_DATA)
    monkeypatch.setattr(AgreementKind, "current_version", "v99")
    assert not client.agreements.is_given(AgreementKind.PERSONAL_DATA)


def test_consent_contains_what_the_law_requires(make, anna, as_anna):
    client = make.verified(anna, name="Константинопольский-Рождественский Вольдемар Аристархович " * 2)
    response = as_anna.get(url(client, "draft"))
    text = text_of(response.content)
    for part in (client.user.name, client.user.address, "Оператор:ООО", "Для чего", "Какие данные", "Что с ними делают",
                 "отозвать в любое время", "документ ещё не принят", "стр. 1 из"):  # fmt: skip
        assert re.sub(r"\s", "", part) in re.sub(r"\s", "", text), part


def test_signature_agreement_contains_what_the_law_requires(make, anna, as_anna):
    text = text_of(as_anna.get(url(make.verified(anna), "draft", AgreementKind.ELECTRONIC_SIGNATURE)).content)
    assert "Лицо, подписавшее документ, определяется по коду" in text
    assert "обязан соблюдать конфиденциальность кода" in text


def test_concurrent_submits_record_one_agreement(make, anna, race):
    client = make.verified(anna)
    outcomes = race(
        *[lambda: consents.record(make.fresh(client), AgreementKind.PERSONAL_DATA, Recorder(anna))] * 2, at=client
    )
    assert outcomes == [None, None]
    assert Agreement.objects.count() == len(messages_to(client)) == 1
    assert [item.key for item in object_storage.list_objects()] == [Agreement.objects.get().pdf_key]


def test_agreement_cannot_be_changed_or_deleted(make, anna):
    make.agreement(make.verified(anna), anna)
    for change in ({"text_sha256": "0" * 64}, {"version": "v2"}, {"given_at": "2020-01-01T00:00Z"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Agreement.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Agreement.objects.all().delete()


def test_withdrawal_is_recorded_once_and_client_is_notified(make, anna, as_anna):
    client = make.awaiting_contract(anna)
    page = reverse("agreements:withdrawal", args=[client.pk])
    assert "остаются в силе" in as_anna.get(page).text
    assert as_anna.post(page, {"reason": ""}).status_code == 422
    for reason in ("Написал в чат", "Ещё раз"):
        assert as_anna.post(page, {"reason": reason}).status_code == 302
    agreement = Agreement.objects.get(kind=AgreementKind.PERSONAL_DATA)
    assert (agreement.withdrawn_by, agreement.withdrawal_reason) == (anna, "Написал в чат")
    assert len(messages_to(client)) == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        Agreement.objects.filter(pk=agreement.pk).update(withdrawn_at=None, withdrawn_by=None)


def test_withdrawal_refuses_passport_and_contract_until_a_new_consent(make, anna, as_anna):
    client = make.awaiting_contract(anna)
    contract = issuing.issue(client, by=anna)
    consents.withdraw(client, by=anna, reason="в чате")
    client = make.fresh(client)

    with pytest.raises(AgreementMissing):
        saving.save_passport(client.passport, "", by=anna)
    with pytest.raises(AgreementMissing):
        saving.replace_photo(client.passport, b"a photo", by=anna)
    with pytest.raises(AgreementMissing):
        issuing.issue(client, by=anna)
    with pytest.raises(signing.AgreementNeeded):
        signing.request_code(contract, by=anna)
    assert as_anna.get(reverse("contracts:contract", args=[client.pk])).url == reverse(
        "passport:passport", args=[client.pk]
    )

    consents.record(client, AgreementKind.PERSONAL_DATA, Recorder(anna))
    assert signing.request_code(contract, by=anna)


def test_signed_contract_stays_in_force_after_withdrawal(make, anna, as_anna, signed):
    consents.withdraw(signed.client, by=anna, reason="в чате")
    assert as_anna.get(reverse("contracts:done", args=[signed.client_id])).status_code == 200
    assert as_anna.get(reverse("contracts:pdf", args=[signed.pk])).status_code == 200


def test_withdrawal_waits_for_a_concurrent_passport_save(make, anna, race):
    client = make.verified(anna)
    passport = make.passport(client, anna)
    save = lambda: saving.save_passport(Passport.objects.get(pk=passport.pk), "", by=anna)  # noqa: E731
    outcomes = race(save, lambda: consents.withdraw(make.fresh(client), by=anna, reason="в чате"), at=client)
    assert outcomes[1] is True
    assert outcomes[0] is None or isinstance(outcomes[0], AgreementMissing)
    with pytest.raises(AgreementMissing):
        save()


def test_first_code_requires_the_agreement_on_signatures(make, anna, as_anna):
    client = make.awaiting_contract(anna)
    other = make.verified(anna)
    make.passport(other, anna)
    make.device(other, anna)
    fix_surcharge(other, make.tariff(), by=anna)
    contract = issuing.issue(make.fresh(other), by=anna)
    page, code = (reverse(f"contracts:{name}", args=[other.pk]) for name in ("contract", "code"))

    assert "Клиент прочитал и согласен" in as_anna.get(page).text
    with pytest.raises(signing.AgreementNeeded):
        signing.request_code(contract, by=anna)
    shown = {"contract": contract.pk}
    assert as_anna.post(code, shown).status_code == 422
    assert as_anna.post(code, shown, headers={"HX-Request": "true", "HX-Target": "code"}).status_code == 422
    AppUser.objects.update(status=AccountStatus.BLOCKED)
    assert as_anna.post(code, shown | payload(other, AgreementKind.ELECTRONIC_SIGNATURE)).status_code == 409
    assert not other.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE).exists()
    assert not SigningCode.objects.exists()

    AppUser.objects.update(status=AccountStatus.ACTIVE)
    assert as_anna.post(code, shown | payload(other, AgreementKind.ELECTRONIC_SIGNATURE)).url == page
    assert SigningCode.objects.get().contract == contract
    assert other.agreements.filter(kind=AgreementKind.ELECTRONIC_SIGNATURE).count() == 1
    assert "Клиент прочитал и согласен" not in as_anna.get(page).text.replace("Клиент прочитал договор", "")
    assert client.agreements.count() == 2


def test_card_lists_the_agreements(make, anna, as_anna):
    client = make.awaiting_contract(anna)
    card = as_anna.get(reverse("contracts:card", args=[client.pk])).text
    for agreement in client.agreements.all():
        assert reverse("agreements:pdf", args=[agreement.pk]) in card
    assert "Отозвать согласие" in card


def test_agreement_pages_take_at_most_ten_queries(make, anna, as_anna, django_assert_max_num_queries):
    client = make.verified(anna)
    with django_assert_max_num_queries(10):
        as_anna.get(url(client))
    with django_assert_max_num_queries(10):
        as_anna.get(reverse("passport:passport", args=[client.pk]))
