from django import forms

from agreements.documents import AgreementDocument


class AgreementForm(forms.Form):
    """Consent checkbox for `document`.

    `shown` is the SHA-256 of the displayed text; it differs if the edition or the client's data has changed.
    """

    agreed = forms.BooleanField(
        label="Клиент прочитал и согласен",
        error_messages={"required": "Отметьте, что клиент прочитал документ и согласен."},
    )
    outdated = "Текст документа обновился: прочитайте его вместе с клиентом ещё раз."
    shown = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args, document: AgreementDocument, **kwargs):
        super().__init__(*args, initial={"shown": document.text_sha256}, **kwargs)
        self.document = document

    def clean_shown(self) -> str:
        shown = self.cleaned_data["shown"]
        if shown != self.document.text_sha256:
            self.data = self.data.copy()
            self.data[self.add_prefix("shown")] = self.document.text_sha256
            raise forms.ValidationError(self.outdated)
        return shown


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
