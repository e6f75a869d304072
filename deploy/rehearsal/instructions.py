"""The shell commands of the documentation."""

import re
from pathlib import Path

# Caddy issues its own certificate for names below localhost.
DOCUMENTED_DOMAIN, DOMAIN = "privet.example.ru", "privet.localhost"


def commands(document: Path) -> str:
    """The `sh` code blocks of a Markdown file, in order, as one script for DOMAIN."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return "".join(blocks).replace(DOCUMENTED_DOMAIN, DOMAIN)
