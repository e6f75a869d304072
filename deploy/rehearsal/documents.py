"""What docs/deployment.md tells an operator to type."""

import re
from pathlib import Path

DOMAIN, OURS = "privet.example.ru", "privet.localhost"  # for which Caddy needs nobody else's certificate


def commands(document: Path) -> str:
    """Its blocks marked `sh`, in order: what is typed on a machine of one's own, for a name that leads to this one."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return "".join(blocks).replace(DOMAIN, OURS)
