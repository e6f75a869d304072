"""At step 2 the page asks for the consent to processing personal data alone."""

import io

import pytest
from pypdf import PdfReader

from agreements.models import AgreementKind
from client_page.conftest import Phone, issue_link, path_of
from foundation.storage import object_storage
from links.models import Place
from support.models import LogEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(make, anna):
    return make.verified(anna)


@pytest.fixture
def phone(client, anna) -> Phone:
    phone = Phone()
    phone.open(*issue_link(client, anna))
    return phone


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_client_gives_the_consent(phone, client):
    assert "152-ФЗ" in phone.get().text
    response = phone.post("consent", phone.form("consent") | {"agreed": "on"})

    assert path_of(response) == phone.url("page")
    assert "Согласие записано" in phone.get().text
    agreement = client.agreements.get()
    assert (agreement.kind, agreement.accepted_on) == (AgreementKind.PERSONAL_DATA, Place.CLIENT_PAGE)
    assert (agreement.ip, agreement.user_agent) == ("203.0.113.5", "Android")
    entry = LogEntry.objects.get(body__startswith="Вы приняли документ")
    assert entry.author is None


def test_document_says_that_the_client_marked_it(phone, client):
    phone.post("consent", phone.form("consent") | {"agreed": "on"})
    text = text_of(object_storage.get(client.agreements.get().pdf_key))
    assert "сделал(а) Иванов Пётр Сергеевич на своём устройстве" in text
    assert "Анна Смирнова" not in text


def test_consent_needs_the_tick_and_the_shown_text(phone, client):
    assert phone.post("consent", phone.form("consent")).status_code == 422
    assert phone.post("consent", {"agreed": "on", "shown": "0" * 64}).status_code == 422
    assert not client.agreements.exists()


def test_repeated_consent_is_recorded_once(phone, client):
    data = phone.form("consent") | {"agreed": "on"}
    for _ in range(2):
        phone.post("consent", data)
    assert client.agreements.count() == 1


def test_storage_outage_keeps_the_tick(phone, client, monkeypatch):
    def fail(*args, **kwargs):
        raise object_storage.StorageUnavailable("agreements")

    monkeypatch.setattr(object_storage, "put", fail)
    response = phone.post("consent", phone.form("consent") | {"agreed": "on"})
    assert response.status_code == 503
    assert "Согласие не записано" in response.text
    assert "checked" in response.text
    assert not client.agreements.exists()


def test_refusal(phone, client):
    assert "Не согласен(на) с суммой" not in phone.get().text
    assert phone.post("refusal", {"reason": "amount"}).status_code == 422
    phone.post("refusal", {"reason": "passport"})
    text = phone.get().text
    assert "Согласие не дано." in text
    assert "Не хочу давать паспортные данные" in text
    phone.post("consent", {"agreed": "on"})
    assert not client.agreements.exists()


@pytest.mark.parametrize("name", ["passport", "code", "signature"])
def test_actions_of_a_contract_do_nothing(phone, client, name):
    assert path_of(phone.post(name, {"code": "123456", "digits": "1234"})) == phone.url("page")
    assert path_of(phone.get("pdf")) == phone.url("page")
