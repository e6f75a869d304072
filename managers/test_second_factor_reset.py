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

    def test_deletes_the_authenticator_and_codes_and_ends_sessions(self, as_gleb, anna):
        without_app = browser_for(anna, verified=False)
        codes = set_up(without_app)

        self.reset(as_gleb, anna)

        assert not Authenticator.objects.filter(user=anna).exists()
        assert not StaticToken.objects.exists()
        assert not Session.objects.filter(manager=anna).exists()
        assert without_app.get(PAGE).url.startswith(reverse("managers:sign_in"))
        next_browser = browser_for(anna, verified=False)
        assert next_browser.post(CODE, {"code": codes[0]}).status_code == 302
        assert not is_in(next_browser)
        assert len(set_up(next_browser)) == 10

    def test_person_is_notified_and_reset_is_logged(self, as_anna, as_gleb, anna, gleb):
        self.reset(as_gleb, anna)

        (message,) = mail.outbox
        assert (message.to, message.subject) == ([anna.email], "Второй фактор в «Привет» сброшен")
        entry = LogEntry.objects.get()
        assert (entry.user_id, entry.object_id, entry.change_message) == (
            gleb.pk,
            str(anna.pk),
            "Сброшен второй фактор.",
        )

    def test_mail_outage_is_reported_and_does_not_prevent_the_reset(self, as_anna, as_gleb, anna, monkeypatch):
        def fail(self, messages):
            raise ConnectionRefusedError

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)

        assert "Письмо не отправлено" in self.reset(as_gleb, anna).text
        assert not Authenticator.objects.filter(user=anna).exists()

    def test_admin_cannot_reset_their_own(self, as_gleb, gleb):
        response = self.reset(as_gleb, gleb)

        assert "Свой второй фактор сбросить нельзя" in response.text
        assert Authenticator.objects.filter(user=gleb).exists()

    def test_only_admins_can_reset(self, as_anna, as_boris, boris):
        self.reset(as_anna, boris)

        assert Authenticator.objects.filter(user=boris).exists()

    def test_command_resets_the_only_admin(self, as_gleb, gleb, capsys):
        call_command("reset_second_factor", gleb.email.upper())

        assert not is_in(as_gleb)
        assert len(mail.outbox) == 1
        with pytest.raises(CommandError):
            call_command("reset_second_factor", "nobody@privet.example")


def test_admin_site_does_not_show_the_key(as_gleb, anna):
    app = authenticator_of(anna)

    for url in (TestReset.LIST, reverse("admin:managers_manager_change", args=[anna.pk]), reverse("admin:index")):
        text = as_gleb.get(url).text
        assert app.encrypted_key not in text
        assert "otp_totp" not in text
        assert "otp_static" not in text
