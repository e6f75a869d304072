import uuid

from django import forms

from clients.search import MAX_LENGTH
from support.models import TicketStatus

ANSWER_MAX_LENGTH = 4000


class SearchForm(forms.Form):
    query = forms.CharField(
        label="Поиск",
        max_length=MAX_LENGTH,
        required=False,
        widget=forms.SearchInput(
            attrs={
                "placeholder": "Имя, телефон или тема",
                "aria-label": "Поиск обращений",
                "autocomplete": "off",
                "enterkeyhint": "search",
            }
        ),
    )


class HiddenIdField(forms.UUIDField):
    """An id that the page puts into the form. Invalid ids are ignored."""

    def __init__(self, **options):
        super().__init__(required=False, widget=forms.HiddenInput, **options)

    def to_python(self, value) -> uuid.UUID | None:
        try:
            return super().to_python(value)
        except forms.ValidationError:
            return None


class FormIdField(HiddenIdField):
    """A random id, generated when the form is opened, so that a repeated submit runs once."""

    def __init__(self):
        super().__init__(initial=uuid.uuid4)


class AnswerForm(forms.Form):
    form_id = FormIdField()
    body = forms.CharField(
        label="Ответ клиенту",
        max_length=ANSWER_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Напишите ответ."},
    )
    reopen = forms.BooleanField(required=False, widget=forms.HiddenInput)


class StatusForm(forms.Form):
    status = forms.ChoiceField(
        label="Статус",
        choices=TicketStatus,
        error_messages={
            "required": "Выберите статус.",
            "invalid_choice": "Такого статуса нет. Выберите статус из списка.",
        },
    )
    # The last message of the page on which the form was opened.
    last_seen = HiddenIdField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.initial.get("status") not in TicketStatus:
            # Status of another version of the app. Without an empty choice the browser would preselect our first one.
            self.fields["status"].choices = [("", "Выберите статус"), *TicketStatus.choices]
