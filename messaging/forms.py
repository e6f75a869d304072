import re

from django import forms


class CodeForm(forms.Form):
    """A one-time code: six digits, with or without spaces."""

    code = forms.CharField(
        label="Код",
        max_length=20,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "data-code": "", "size": 8}
        ),
        error_messages={
            "required": "Введите шесть цифр кода.",
            "max_length": "Код состоит из шести цифр.",
        },
    )

    def clean_code(self) -> str:
        digits = re.sub(r"[\s\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch(r"[0-9]{6}", digits):
            raise forms.ValidationError("Код состоит из шести цифр.")
        return digits
