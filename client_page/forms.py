import re

from django import forms

from agreements.forms import AgreementForm
from contracts import signature_consent
from foundation.russian.printable import validate_printable
from links.models import Link

REFUSAL_REASONS = {
    "amount": "Не согласен(на) с суммой",
    "passport": "Не хочу давать паспортные данные",
    "data": "В данных ошибка",
    "later": "Хочу подумать",
    "other": "Другая причина",
}


class ClientAgreementForm(AgreementForm):
    """An agreement that the client accepts themselves."""

    outdated = "Текст документа обновился. Прочитайте его ещё раз и отметьте согласие."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["agreed"].label = "Я прочитал(а) документ и согласен (согласна) с ним"
        self.fields["agreed"].error_messages["required"] = "Отметьте, что вы прочитали документ и согласны."


class SigningConsentForm(forms.Form):
    """The consent to sign this contract with a code."""

    consent = forms.BooleanField(
        label="Я прочитал(а) договор и согласен (согласна) подписать его электронной подписью",
        error_messages={"required": "Отметьте, что вы прочитали договор и согласны его подписать."},
    )
    version = forms.CharField(max_length=20, widget=forms.HiddenInput)

    def clean_version(self) -> str:
        version = self.cleaned_data["version"]
        if version != signature_consent.current_version():
            self.data = self.data | {"version": signature_consent.current_version()}
            raise forms.ValidationError("Текст согласия обновился: прочитайте его ещё раз.")
        return version


class PhoneDigitsForm(forms.Form):
    """The last digits of the client's phone, which show the number of the passport."""

    digits = forms.CharField(
        label="Последние 4 цифры вашего телефона",
        max_length=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 6}),
        error_messages={"required": "Введите последние 4 цифры вашего телефона.", "max_length": "Введите 4 цифры."},
    )

    def clean_digits(self) -> str:
        digits = re.sub(r"[\s\-–—]", "", self.cleaned_data["digits"])
        if not re.fullmatch(r"[0-9]{4}", digits):
            raise forms.ValidationError("Введите 4 цифры.")
        return digits


class RefusalForm(forms.Form):
    reason = forms.ChoiceField(
        label="Почему",
        choices=REFUSAL_REASONS,
        widget=forms.RadioSelect,
        error_messages={"required": "Выберите причину.", "invalid_choice": "Выберите причину из списка."},
    )
    comment = forms.CharField(
        label="Что не так",
        required=False,
        max_length=400,
        validators=[validate_printable],
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Сократите до %(limit_value)d знаков."},
    )

    def __init__(self, *args, link: Link, **kwargs):
        super().__init__(*args, **kwargs)
        unfit = "passport" if link.contract_id else "amount"
        self.fields["reason"].choices = [choice for choice in REFUSAL_REASONS.items() if choice[0] != unfit]

    @property
    def text(self) -> str:
        """The reason in one line. Call it on a valid form."""
        label, comment = REFUSAL_REASONS[self.cleaned_data["reason"]], self.cleaned_data["comment"]
        return f"{label}: {' '.join(comment.split())}" if comment else label
