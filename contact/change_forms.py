"""Forms of the confirmation of a change: the manager's reason, and the admin's decision."""

from django import forms

from contact.models import MAX_REASON, ContactChange
from messaging.forms import CodeForm

REASONS = [
    ("Клиент подтвердил мне по телефону", "Клиент подтвердил мне по телефону"),
    ("Вижу документы клиента", "Вижу документы клиента"),
    ("Прежний контакт записан с ошибкой", "Прежний контакт записан с ошибкой"),
]
MAX_NOTE = 300


class ClientCodeForm(CodeForm):
    """The code that the client reads out to the manager."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Код, который назвал клиент"
        # The code is on the client's phone, not on this one.
        self.fields["code"].widget.attrs["autocomplete"] = "off"


class ReasonForm(forms.Form):
    """Why an admin should allow the change."""

    reason = forms.CharField(
        label="Почему меняете",
        max_length=MAX_REASON,
        widget=forms.Textarea({"rows": 2, "autocomplete": "off"}),
        help_text="Например: прежний номер клиент потерял, паспорт сверил.",
        error_messages={"required": "Напишите, почему контакт меняется: администратор решает по этим словам."},
    )


class DecisionForm(forms.Form):
    """An admin's reason: one that is offered, the admin's own words, or both. To reject, none is needed."""

    choice = forms.ChoiceField(
        label="Почему разрешаете",
        choices=REASONS,
        widget=forms.RadioSelect,
        error_messages={"required": "Выберите причину или напишите свою."},
    )
    words = forms.CharField(
        label="Своими словами",
        max_length=MAX_NOTE,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, data=None, *, change: ContactChange, approves: bool = True):
        super().__init__(data, auto_id=f"id_{change.pk}_%s")
        if data is not None and (not approves or data.get("words", "").strip()):
            self.fields["choice"].required = False

    @property
    def note(self) -> str:
        """The reason as it is recorded; "" if there is none."""
        return ". ".join(filter(None, [self.cleaned_data["choice"], self.cleaned_data["words"]]))
