from django import forms

from copies.codes import CODE_DIGITS
from copies.numbers import MAX_LENGTH, normalize
from messaging.channels import configured_channels
from messaging.forms import CodeForm, code_field
from messaging.models import Channel

LABELS = {
    Channel.APP: "В приложение «Привет Супер»",
    Channel.SMS: "В SMS",
    Channel.EMAIL: "Письмом",
}
NOT_A_NUMBER = "Номер выглядит так: ИВ-261123-01. Он есть в договоре и в сообщении о подписании."


class NumberForm(forms.Form):
    """The number of a document."""

    number = forms.CharField(
        label="Номер договора",
        max_length=MAX_LENGTH,
        help_text="Например, ИВ-261123-01. Подойдёт и номер счёта или согласия.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        error_messages={
            "required": "Введите номер договора: он в сообщении о подписании.",
            "max_length": NOT_A_NUMBER,
            "null_characters_not_allowed": NOT_A_NUMBER,
        },
    )

    def clean_number(self) -> str:
        number = normalize(self.cleaned_data["number"])
        if number is None:
            raise forms.ValidationError(NOT_A_NUMBER)
        return number


class RequestForm(NumberForm):
    """A request for a code. There is a choice if several channels are configured, the same one for all numbers."""

    channel = forms.ChoiceField(
        label="Куда прислать код",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Выберите, куда прислать код.",
            "invalid_choice": "Выберите, куда прислать код.",
        },
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        channels = configured_channels()
        if len(channels) == 1:
            del self.fields["channel"]
        else:
            self.fields["channel"].choices = [(channel.value, LABELS[channel]) for channel in channels]
            self.fields["channel"].initial = Channel.APP

    @property
    def chosen_channel(self) -> Channel:
        """Call it on a valid form."""
        return Channel(self.cleaned_data.get("channel", Channel.APP))


class CopyCodeForm(CodeForm):
    """The code for copies: eight digits."""

    digits = CODE_DIGITS
    code = code_field(digits, number="восемь", of_number="восьми")
