"""Step 1 with a change that waits for a confirmation, and the admins' page «Изменения контактов»."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from clients.models import AppUser
from contact import changes, decision_views
from contact.conftest import NEW_EMAIL, NEW_PHONE, OLD_PHONE, code_for, request_change, wrong
from contact.models import ContactChange, ContactCode, Way
from contact.test_changes import phone_of
from contact.test_conflicts import fields_of, open_form
from contact.test_contact import page_of, payload
from managers.models import Manager, Role
from messaging.models import Channel

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true", "HX-Target": "contact-change"}
WAITING = "/contact-changes/"


def url(name: str, change: ContactChange) -> str:
    return reverse(f"clients:contact_{name}", args=[change.client_id, change.pk])


def submit(browser, client, **typed):
    return browser.post(page_of(client), payload(client, **typed))


@pytest.fixture
def sent(change, as_anna) -> str:
    """The code that was sent for the change."""
    as_anna.post(url("code", change), {"channel": "app"})
    return code_for(change.client)


# Step 1


def test_protected_change_is_shown_with_its_ways(protected, as_anna):
    response = submit(as_anna, protected, phone=NEW_PHONE, address="г. Орёл")

    assert response.url == page_of(protected)
    page = as_anna.get(page_of(protected)).text
    for text in (
        "Изменение ждёт подтверждения",
        "+7 (903) 555-66-77",
        "Попросить администратора",
        "Отменить изменение",
    ):
        assert text in page
    assert "Записать без подтверждения" not in page
    assert AppUser.objects.get().address == "г. Орёл"


def test_wizard_goes_on_with_the_old_contact(protected, change, as_anna):
    next_page = f"/clients/{protected.pk}/passport/"
    assert f'href="{next_page}"' in as_anna.get(page_of(protected)).text
    assert submit(as_anna, protected, address="г. Орёл").url == next_page
    assert as_anna.get(next_page).status_code == 200
    change.refresh_from_db()
    assert change.is_open


def test_double_submit_creates_one_change(protected, as_anna):
    typed = open_form(as_anna, protected) | {"phone": NEW_PHONE}
    for _ in range(2):
        assert as_anna.post(page_of(protected), typed).url == page_of(protected)
    assert ContactChange.objects.count() == 1


def test_conflict_is_still_shown_and_records_no_change(protected, as_anna):
    typed = open_form(as_anna, protected) | {"phone": NEW_PHONE}
    AppUser.objects.update(address="г. Псков")

    response = as_anna.post(page_of(protected), typed)

    assert response.status_code == 409
    assert fields_of(response)["phone"] == NEW_PHONE
    assert not ContactChange.objects.exists()


def test_taken_phone_is_an_error_of_the_field(protected, make, as_anna):
    make.user(phone=NEW_PHONE)
    response = submit(as_anna, protected, phone=NEW_PHONE)
    assert (response.status_code, list(response.context["form"].errors)) == (422, ["phone"])
    assert not ContactChange.objects.exists()


def test_unknown_contact_is_changed_at_once(unknown, as_anna):
    assert submit(as_anna, unknown, phone=NEW_PHONE).url == f"/clients/{unknown.pk}/passport/"
    assert phone_of(unknown) == NEW_PHONE
    assert "Изменение ждёт" not in as_anna.get(page_of(unknown)).text


# The code


def test_code_is_sent_and_entered(change, protected, as_anna, sent):
    page = as_anna.get(page_of(protected)).text
    assert "Код: «Привет Супер», " in page
    assert sent not in page
    assert f"{sent[:3]} {sent[3:]}" not in page

    response = as_anna.post(url("confirmation", change), {"code": f"{sent[:3]} {sent[3:]}"})

    assert response.url == f"/clients/{protected.pk}/passport/"
    assert phone_of(protected) == NEW_PHONE
    assert "Клиент подтвердил, контакт изменён." in as_anna.get(response.url).text


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
def test_wrong_code_stays_in_the_field(change, protected, as_anna, sent, headers):
    response = as_anna.post(url("confirmation", change), {"code": wrong(sent)}, headers=headers)

    assert response.status_code == 422
    assert "Неверный код. Осталось попыток: 4." in response.text
    assert f'value="{wrong(sent)}"' in response.text
    assert ('name="address"' in response.text) == (not headers)
    assert phone_of(protected) == OLD_PHONE


@pytest.mark.parametrize("typed", ["", "12345", "абвгде"])
def test_anything_but_six_digits_is_no_attempt(change, as_anna, sent, typed):
    assert as_anna.post(url("confirmation", change), {"code": typed}).status_code == 422
    assert ContactCode.objects.get().failed_tries == 0


def test_second_code_must_wait(change, as_anna, sent):
    response = as_anna.post(url("code", change), {"channel": "app"}, headers=FRAGMENT)
    assert response.status_code == 429
    assert "Новый код можно отправить через" in response.text
    assert response.headers["Retry-After"]
    assert ContactCode.objects.count() == 1


@pytest.mark.parametrize("channel", ["sms", "pigeon", ""])
def test_other_channels_are_refused(change, as_anna, channel):
    assert as_anna.post(url("code", change), {"channel": channel}).status_code == 409
    assert not ContactCode.objects.exists()


def test_client_who_changed_the_contact_is_not_overwritten(change, protected, as_anna, sent):
    AppUser.objects.update(phone="9030000000")

    response = as_anna.post(url("confirmation", change), {"code": sent})

    assert response.status_code == 409
    assert "клиент сам изменил контакт" in response.text
    assert phone_of(protected) == "9030000000"
    page = as_anna.get(page_of(protected)).text
    assert "Отменить изменение" in page
    assert "Подтвердить кодом" not in page


def test_without_a_channel_the_admin_is_the_way(confirmed, as_anna, anna):
    request_change(confirmed, anna, phone=NEW_PHONE)
    page = as_anna.get(page_of(confirmed)).text
    assert "Код отправить некуда" in page
    assert "<details open>" in page


# Without a confirmation, cancelling


def test_confirmed_phone_is_changed_without_a_confirmation(confirmed, as_anna, anna):
    change = request_change(confirmed, anna, phone=NEW_PHONE)
    assert "Записать без подтверждения" in as_anna.get(page_of(confirmed)).text

    assert as_anna.post(url("unconfirmed", change)).status_code == 302
    change.refresh_from_db()
    assert (phone_of(confirmed), change.way) == (NEW_PHONE, Way.UNCONFIRMED)
    assert changes.held_channels(confirmed, change.applied_at) == {Channel.SMS}


def test_protected_contact_is_not_changed_without_a_confirmation(change, protected, as_anna):
    response = as_anna.post(url("unconfirmed", change))
    assert response.status_code == 409
    assert "Без подтверждения это изменение записать нельзя" in response.text
    assert phone_of(protected) == OLD_PHONE


def test_only_admin_sees_the_way_without_a_confirmation(protected, gleb, as_gleb):
    change = request_change(protected, gleb, phone=NEW_PHONE)
    assert "Записать без подтверждения" in as_gleb.get(page_of(protected)).text

    Manager.objects.create_user("olga@privet.example", name="Ольга", role=Role.ADMIN)
    assert "Записать без подтверждения" not in as_gleb.get(page_of(protected)).text
    assert as_gleb.post(url("unconfirmed", change)).status_code == 409


def test_cancelled_change_disappears(change, protected, as_anna):
    assert as_anna.post(url("cancellation", change)).url == page_of(protected)
    assert "Изменение ждёт" not in as_anna.get(page_of(protected)).text
    assert phone_of(protected) == OLD_PHONE


def test_actions_on_a_closed_change_show_its_state(change, as_anna, anna, sent):
    changes.cancel(change, by=anna)
    for name, data in (("code", {"channel": "app"}), ("confirmation", {"code": sent}), ("request", {"reason": "x"})):
        response = as_anna.post(url(name, change), data, headers=FRAGMENT)
        assert response.status_code == 409
        assert "Это изменение уже закрыто" in response.text


# The admin's approval


def test_reason_is_required(change, as_anna):
    response = as_anna.post(url("request", change), {"reason": " "}, headers=FRAGMENT)
    assert response.status_code == 422
    assert "Напишите, почему контакт меняется" in response.text
    change.refresh_from_db()
    assert change.asked_at is None


def test_asked_admin_approves(change, protected, as_anna, as_gleb):
    page = as_anna.post(url("request", change), {"reason": "Потерял телефон"}, headers=FRAGMENT).text
    assert "Администратор ещё не ответил. Ваша причина: Потерял телефон" in page

    page = as_gleb.get(WAITING).text
    for text in ("Анна Смирнова", "«Потерял телефон»", "+7 (977) 111-22-33", "+7 (903) 555-66-77"):
        assert text in page
    approval = reverse("contact_changes:approval", args=[change.pk])
    assert as_gleb.post(approval, {"choice": "Вижу документы клиента", "words": "И голос"}).url == WAITING

    change.refresh_from_db()
    assert (phone_of(protected), change.decision_note) == (NEW_PHONE, "Вижу документы клиента. И голос")
    assert "Решать нечего" in as_gleb.get(WAITING).text
    assert "Администратор Глеб Волков разрешил, контакт изменён." in as_anna.get(page_of(protected)).text


def test_page_shows_a_bounded_number_of_requests(asked, make, anna, as_gleb, monkeypatch):
    newer = request_change(make.verified(anna, password_hash="set in the app"), anna, email=NEW_EMAIL)
    changes.ask_admin(newer, "Опечатка", by=anna)
    monkeypatch.setattr(decision_views, "MAX_SHOWN", 1)
    page = as_gleb.get(reverse("contact_changes:waiting")).text
    assert str(asked.pk) in page
    assert str(newer.pk) not in page


def test_approval_needs_a_reason(asked, protected, as_gleb):
    response = as_gleb.post(reverse("contact_changes:approval", args=[asked.pk]), {"choice": "", "words": ""})
    assert response.status_code == 422
    assert "Выберите причину или напишите свою." in response.text
    assert phone_of(protected) == OLD_PHONE


def test_rejection_is_shown_to_the_manager(asked, protected, as_anna, as_gleb):
    as_gleb.post(reverse("contact_changes:rejection", args=[asked.pk]), {"words": "Не дозвонился"})
    page = as_anna.get(page_of(protected)).text
    assert "Администратор Глеб Волков отказал. Причина: Не дозвонился" in page
    assert phone_of(protected) == OLD_PHONE


@pytest.mark.parametrize(("name", "status"), [("approval", 409), ("rejection", 409)])
def test_decision_about_a_closed_change_is_refused(asked, anna, as_gleb, name, status):
    changes.cancel(asked, by=anna)
    response = as_gleb.post(reverse(f"contact_changes:{name}", args=[asked.pk]), {"words": "Звонил"})
    assert response.status_code == status
    assert "Это изменение уже закрыто" in response.text


def test_own_request_has_no_buttons(protected, gleb, as_gleb):
    change = request_change(protected, gleb, phone=NEW_PHONE)
    changes.ask_admin(change, "Прошу", by=gleb)
    assert "Это ваше изменение" in as_gleb.get(WAITING).text
    approval = reverse("contact_changes:approval", args=[change.pk])
    assert as_gleb.post(approval, {"words": "Себе"}).status_code == 409
    assert phone_of(protected) == OLD_PHONE


def test_admins_see_how_many_requests_wait(asked, protected, gleb, as_gleb, as_anna):
    assert "ждут решения: </span>1</span>" in as_gleb.get("/clients/").text
    assert "ждут решения" not in as_anna.get("/clients/").text
    changes.reject(asked, by=gleb, note="")
    assert "ждут решения" not in as_gleb.get("/clients/").text


def test_enter_in_the_admins_form_does_not_reject(asked, as_gleb):
    form = as_gleb.get(WAITING).text.split(reverse("contact_changes:approval", args=[asked.pk]))[1]
    assert "formaction" not in form[: form.index("</button>")]  # Enter presses the first button


def test_managers_decide_nothing(asked, protected, as_anna, as_boris, as_vera):
    for browser in (as_anna, as_boris, as_vera):
        assert browser.get(WAITING).status_code == 404
        for name in ("approval", "rejection"):
            address = reverse(f"contact_changes:{name}", args=[asked.pk])
            assert browser.post(address, {"words": "Сам"}).status_code == 404
    asked.refresh_from_db()
    assert asked.is_open


def test_change_of_another_client_is_not_found(change, make, anna, as_anna, as_boris):
    other = make.verified(anna)
    for name in ("code", "confirmation", "request", "unconfirmed", "cancellation"):
        address = reverse(f"clients:contact_{name}", args=[other.pk, change.pk])
        assert as_anna.post(address, {"reason": "x", "code": "123456"}).status_code == 404
        assert as_boris.post(url(name, change), {"reason": "x", "code": "123456"}).status_code == 404


# The state updates itself


def poll(browser, change, **seen):
    response = browser.get(page_of(change.client))
    panel = response.context["panel"]
    values = {"layout": panel.layout, "seen": panel.seen} | seen
    return values, lambda: browser.get(url("change", change), values, headers={"HX-Request": "true"})


def test_unchanged_state_is_not_sent_again(change, as_anna):
    _, ask = poll(as_anna, change)
    assert ask().status_code == 204


def test_decision_replaces_the_panel(asked, gleb, as_anna):
    _, ask = poll(as_anna, asked)
    changes.approve(asked, by=gleb, note="Звонил")

    response = ask()

    assert (response.headers["HX-Retarget"], response.headers["HX-Reswap"]) == ("#contact-change", "outerHTML")
    assert "Администратор Глеб Волков разрешил" in response.text
    assert "data-poll" not in response.text


def test_delivery_replaces_only_the_status(change, as_anna, sent):
    _, ask = poll(as_anna, change, seen="")
    response = ask()
    assert "HX-Retarget" not in response.headers
    assert "Действует до" in response.text
    assert "Подтвердить кодом" not in response.text


def test_state_without_javascript_leads_back_to_the_step(change, as_anna):
    assert as_anna.get(url("change", change)).url == page_of(change.client)


def test_poll_does_not_extend_the_session(change, anna, as_anna):
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        as_anna.get(url("change", change), headers={"HX-Request": "true"})
    assert timezone.now() - anna.sessions.get().seen_at < timedelta(minutes=5)


def test_admin_site_lists_changes_without_their_values(asked, as_gleb):
    page = as_gleb.get(reverse("admin:contact_contactchange_change", args=[asked.pk])).text
    assert "Потерял телефон" in page
    assert NEW_PHONE not in page
    assert as_gleb.get(reverse("admin:contact_contactchange_changelist")).status_code == 200
    card = as_gleb.get(reverse("admin:clients_client_change", args=[asked.client_id])).text
    assert "Ждёт администратора" in card


def test_email_change_is_shown_without_markup(protected, anna, as_anna, as_gleb):
    change = request_change(protected, anna, email=NEW_EMAIL, name="<b>Пётр</b>")
    changes.ask_admin(change, "<script>", by=anna)
    for page in (as_anna.get(page_of(protected)).text, as_gleb.get(WAITING).text):
        assert NEW_EMAIL in page
        assert "&lt;script&gt;" in page
