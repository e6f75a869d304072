"""Validation of text that is printed in documents."""

import unicodedata

from django.core.exceptions import ValidationError

# Unicode categories of emoji, of control and invisible characters, and of code points without a glyph.
UNPRINTABLE = {"So", "Sk", "Cc", "Cf", "Cn", "Co", "Cs"}
ALLOWED = set("№°™©®`^¨´\u00ad\n\r\t")


def validate_printable(text: str) -> None:
    """Raise ValidationError if `text` has characters that a document can't show."""
    unprintable = {character for character in text if unicodedata.category(character) in UNPRINTABLE} - ALLOWED
    if unprintable:
        visible = " ".join(sorted(character for character in unprintable if unicodedata.category(character)[0] == "S"))
        what = f"значки ({visible[:20]})" if visible else "невидимые символы"
        raise ValidationError(f"Уберите {what}: напечатать их нельзя.", code="unprintable")
