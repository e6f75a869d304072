"""Forms of sign-in, passwords and codes."""

import re
import unicodedata

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError

from managers.second_factor import APP_DIGITS, BACKUP_DIGITS

MAX_PASSWORD_LENGTH = 1000


class PasswordField(forms.CharField):
    """Accepts any characters, normalised to NFC: some keyboards type «й» as two code points.

    Sources: NIST SP 800-63B, 3.1.1.2; RFC 8265, 4.2.2.
    """

    def to_python(self, value) -> str:
        return unicodedata.normalize("NFC", super().to_python(value))


def password_field(label: str, autocomplete: str, **attributes) -> PasswordField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete} | attributes)
    missing = {"required": f"Введите {label[0].lower()}{label[1:]}."}
    return PasswordField(
        label=label, strip=False, max_length=MAX_PASSWORD_LENGTH, widget=widget, error_messages=missing
    )


def email_field(autocomplete: str) -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": autocomplete, "autofocus": True})
    missing = {"required": "Введите электронную почту."}
    return forms.EmailField(label="Электронная почта", max_length=254, widget=widget, error_messages=missing)


class SignInForm(forms.Form):
    email = email_field("username")
    password = password_field("Пароль", "current-password")


class PasswordResetForm(forms.Form):
    email = email_field("email")


class NewPasswordForm(SetPasswordForm):
    new_password1 = password_field("Новый пароль", "new-password", autofocus=True)
    new_password2 = password_field("Новый пароль ещё раз", "new-password")

    error_messages = {"password_mismatch": "Пароли не совпадают."}

    def clean(self):
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(self.user, "new_password1")
        return self.cleaned_data


class PasswordChangeForm(NewPasswordForm):
    """Does not check the old password. That is an attempt, which the view counts."""

    old_password = password_field("Нынешний пароль", "current-password", autofocus=True)
    new_password1 = password_field("Новый пароль", "new-password")
    field_order = ["old_password", "new_password1", "new_password2"]


def code_field(label: str, **attributes) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"} | attributes)
    return forms.CharField(label=label, max_length=40, widget=widget, error_messages={"required": "Введите код."})


class CodeForm(forms.Form):
    """A code of the authenticator: «123 456»."""

    allowed_lengths = (APP_DIGITS,)
    invalid_message = "Код — это шесть цифр из приложения."
    code = code_field("Код из приложения")

    def clean_code(self) -> str:
        digits = re.sub(r"[\s\-–—]", "", self.cleaned_data["code"])
        if len(digits) not in self.allowed_lengths or not re.fullmatch("[0-9]+", digits):
            raise ValidationError(self.invalid_message)
        return digits


class AnyCodeForm(CodeForm):
    """A code of the authenticator, or a backup code: «12345 67890»."""

    allowed_lengths = (APP_DIGITS, BACKUP_DIGITS)
    invalid_message = "Код — это шесть цифр из приложения или десять цифр резервного кода."
    code = code_field("Код", autofocus=True)
