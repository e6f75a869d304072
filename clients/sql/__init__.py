"""SQL of functions and triggers, which `migrate` creates, and of `sync_clients`."""

from pathlib import Path


def read(name: str) -> str:
    """Return the text of `clients/sql/<name>.sql`."""
    return (Path(__file__).parent / f"{name}.sql").read_text()


def statements(name: str) -> list[str]:
    """Return the statements of `clients/sql/<name>.sql`, which are separated by empty lines."""
    return read(name).split(";\n\n")
