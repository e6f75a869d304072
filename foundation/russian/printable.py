"""What may stand in a document: text that paper can show."""

import unicodedata

from django.core.exceptions import ValidationError

# Pictures such as emoji, control and invisible characters, and code points that no font has to show.
UNPRINTABLE = {"So", "Sk", "Cc", "Cf", "Cn", "Co", "Cs"}
ALLOWED = set("№°™©®`^¨´\u00ad\n\r\t")


def is_printable(text: str) -> bool:
    try:
        validate_printable(text)
    except ValidationError:
        return False
    return True


def validate_printable(text: str) -> None:
    """ValidationError when `text` has characters that a document can't show."""
    found = {character for character in text if unicodedata.category(character) in UNPRINTABLE} - ALLOWED
    if found:
        visible = " ".join(sorted(character for character in found if unicodedata.category(character)[0] == "S"))
        what = f"значки ({visible[:20]})" if visible else "невидимые символы"
        raise ValidationError(f"Уберите {what}: напечатать их нельзя.", code="unprintable")
