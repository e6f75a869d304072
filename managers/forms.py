"""The forms of signing in and of passwords."""

from django import forms
from django.contrib.auth.forms import SetPasswordForm

LONGEST_PASSWORD = 1000


def password_field(label: str, autocomplete: str, **attributes) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete} | attributes)
    return forms.CharField(label=label, strip=False, max_length=LONGEST_PASSWORD, widget=widget)


def email_field(autocomplete: str) -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": autocomplete, "autofocus": True})
    return forms.EmailField(label="Электронная почта", max_length=254, widget=widget)


class SignInForm(forms.Form):
    email = email_field("username")
    password = password_field("Пароль", "current-password")


class PasswordResetForm(forms.Form):
    email = email_field("email")


class NewPasswordForm(SetPasswordForm):
    new_password1 = password_field("Новый пароль", "new-password", autofocus=True)
    new_password2 = password_field("Новый пароль ещё раз", "new-password")

    def clean(self):
        self.validate_passwords("new_password1", "new_password2")
        self.validate_password_for_user(self.user, "new_password1")
        return self.cleaned_data


class PasswordChangeForm(NewPasswordForm):
    """Whether the old password is right is not asked here: that is a try, and tries are counted."""

    old_password = password_field("Нынешний пароль", "current-password")
    field_order = ["old_password", "new_password1", "new_password2"]
