from django import forms

from erasure.models import REQUESTED_REASONS


class ErasureForm(forms.Form):
    reason = forms.ChoiceField(
        label="Причина",
        choices=[(reason.value, reason.label) for reason in REQUESTED_REASONS],
        error_messages={"required": "Выберите причину."},
    )
    note = forms.CharField(
        label="Основание",
        max_length=300,
        help_text="Например: заявление клиента от 20.11.2026, вх. № 15.",
        widget=forms.TextInput({"class": "vTextField"}),
        error_messages={"required": "Напишите, на каком основании данные уничтожаются."},
    )
    ended = forms.BooleanField(
        label="Клиент отказался от договора до его срока (пункт 8.3), расчёты с ним закончены",
        required=False,
        help_text="Без этой отметки у клиента с действующим договором уничтожаются только паспорт и его фото.",
    )
    sure = forms.BooleanField(
        label="Понимаю: вернуть уничтоженное нельзя",
        error_messages={"required": "Отметьте, что понимаете: вернуть уничтоженное нельзя."},
    )
