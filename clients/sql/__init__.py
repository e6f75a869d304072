"""SQL that migrations and `sync_clients` run."""

from pathlib import Path


def read(name: str) -> str:
    """Return the text of `clients/sql/<name>.sql`."""
    return (Path(__file__).parent / f"{name}.sql").read_text()
