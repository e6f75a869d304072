"""Numbered editions of a text that people agree to: a folder or file `v1`, `v2`, … each; the newest is used."""

import re
from pathlib import Path

VERSION = re.compile(r"v[1-9][0-9]*")

# What must not be torn from the number or name after it.
ABBREVIATION = r"№|\b(?:г|ул|д|корп|кв|тел|Тел)\.|\b(?:ИНН|КПП|ОГРН|БИК)"
REFERENCE = r"\b(?:[Сс]тать|[Пп]ункт|[Чч]аст|[Рр]аздел|[Гг]лав)[а-яё]*(?= \d)"


def versions(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and VERSION.fullmatch(path.name)]


def newest(folder: Path) -> str:
    """Such as `v10`, which is newer than `v9`."""
    return max(versions(folder), key=lambda name: int(name[1:]))


def keep_together(html: str) -> str:
    """With a space that never breaks after abbreviations and before numbers of articles."""
    return re.sub(rf"({ABBREVIATION}|{REFERENCE}) (?=\S)", "\\1\u00a0", html)
