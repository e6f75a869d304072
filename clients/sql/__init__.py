"""SQL that migrations and `sync_clients` run."""

from pathlib import Path


def read(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()
