import re

from django import forms


class CodeForm(forms.Form):
    """A one-time code: six digits, with or without spaces."""

    digits = 6
    missing, wrong_length = "Введите шесть цифр кода.", "Код состоит из шести цифр."

    code = forms.CharField(
        label="Код",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "size": 8}),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["data-code"] = self.digits
        self.fields["code"].error_messages |= {"required": self.missing, "max_length": self.wrong_length}

    def clean_code(self) -> str:
        digits = re.sub(r"[\s\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch(rf"[0-9]{{{self.digits}}}", digits):
            raise forms.ValidationError(self.wrong_length)
        return digits
