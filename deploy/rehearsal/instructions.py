"""The shell commands of the documentation."""

import re
from pathlib import Path

# Caddy issues its own certificate for names below localhost.
DOCUMENTED_DOMAIN, DOMAIN = "privet.example.ru", "privet.localhost"


def commands(document: Path) -> str:
    """The `sh` code blocks of a Markdown file, in order, as one script for DOMAIN."""
    return "".join(_blocks(document))


def block(document: Path, command: str) -> str:
    """The only block that contains a command."""
    (found,) = [text for text in _blocks(document) if command in text]
    return found


def _blocks(document: Path) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [text.replace(DOCUMENTED_DOMAIN, DOMAIN) for text in blocks]
