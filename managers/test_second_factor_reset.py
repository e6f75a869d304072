import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken

from conftest import authenticator_of, browser_for
from managers.models import Authenticator, Session
from managers.test_second_factor import CODE, PAGE, is_in, set_up

pytestmark = pytest.mark.django_db


class TestReset:
    LIST = reverse("admin:managers_manager_changelist")

    def reset(self, browser: Browser, *managers):
        fields = {"action": "reset_second_factor", "_selected_action": [manager.pk for manager in managers]}
        return browser.post(self.LIST, fields, follow=True)

    def test_takes_the_app_and_the_codes_and_ends_the_sessions(self, as_gleb, anna):
        fresh = browser_for(anna, verified=False)
        codes = set_up(fresh)

        self.reset(as_gleb, anna)

        assert not Authenticator.objects.filter(user=anna).exists()
        assert not StaticToken.objects.exists()
        assert not Session.objects.filter(manager=anna).exists()
        assert fresh.get(PAGE).url.startswith(reverse("managers:sign_in"))
        anew = browser_for(anna, verified=False)
        assert anew.post(CODE, {"code": codes[0]}).status_code == 302
        assert not is_in(anew)
        assert len(set_up(anew)) == 10

    def test_person_is_notified_and_reset_is_logged(self, as_anna, as_gleb, anna, gleb):
        self.reset(as_gleb, anna)

        (letter,) = mail.outbox
        assert (letter.to, letter.subject) == ([anna.email], "Второй фактор в «Привет» сброшен")
        entry = LogEntry.objects.get()
        assert (entry.user_id, entry.object_id, entry.change_message) == (
            gleb.pk,
            str(anna.pk),
            "Сброшен второй фактор.",
        )

    def test_happens_though_the_mail_is_down_and_says_so(self, as_anna, as_gleb, anna, monkeypatch):
        def refuse(self, messages):
            raise ConnectionRefusedError

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)

        assert "Письмо не отправлено" in self.reset(as_gleb, anna).text
        assert not Authenticator.objects.filter(user=anna).exists()

    def test_admin_cannot_reset_their_own(self, as_gleb, gleb):
        answer = self.reset(as_gleb, gleb)

        assert "Свой второй фактор сбросить нельзя" in answer.text
        assert Authenticator.objects.filter(user=gleb).exists()

    def test_is_for_admins_only(self, as_anna, as_boris, boris):
        self.reset(as_anna, boris)

        assert Authenticator.objects.filter(user=boris).exists()

    def test_of_the_only_admin_is_done_on_the_server(self, as_gleb, gleb, capsys):
        call_command("reset_second_factor", gleb.email.upper())

        assert not is_in(as_gleb)
        assert len(mail.outbox) == 1
        with pytest.raises(CommandError):
            call_command("reset_second_factor", "nobody@privet.example")


def test_the_admin_site_shows_no_key(as_gleb, anna):
    app = authenticator_of(anna)

    for address in (TestReset.LIST, reverse("admin:managers_manager_change", args=[anna.pk]), reverse("admin:index")):
        text = as_gleb.get(address).text
        assert app.encrypted_key not in text
        assert "otp_totp" not in text
        assert "otp_static" not in text
