import re

import pytest
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from managers.models import Manager, Role

LIST = reverse("admin:managers_manager_changelist")
ADD = reverse("admin:managers_manager_add")
NEW_PASSWORD = "лошадь батарея скрепка верно"


def page(manager):
    return reverse("admin:managers_manager_change", args=[manager.pk])


def payload(**overrides):
    return {"email": "dina@privet.example", "name": "Дина Белова", "role": "manager"} | overrides


def every_list() -> list[str]:
    models = ["clients_client", "contracts_contract", "contracts_invoice", "devices_tariff", "devices_devicetype"]
    models += ["managers_manager", "support_ticket", "support_logentry"]
    return [reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in models)]


def test_only_admins_have_an_admin_site(as_anna, as_vera, as_gleb, signed_out):
    for address in every_list():
        assert as_gleb.get(address).status_code == 200, address
        for browser in (as_anna, as_vera, signed_out):
            assert browser.get(address).status_code == 302, address


def test_admin_login_redirects_to_our_sign_in(signed_out):
    response = signed_out.post(reverse("admin:login"), {"username": "gleb@privet.example", "password": "x"})

    assert response.url.startswith(reverse("managers:sign_in"))


def test_there_is_one_place_to_change_a_password(as_gleb):
    data = {"old_password": "x", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    assert as_gleb.post(reverse("admin:password_change"), data).url == reverse("managers:password")


def test_the_site_speaks_russian_and_hides_what_has_no_meaning_here(as_gleb):
    text = as_gleb.get(reverse("admin:index")).text

    assert "Привет — администрирование" in text
    assert "/admin/auth/" not in text
    assert "Delete" not in text


@pytest.mark.django_db(transaction=True)
def test_a_new_person_sets_their_password_by_a_letter(as_gleb, signed_out):
    response = as_gleb.post(ADD, payload(email="  Dina@Privet.Example "))

    assert response.status_code == 302
    dina = Manager.objects.get(email="dina@privet.example")
    assert dina.role == Role.MANAGER
    assert not dina.has_usable_password()
    (letter,) = mail.outbox
    assert letter.to == ["dina@privet.example"]
    assert "Администратор открыл вам вход" in letter.body
    path = re.search(r"https?://[^/\s]+(/\S+)", letter.body).group(1)
    form = signed_out.get(path, follow=True)
    address = form.redirect_chain[-1][0]
    signed_out.post(address, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    dina.refresh_from_db()
    assert dina.check_password(NEW_PASSWORD)


def test_no_password_is_typed_or_shown(as_gleb, anna):
    as_gleb.post(ADD, payload(password="typed by the admin"))

    assert not Manager.objects.get(email="dina@privet.example").has_usable_password()
    for address in (ADD, page(anna)):
        text = as_gleb.get(address).text
        assert 'name="password"' not in text
        assert anna.password not in text


@pytest.mark.django_db(transaction=True)
def test_mail_that_is_down_leaves_the_person_and_says_what_to_do(as_gleb, monkeypatch):
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", _raise_connection_refused, raising=False)

    response = as_gleb.post(ADD, payload(), follow=True)

    assert Manager.objects.filter(email="dina@privet.example").exists()
    assert "не отправлено: почта недоступна" in response.text


def _raise_connection_refused(self):
    raise ConnectionRefusedError


def test_the_letter_can_be_sent_again(as_gleb, anna, boris):
    Manager.objects.filter(pk=boris.pk).update(is_active=False)

    as_gleb.post(LIST, {"action": "send_password_link", "_selected_action": [anna.pk, boris.pk]})

    assert [letter.to for letter in mail.outbox] == [["anna@privet.example"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "anna@PRIVET.example"},
        {"email": "не почта"},
        {"email": ""},
        {"name": ""},
        {"name": "я" * 151},
        {"name": "а\x00б"},
        {"role": "owner"},
        {"role": ""},
        {"email": "я" * 900_000},
    ],
)
def test_bad_input_adds_nobody(as_gleb, anna, wrong):
    response = as_gleb.post(ADD, payload(**wrong))

    assert response.status_code == 200
    assert response.context["adminform"].errors
    assert Manager.objects.count() == 2
    assert not mail.outbox


def test_deactivated_manager_cannot_sign_in(as_gleb, as_anna, anna):
    assert as_anna.get(reverse("managers:password")).status_code == 200

    as_gleb.post(page(anna), {"email": anna.email, "name": anna.name, "role": "manager"})

    anna.refresh_from_db()
    assert not anna.is_active
    assert as_anna.get(reverse("managers:password")).status_code == 302


def test_nobody_is_deleted(as_gleb, anna):
    delete = reverse("admin:managers_manager_delete", args=[anna.pk])

    assert as_gleb.post(delete, {"post": "yes"}).status_code == 403
    as_gleb.post(LIST, {"action": "delete_selected", "_selected_action": [anna.pk], "post": "yes"})
    assert Manager.objects.filter(pk=anna.pk).exists()


def test_admin_cannot_deactivate_themselves(as_gleb, gleb):
    as_gleb.post(page(gleb), {"email": gleb.email, "name": "Глеб Новый", "role": "manager"})

    gleb.refresh_from_db()
    assert gleb.name == "Глеб Новый"
    assert gleb.is_admin
    assert gleb.is_active


def test_finds_and_filters(as_gleb, anna, boris, vera):
    def found(**query):
        return set(as_gleb.get(LIST, query).context["cl"].queryset)

    assert found(q="анна") == {anna}
    assert found(q="boris@") == {boris}
    assert found(role__exact="support") == {vera}
    assert found(is_active__exact="0") == set()


def test_the_number_of_queries_does_not_grow(gleb, as_gleb):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(LIST)
        return len(captured)

    one = queries()
    for number in range(10):
        Manager.objects.create_user(f"m{number}@privet.example", name=f"Менеджер {number}")

    assert queries() == one


def test_signed_out_a_post_changes_nothing(anna):
    Browser().post(page(anna), {"email": "x@x.example", "name": "X", "role": "admin"})

    anna.refresh_from_db()
    assert anna.email == "anna@privet.example"
