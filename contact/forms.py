"""The form of a client's contact data, for adding a client and for step 1."""

import re

import phonenumbers
from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.html import format_html

from clients.accounts import MAX_LENGTHS
from clients.models import AccountStatus, AppUser, Client
from foundation.russian.printable import validate_printable
from foundation.templatetags.formats import phone as formatted_phone
from managers.models import Manager

REVIEW_MESSAGE = "Ваши исправления ещё не записаны. Проверьте всё и нажмите «Далее» ещё раз."

# Why an account has no client yet and how to fix it. The inbox then creates the client (clients/inbox.py).
INACTIVE_ACCOUNT = {
    AccountStatus.GHOST: "ещё не активирована. Попросите клиента войти в приложение",
    AccountStatus.BLOCKED: "заблокирована. Попросите поддержку её разблокировать",
    AccountStatus.DELETED: "удалена. Попросите поддержку её восстановить",
}


def parse_russian_phone(text: str) -> str:
    """Return the ten digits of a Russian phone number in any notation. Raise ValidationError if it is not one."""
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


def validate_has_letters(text: str) -> None:
    """Raise ValidationError if `text` has no letters, or characters that a contract cannot show."""
    validate_printable(text)
    if not any(c.isalpha() for c in text):
        raise ValidationError("Напишите словами.")


class ContactForm(forms.Form):
    """Name, phone, e-mail and address of `client`, or of a client to add (None), filled in by the manager `by`.

    `original` is the contact data that the page was opened with. The page sends it back signed, in the field "shown",
    so that corrections are compared with the data that the manager saw.
    """

    name = forms.CharField(
        label="Имя",
        max_length=MAX_LENGTHS["name"],
        validators=[validate_has_letters],
        error_messages={"required": "Напишите, как зовут клиента."},
    )
    phone = forms.CharField(
        label="Телефон",
        max_length=MAX_LENGTHS["phone"],
        widget=forms.TelInput,
        error_messages={"required": "Введите номер телефона, например +7 977 123-23-23."},
    )
    email = forms.EmailField(
        label="Электронная почта",
        max_length=MAX_LENGTHS["email"],
        required=False,
        validators=[validate_printable],
    )
    address = forms.CharField(
        label="Адрес",
        max_length=MAX_LENGTHS["address"],
        validators=[validate_has_letters],
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
        self.original = self._unsign_original() or self.user.contact
        self.initial = self.original | {"phone": formatted_phone(self.original["phone"])}

    def _unsign_original(self) -> dict | None:
        try:
            return self._signer.unsign_object(self.data.get("shown", ""))
        except signing.BadSignature:
            return None

    @property
    def original_signed(self) -> str:
        return self._signer.sign_object(self.original, compress=True)

    @property
    def _signer(self) -> signing.Signer:
        return signing.Signer(salt=f"clients.contact/{self.user.pk}")

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_phone(self) -> str:
        text = self.cleaned_data["phone"]
        # The app may have accepted a number that is invalid here. The manager must fix it only when changing it.
        if not text or text != self.initial["phone"]:
            return parse_russian_phone(text)
        validate_printable(text)
        return self.original["phone"]

    def clean(self) -> dict:
        super().clean()
        self.add_taken_errors()
        return self.cleaned_data

    def add_taken_errors(self) -> bool:
        """Add an error to phone and e-mail if another account has the same; return whether there was any."""
        taken = [field for field in ("phone", "email") if self._add_taken_error(field)]
        return bool(taken)

    def _add_taken_error(self, field: str) -> bool:
        value = self.cleaned_data.get(field)
        # An unchanged value is no error of the manager, even if the app has the same e-mail in another case elsewhere.
        if value == self.original[field]:
            return False
        other = value and next(iter(self._others_with(field, value)), None)
        if not other:
            return False
        self.add_error(field, ValidationError(self._taken_message(field, other)))
        return True

    def _others_with(self, field: str, value: str) -> QuerySet[AppUser]:
        if field == "email":
            return self.user.others_with_email(value)
        return AppUser.objects.exclude(pk=self.user.pk).filter(**{field: value})

    def _taken_message(self, field: str, other: AppUser) -> str:
        what = {"phone": "Этот телефон", "email": "Эта почта"}[field]
        client = Client.objects.filter(user=other).first()
        if client is None and other.effective_status in INACTIVE_ACCOUNT:
            another = {"phone": "другой телефон", "email": "другую почту"}[field]
            reason = f"{what} уже есть в «Привет Супер», но учётная запись {INACTIVE_ACCOUNT[other.effective_status]}"
            return f"{reason}, и клиент сам появится в «Новых». Или укажите {another}."
        if client and Client.objects.visible_to(self.by).filter(pk=client.pk).exists():
            return format_html('{} уже у клиента <a href="{}">{}</a>.', what, client.get_absolute_url(), other.name)
        return f"{what} уже у другого клиента. Проверьте, не ошиблись ли."

    def with_current_data(self, client: Client, changed: set[str]) -> "ContactForm":
        """Return this form with the current data of `client`, for review after a conflict.

        Edited fields keep the typed text. If they are in `changed`, they also show the current value.
        """
        current = ContactForm(client=client, by=self.by).initial
        edited = {name: self.data.get(name, "") for name in self.fields if self._was_edited(name)}
        form = ContactForm(current | edited, client=client, by=self.by)
        labels = [field.label.lower() for name, field in self.fields.items() if name in changed]
        form.add_error(
            None, f"Пока страница была открыта, данные клиента изменились: {', '.join(labels)}. {REVIEW_MESSAGE}"
        )
        for name in changed & edited.keys():
            form.add_error(
                name, f"Теперь в учётной записи: {current[name] or 'не указано'}. Оставьте своё или впишите это."
            )
        return form

    def _was_edited(self, name: str) -> bool:
        """Whether the manager changed the original value. Browsers change line breaks, so whitespace is ignored."""
        return self.data.get(name, "").split() != (self.initial[name] or "").split()
