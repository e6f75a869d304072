import re

from django import forms


def code_field(digits: int, *, number: str, of_number: str) -> forms.CharField:
    """A field for a one-time code. `number`, `of_number`: the number of digits in words, for the messages."""
    return forms.CharField(
        label="Код",
        max_length=20,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "data-code": digits, "size": digits + 2}
        ),
        error_messages={
            "required": f"Введите {number} цифр кода.",
            "max_length": f"Код состоит из {of_number} цифр.",
            "invalid": f"Код состоит из {of_number} цифр.",
        },
    )


class CodeForm(forms.Form):
    """A one-time code: six digits, with or without spaces."""

    digits = 6
    code = code_field(digits, number="шесть", of_number="шести")

    def clean_code(self) -> str:
        digits = re.sub(r"[\s\-–—]", "", self.cleaned_data["code"])
        if not re.fullmatch(rf"[0-9]{{{self.digits}}}", digits):
            raise forms.ValidationError(self.fields["code"].error_messages["invalid"])
        return digits
