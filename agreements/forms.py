from django import forms

from agreements.models import Kind


class AgreementForm(forms.Form):
    """The client's tick under the edition that was shown."""

    agreed = forms.BooleanField(
        label="Клиент прочитал и согласен",
        error_messages={"required": "Отметьте, что клиент прочитал документ и согласен."},
    )
    version = forms.CharField(max_length=20, required=False, widget=forms.HiddenInput)

    def __init__(self, *args, kind: Kind, **kwargs):
        super().__init__(*args, initial={"version": kind.current_version}, **kwargs)
        self.kind = kind

    def clean_version(self) -> str:
        version = self.cleaned_data["version"]
        if version != self.kind.current_version:
            self.data = self.data.copy()
            self.data[self.add_prefix("version")] = self.kind.current_version
            raise forms.ValidationError("Текст документа обновился: прочитайте его вместе с клиентом ещё раз.")
        return version


class WithdrawalForm(forms.Form):
    reason = forms.CharField(
        label="Как клиент сообщил об отзыве",
        help_text="Например: сообщение в приложении 24.11.2026, сказал при встрече.",
        max_length=300,
        error_messages={
            "required": "Напишите, как клиент сообщил об отзыве.",
            "max_length": "Сократите до %(limit_value)d знаков.",
        },
    )
