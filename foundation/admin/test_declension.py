"""The admin site uses Russian model names in the right case and number."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.urls import reverse
from django.utils import timezone

from clients.models import Client
from conftest import ROLES, as_role
from contact.conftest import NEW_PHONE, protected, request_change
from contracts import issuing, payment, signing
from contracts.conftest import invoice, issued, signed
from contracts.models import PaymentMethod
from devices.models import DeviceType
from erasure import erasing, requests
from erasure.models import ErasureReason
from managers.models import Manager

__all__ = ["invoice", "issued", "protected", "signed"]

COUNT_FORMS = {
    "managers.Manager": "1 сотрудник, 2 сотрудника, 5 сотрудников",
    "clients.Client": "1 клиент, 2 клиента, 5 клиентов",
    "clients.Disclosure": "1 показ личных данных, 2 показа личных данных, 5 показов личных данных",
    "devices.DeviceType": "1 тип устройства, 2 типа устройств, 5 типов устройств",
    "devices.Tariff": "1 тариф, 2 тарифа, 5 тарифов",
    "contracts.Contract": "1 договор, 2 договора, 5 договоров",
    "contracts.Invoice": "1 счёт, 2 счёта, 5 счетов",
    "contracts.Payment": "1 оплата, 2 оплаты, 5 оплат",
    "contracts.FraudSignal": "1 сигнал, 2 сигнала, 5 сигналов",
    "messaging.OutgoingMessage": "1 исходящее сообщение, 2 исходящих сообщения, 5 исходящих сообщений",
    "contact.ContactChange": "1 изменение контакта, 2 изменения контакта, 5 изменений контакта",
    "support.Ticket": "1 обращение, 2 обращения, 5 обращений",
    "support.LogEntry": "1 запись журнала, 2 записи журнала, 5 записей журнала",
    "erasure.ErasureRequest": (
        "1 запрос на уничтожение данных, 2 запроса на уничтожение данных, 5 запросов на уничтожение данных"
    ),
    "erasure.Erasure": "1 акт об уничтожении данных, 2 акта об уничтожении данных, 5 актов об уничтожении данных",
}
TITLES = {
    "managers.Manager": "Изменить сотрудника",
    "clients.Client": "Изменить клиента",
    "devices.DeviceType": "Изменить тип устройства",
    "devices.Tariff": "Изменить тариф",
    "contracts.Contract": "Просмотреть договор",
    "contracts.Invoice": "Просмотреть счёт",
    "contracts.Payment": "Просмотреть оплату",
    "contracts.FraudSignal": "Просмотреть сигнал",
    "messaging.OutgoingMessage": "Просмотреть исходящее сообщение",
    "contact.ContactChange": "Просмотреть изменение контакта",
    "support.Ticket": "Просмотреть обращение",
    "support.LogEntry": "Просмотреть запись журнала",
    "erasure.ErasureRequest": "Просмотреть запрос на уничтожение данных",
    "erasure.Erasure": "Просмотреть акт об уничтожении данных",
}
# Models without tracked history: their rows never change, or not in the admin.
WITHOUT_HISTORY = {
    "contracts.Payment",
    "contracts.FraudSignal",
    "messaging.OutgoingMessage",
    "contact.ContactChange",
    "support.Ticket",
    "support.LogEntry",
    "erasure.ErasureRequest",
    "erasure.Erasure",
}
ADDED = {"managers.Manager": "сотрудника", "devices.DeviceType": "тип устройства", "devices.Tariff": "тариф"}


def model_admins() -> list[admin.ModelAdmin]:
    return [admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model)]


def admin_url(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def office(invoice, protected, anna, gleb, make):
    """A row of every model that has a change page in the admin."""
    payment.confirm_payment(invoice, PaymentMethod.CASH, by=anna)
    request_change(protected, anna, phone=NEW_PHONE)
    requests.request_erasure(make.client(), ErasureReason.REQUEST, by=gleb, note="")
    with as_role(ROLES.maintenance):
        erasing.erase(make.client(), ErasureReason.REQUEST, by=gleb, note="")


def test_every_registered_model_is_covered():
    assert {model_admin.model._meta.label for model_admin in model_admins()} == set(COUNT_FORMS)
    assert set(COUNT_FORMS) - set(TITLES) == {"clients.Disclosure"}, "Only disclosures have no change page."


@pytest.mark.parametrize(("label", "forms"), COUNT_FORMS.items())
def test_count_uses_the_right_plural(label, forms):
    model_admin = admin.site.get_model_admin(apps.get_model(label))

    assert ", ".join(model_admin.format_count(number) for number in (1, 2, 5)) == forms


def test_list_shows_the_count(as_gleb, make):
    for _ in range(3):
        make.client()

    assert "3 клиента" in as_gleb.get(admin_url(Client, "changelist")).text
    assert "Нашлось: 3 клиента" in as_gleb.get(admin_url(Client, "changelist"), {"q": "иванов"}).text


@pytest.mark.parametrize(("label", "title"), TITLES.items())
def test_change_page_title_is_in_the_accusative(as_gleb, office, label, title):
    row = apps.get_model(label).objects.first()
    page = as_gleb.get(admin_url(row, "change", row.pk))

    assert f"<h1>{title}</h1>" in page.text
    assert ("historylink" in page.text) == (label not in WITHOUT_HISTORY)


@pytest.mark.parametrize(("label", "name"), ADDED.items())
def test_add_page_and_link_name_the_model(as_gleb, label, name):
    model = apps.get_model(label)
    page = as_gleb.get(admin_url(model, "add"))

    assert f'class="addlink">Добавить {name}</a>' in as_gleb.get(admin_url(model, "changelist")).text
    assert f"<h1>Добавить {name}</h1>" in page.text
    assert f'<li aria-current="page">Добавить {name}</li>' in page.text


def test_add_another_message_is_in_the_accusative(as_gleb):
    person = {"email": "new@privet.example", "name": "Новый Человек", "role": "manager", "_addanother": "1"}
    page = as_gleb.post(admin_url(Manager, "add"), person, follow=True)

    assert "Вы можете добавить ещё одного сотрудника ниже" in page.text
    assert f'<a href="{admin_url(Manager, "change", Manager.objects.get(name=person["name"]).pk)}">' in page.text


def test_list_edit_message_uses_the_right_plural(as_gleb, make):
    DeviceType.objects.all().delete()
    kinds = [make.type("плита"), make.type("вытяжка")]
    data = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "_save": "1"}
    for number, kind in enumerate(kinds):
        data |= {f"form-{number}-id": kind.pk, f"form-{number}-position": 7, f"form-{number}-is_active": "on"}

    page = as_gleb.post(admin_url(DeviceType, "changelist"), data, follow=True)

    assert "2 типа устройств были успешно изменены" in page.text


def test_select_all_link_is_in_russian(as_gleb, make, monkeypatch):
    monkeypatch.setattr("clients.admin.ClientAdmin.list_per_page", 1)
    for _ in range(2):
        make.client()

    assert "Выбрать все записи (2)" in as_gleb.get(admin_url(Client, "changelist")).text


def test_delete_confirmation_names_the_object(as_gleb, make):
    kind = make.type("плита")

    assert "Удалить тип устройства «плита»?" in as_gleb.get(admin_url(kind, "delete", kind.pk)).text
    as_gleb.post(admin_url(kind, "delete", kind.pk), {"post": "yes"})
    assert not DeviceType.objects.filter(pk=kind.pk).exists()


def test_every_field_and_column_has_a_russian_label():
    admins = model_admins()
    inlines = [inline(parent.model, admin.site) for parent in admins for inline in parent.inlines]
    labels = {
        str(label_for_field(name, page.model, page))
        for page in (*admins, *inlines)
        for name in (*getattr(page, "list_display", ()), *(page.fields or flatten_fieldsets(page.fieldsets or ())))
    }

    assert {label for label in labels if not re.search("[а-яё]", label.lower())} == {"PDF"}


def test_missing_value_is_a_dash(as_gleb, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)

    page = as_gleb.get(admin_url(contract, "change", contract.pk))
    values = re.findall(r'<div class="readonly">(.*?)</div>', page.text)
    assert {"—", "150,00\u00a0₽"} <= set(values)
    assert {"-", "None"}.isdisjoint(values)


def test_unclaimed_client_shows_no_manager(as_gleb, make):
    client = make.client()

    page = as_gleb.get(admin_url(client, "change", client.pk))
    assert '<option value="" selected>Не назначен</option>' in page.text
    assert "Select" not in re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)


def test_signing_code_is_labelled_by_its_time(as_gleb, issued, anna):
    code = signing.request_code(issued, by=anna)

    assert (
        f"Код от {timezone.localtime(code.sent_at):%d.%m.%Y %H:%M}"
        in as_gleb.get(admin_url(issued, "change", issued.pk)).text
    )
