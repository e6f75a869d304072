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


def change_url(manager):
    return reverse("admin:managers_manager_change", args=[manager.pk])


def payload(**overrides):
    return {"email": "dina@privet.example", "name": "Дина Белова", "role": "manager"} | overrides


def admin_urls() -> list[str]:
    models = ["clients_client", "contracts_contract", "contracts_invoice", "devices_tariff", "devices_devicetype"]
    models += ["managers_manager", "support_ticket", "support_logentry"]
    return [reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in models)]


def test_only_admins_can_open_the_admin_site(as_anna, as_vera, as_gleb, signed_out):
    for url in admin_urls():
        assert as_gleb.get(url).status_code == 200, url
        for browser in (as_anna, as_vera, signed_out):
            assert browser.get(url).status_code == 302, url


def test_admin_login_redirects_to_our_sign_in(signed_out):
    response = signed_out.post(reverse("admin:login"), {"username": "gleb@privet.example", "password": "x"})

    assert response.url.startswith(reverse("managers:sign_in"))


def test_admin_password_change_redirects_to_our_page(as_gleb):
    data = {"old_password": "x", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    assert as_gleb.post(reverse("admin:password_change"), data).url == reverse("managers:password")


def test_index_is_in_russian_and_hides_unused_models(as_gleb):
    text = as_gleb.get(reverse("admin:index")).text

    assert "Привет — администрирование" in text
    assert "/admin/auth/" not in text
    assert "Delete" not in text


@pytest.mark.django_db(transaction=True)
def test_new_user_sets_a_password_through_the_emailed_link(as_gleb, signed_out):
    response = as_gleb.post(ADD, payload(email="  Dina@Privet.Example "))

    assert response.status_code == 302
    dina = Manager.objects.get(email="dina@privet.example")
    assert dina.role == Role.MANAGER
    assert not dina.has_usable_password()
    (message,) = mail.outbox
    assert message.to == ["dina@privet.example"]
    assert "Администратор открыл вам вход" in message.body
    path = re.search(r"https?://[^/\s]+(/\S+)", message.body).group(1)
    form = signed_out.get(path, follow=True)
    url = form.redirect_chain[-1][0]
    signed_out.post(url, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    dina.refresh_from_db()
    assert dina.check_password(NEW_PASSWORD)


def test_admin_forms_have_no_password(as_gleb, anna):
    as_gleb.post(ADD, payload(password="typed by the admin"))

    assert not Manager.objects.get(email="dina@privet.example").has_usable_password()
    for url in (ADD, change_url(anna)):
        text = as_gleb.get(url).text
        assert 'name="password"' not in text
        assert anna.password not in text


@pytest.mark.django_db(transaction=True)
def test_user_is_created_and_a_mail_outage_is_reported(as_gleb, monkeypatch):
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", _raise_connection_refused, raising=False)

    response = as_gleb.post(ADD, payload(), follow=True)

    assert Manager.objects.filter(email="dina@privet.example").exists()
    assert "не отправлено: почта недоступна" in response.text


def _raise_connection_refused(self):
    raise ConnectionRefusedError


def test_password_link_can_be_sent_again(as_gleb, anna, boris):
    Manager.objects.filter(pk=boris.pk).update(is_active=False)

    as_gleb.post(LIST, {"action": "send_password_link", "_selected_action": [anna.pk, boris.pk]})

    assert [message.to for message in mail.outbox] == [["anna@privet.example"]]


@pytest.mark.parametrize(
    "invalid",
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
def test_invalid_input_creates_no_user(as_gleb, anna, invalid):
    response = as_gleb.post(ADD, payload(**invalid))

    assert response.status_code == 200
    assert response.context["adminform"].errors
    assert Manager.objects.count() == 2
    assert not mail.outbox


def test_deactivated_manager_cannot_sign_in(as_gleb, as_anna, anna):
    assert as_anna.get(reverse("managers:password")).status_code == 200

    as_gleb.post(change_url(anna), {"email": anna.email, "name": anna.name, "role": "manager"})

    anna.refresh_from_db()
    assert not anna.is_active
    assert as_anna.get(reverse("managers:password")).status_code == 302


def test_users_cannot_be_deleted(as_gleb, anna):
    delete = reverse("admin:managers_manager_delete", args=[anna.pk])

    assert as_gleb.post(delete, {"post": "yes"}).status_code == 403
    as_gleb.post(LIST, {"action": "delete_selected", "_selected_action": [anna.pk], "post": "yes"})
    assert Manager.objects.filter(pk=anna.pk).exists()


def test_admin_cannot_deactivate_themselves(as_gleb, gleb):
    as_gleb.post(change_url(gleb), {"email": gleb.email, "name": "Глеб Новый", "role": "manager"})

    gleb.refresh_from_db()
    assert gleb.name == "Глеб Новый"
    assert gleb.is_admin
    assert gleb.is_active


def test_list_can_be_searched_and_filtered(as_gleb, anna, boris, vera):
    def search(**query):
        return set(as_gleb.get(LIST, query).context["cl"].queryset)

    assert search(q="анна") == {anna}
    assert search(q="boris@") == {boris}
    assert search(role__exact="support") == {vera}
    assert search(is_active__exact="0") == set()


def test_list_queries_do_not_depend_on_the_number_of_rows(gleb, as_gleb):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            as_gleb.get(LIST)
        return len(captured)

    one = queries()
    for number in range(10):
        Manager.objects.create_user(f"m{number}@privet.example", name=f"Менеджер {number}")

    assert queries() == one


def test_post_of_a_signed_out_browser_changes_nothing(anna):
    Browser().post(change_url(anna), {"email": "x@x.example", "name": "X", "role": "admin"})

    anna.refresh_from_db()
    assert anna.email == "anna@privet.example"
