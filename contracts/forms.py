from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django import forms
from django.utils import timezone

from contracts import signature_consent
from contracts.models import Invoice, PaymentMethod
from contracts.payment_records import MAX_NOTE
from foundation.russian import money
from foundation.russian.printable import validate_printable
from messaging.forms import CodeForm
from messaging.models import Channel
from support.forms import FormIdField

MAX_PAYMENT_TERM = timedelta(days=365)


class ChannelForm(forms.Form):
    """Where the code goes. The form is not validated: `signing.request_code` decides.

    `choices`: channels with their labels, the best one first. `form_id`: the form that the radio buttons belong to, if
    they stand outside of it.
    """

    channel = forms.ChoiceField(
        label="Куда отправить код",
        widget=forms.RadioSelect,
        error_messages={"required": "Выберите, куда отправить код."},
    )

    def __init__(self, choices: Sequence[tuple[Channel, str]], *, chosen: str = "", form_id: str = ""):
        super().__init__()
        field = self.fields["channel"]
        field.choices = choices
        values = [value for value, _ in choices]
        field.initial = chosen if chosen in values else next(iter(values), None)
        if form_id:
            field.widget.attrs["form"] = form_id

    @property
    def only_choice(self) -> str:
        """The label of the channel if there is only one."""
        choices = self.fields["channel"].choices
        return choices[0][1] if len(choices) == 1 else ""


class SignatureForm(CodeForm):
    """The signature consent and the code that the client read out to the manager."""

    consent = forms.BooleanField(
        label="Клиент прочитал договор и согласен подписать его простой электронной подписью",
        error_messages={"required": "Отметьте согласие клиента на простую электронную подпись."},
    )
    pep_version = forms.CharField(max_length=20, widget=forms.HiddenInput)

    def clean_pep_version(self) -> str:
        version = self.cleaned_data["pep_version"]
        if version != signature_consent.current_version():
            self.data = self.data | {"pep_version": signature_consent.current_version()}
            raise forms.ValidationError("Текст согласия обновился: прочитайте его вместе с клиентом ещё раз.")
        return version


class AmountField(forms.DecimalField):
    """Rubles in the usual formats. Rejects other Python number formats, such as 1e2 and 1_0."""

    def to_python(self, value) -> Decimal | None:
        try:
            return money.parse_rubles(value or "")
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class InvoiceForm(forms.ModelForm):
    """A new invoice. The client reads its description."""

    amount = AmountField(
        label="Сумма, ₽",
        max_digits=12,
        decimal_places=2,
        min_value=Decimal("0.01"),
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        error_messages={
            "required": "Введите сумму, например 1500,00.",
            "min_value": "Сумма должна быть больше нуля.",
            "invalid": "Введите сумму цифрами, например 1500,00.",
        },
    )

    class Meta:
        model = Invoice
        fields = ["amount", "description", "due_on"]
        error_messages = {
            "description": {"required": "Напишите, за что счёт."},
            "due_on": {"required": "Укажите, до какого дня оплатить."},
        }
        widgets = {"due_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args, billable: Decimal, **kwargs):
        """`billable`: the largest amount in rubles. payment.create_invoice checks it again, under the lock."""
        super().__init__(*args, **kwargs)
        self.billable = billable
        self.fields["description"].validators.append(validate_printable)

    def clean_amount(self) -> Decimal:
        amount = self.cleaned_data["amount"]
        if amount > self.billable:
            raise forms.ValidationError(f"Можно выставить не больше {money.format_rubles(self.billable)}.")
        return amount

    def clean_due_on(self):
        due_on, today = self.cleaned_data["due_on"], timezone.localdate()
        if due_on < today:
            raise forms.ValidationError("Срок оплаты уже прошёл: укажите сегодняшний день или позже.")
        if due_on > today + MAX_PAYMENT_TERM:
            raise forms.ValidationError("Укажите срок не дальше года.")
        return due_on


def _short_text(label: str, **options) -> forms.CharField:
    messages = {"max_length": "Сократите до %(limit_value)d знаков.", "required": "Напишите причину отмены."}
    return forms.CharField(
        label=label,
        max_length=MAX_NOTE,
        validators=[validate_printable],
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages=messages,
        **options,
    )


class PaymentForm(forms.Form):
    """How the client has paid. No method is preselected, so that nobody confirms one by mistake."""

    method = forms.ChoiceField(
        label="Как оплачено",
        choices=[choice for choice in PaymentMethod.choices if choice[0]],
        widget=forms.RadioSelect,
        error_messages={"required": "Выберите, как оплачено.", "invalid_choice": "Выберите способ из списка."},
    )
    note = _short_text("Примечание", required=False)


class UndoForm(forms.Form):
    """Which confirmation to undo, and why."""

    confirmed_at = forms.DateTimeField(widget=forms.HiddenInput)
    reason = _short_text("Причина", help_text="Её увидят только сотрудники.")

    def __init__(self, *args, needs_reason: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason


class NoteForm(forms.Form):
    form_id = FormIdField()
    body = forms.CharField(
        label="Заметка",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Напишите текст заметки.",
            "max_length": "Заметка слишком длинная: сократите её до %(limit_value)d знаков.",
        },
    )
