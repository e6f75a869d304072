"""Contact data, as managers type it."""

import re

import phonenumbers
from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.html import format_html

from clients.models import AccountStatus, AppUser, Client
from foundation.russian.printable import validate_printable
from foundation.templatetags.formats import phone as formatted_phone
from managers.models import Manager

LOOK_AGAIN = "Ваши исправления ещё не записаны. Проверьте всё и нажмите «Далее» ещё раз."

# An account that is no client of ours, and what makes it one: then the trigger on `users` takes it up by itself.
NOT_A_CLIENT = {
    AccountStatus.GHOST: "ещё не активирована. Попросите клиента войти в приложение",
    AccountStatus.BLOCKED: "заблокирована. Попросите поддержку её разблокировать",
    AccountStatus.DELETED: "удалена. Попросите поддержку её восстановить",
}


def russian_phone(text: str) -> str:
    """Ten digits of a Russian number written in any way; ValidationError otherwise."""
    try:
        number = phonenumbers.parse(text, "RU")
    except phonenumbers.NumberParseException:
        raise ValidationError("Введите номер телефона цифрами, например +7 977 123-23-23.") from None
    digits = str(number.national_number)
    if number.country_code != 7 or re.search(r"[^\W\d_]", text):
        raise ValidationError("Нужен российский номер цифрами, например +7 977 123-23-23.")
    if number.extension or not phonenumbers.is_valid_number_for_region(number, "RU") or len(digits) != 10:
        raise ValidationError("Такого номера нет. Проверьте цифры: после +7 их десять.")
    return digits


def validate_words(text: str) -> None:
    """Letters are needed, and nothing that a contract can't show."""
    validate_printable(text)
    if not any(c.isalpha() for c in text):
        raise ValidationError("Напишите словами.")


def unprintable(account: AppUser) -> str:
    """What of an account no document can show, in words that ask to correct it; the app takes any characters."""
    for name, value in account.contact.items():
        try:
            validate_printable(value or "")
        except ValidationError as error:
            return f"Исправьте поле «{ContactForm.base_fields[name].label}». {error.message}"
    return ""


class ContactForm(forms.Form):
    """Name, phone, e-mail and address of `client`, or of one to be added (None), for the manager `by`.

    What the account was when the page was opened comes back with the form, as `shown`: what is corrected is that.
    """

    name = forms.CharField(
        label="Имя",
        max_length=150,
        validators=[validate_words],
        error_messages={"required": "Напишите, как зовут клиента."},
    )
    phone = forms.CharField(
        label="Телефон",
        max_length=40,
        widget=forms.TelInput,
        error_messages={"required": "Введите номер телефона, например +7 977 123-23-23."},
    )
    email = forms.EmailField(label="Электронная почта", max_length=254, required=False, validators=[validate_printable])
    address = forms.CharField(
        label="Адрес",
        max_length=500,
        validators=[validate_words],
        widget=forms.Textarea({"rows": 2}),
        error_messages={"required": "Напишите адрес: город, улица, дом, квартира."},
    )

    name.widget.attrs |= {"autocomplete": "off", "autocapitalize": "words"}
    phone.widget.attrs |= {"autocomplete": "off"}
    email.widget.attrs |= {"autocomplete": "off"}
    address.widget.attrs |= {"autocomplete": "off"}

    def __init__(self, *args, client: Client | None = None, by: Manager, **kwargs):
        self.user, self.by = client.user if client else AppUser(), by
        super().__init__(*args, **kwargs)
        self.shown = self._sent_back() or self.user.contact
        self.initial = self.shown | {"phone": formatted_phone(self.shown["phone"])}

    def _sent_back(self) -> dict | None:
        try:
            return self._signer.unsign_object(self.data.get("shown", ""))
        except signing.BadSignature:
            return None

    @property
    def shown_signed(self) -> str:
        return self._signer.sign_object(self.shown, compress=True)

    @property
    def _signer(self) -> signing.Signer:
        return signing.Signer(salt=f"clients.contact/{self.user.pk}")

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_phone(self) -> str:
        text = self.cleaned_data["phone"]
        # The client's app may have taken a number that we would not: what nobody changed is no error of the manager.
        if not text or text != self.initial["phone"]:
            return russian_phone(text)
        validate_printable(text)
        return self.shown["phone"]

    def clean(self) -> dict:
        super().clean()
        self.refuse_taken()
        return self.cleaned_data

    def refuse_taken(self) -> bool:
        """Put an error at the phone and the e-mail that another account has; True when there was any."""
        taken = [field for field in ("phone", "email") if self._refuse_taken(field)]
        return bool(taken)

    def _refuse_taken(self, field: str) -> bool:
        value = self.cleaned_data.get(field)
        # What nobody changed is no error of the manager, though the app may have it in another case of another client.
        if value == self.shown[field]:
            return False
        other = value and next(iter(self._others_with(field, value)), None)
        if not other:
            return False
        self.add_error(field, ValidationError(self._whose(field, other)))
        return True

    def _others_with(self, field: str, value: str) -> QuerySet[AppUser]:
        if field == "email":
            return self.user.others_with(value)
        return AppUser.objects.exclude(pk=self.user.pk).filter(**{field: value})

    def _whose(self, field: str, other: AppUser) -> str:
        what = {"phone": "Этот телефон", "email": "Эта почта"}[field]
        client = Client.objects.filter(user=other).first()
        if client is None and other.state in NOT_A_CLIENT:
            instead = {"phone": "другой телефон", "email": "другую почту"}[field]
            why = f"{what} уже есть в «Привет Супер», но учётная запись {NOT_A_CLIENT[other.state]}"
            return f"{why}, и клиент сам появится в «Новых». Или укажите {instead}."
        if client and Client.objects.visible_to(self.by).filter(pk=client.pk).exists():
            return format_html('{} уже у клиента <a href="{}">{}</a>.', what, client.get_absolute_url(), other.name)
        return f"{what} уже у другого клиента. Проверьте, не ошиблись ли."

    def brought_up_to_date(self, client: Client, changed: set[str]) -> "ContactForm":
        """The same form for `client` as they are now, for somebody to look at: what was typed stays, and beside it
        stands what is there now of the `changed` fields.
        """
        now = ContactForm(client=client, by=self.by).initial
        typed = {name: self.data.get(name, "") for name in self.fields if self._is_typed(name)}
        form = ContactForm(now | typed, client=client, by=self.by)
        labels = [field.label.lower() for name, field in self.fields.items() if name in changed]
        form.add_error(
            None, f"Пока страница была открыта, данные клиента изменились: {', '.join(labels)}. {LOOK_AGAIN}"
        )
        for name in changed & typed.keys():
            form.add_error(
                name, f"Теперь в учётной записи: {now[name] or 'не указано'}. Оставьте своё или впишите это."
            )
        return form

    def _is_typed(self, name: str) -> bool:
        """Whether the manager changed what was shown. Browsers send other line breaks than they were given."""
        return self.data.get(name, "").split() != (self.initial[name] or "").split()

    @property
    def changed_labels(self) -> list[str]:
        """What differs from the account, in words: «телефон», «адрес»."""
        return [
            self.fields[name].label.lower()
            for name, value in self.cleaned_data.items()
            if (value or "") != (getattr(self.user, name) or "")
        ]
