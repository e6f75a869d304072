"""Versions that a machine can be given: what is here, the next one, which migrates, and one that does not start."""

import subprocess
from pathlib import Path

# Those that docs/operations.md has for examples.
FIRST, NEXT, BROKEN = "v1.4", "v1.5", "v1.6"
TABLE = "rehearsal"
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("privet", "{before}")]
    operations = [migrations.RunSQL("CREATE TABLE {table} ()")]
"""
FAULT = 'raise RuntimeError("a fault of the rehearsal")\n'


def publish(project: Path, repository: Path, author: Path) -> None:
    """A bare repository with the first version as branch `main` and a tag for each; `author` is where they work."""
    commit = _git(project, "stash", "create") or "HEAD"
    _git(project, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
    _git(project, "push", "--quiet", str(repository), f"{commit}:refs/heads/main")
    _git(project, "clone", "--quiet", str(repository), str(author))
    _git(author, "tag", FIRST)
    migrations = author / "privet/migrations"
    before = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "9999_rehearsal.py").write_text(MIGRATION.format(before=before, table=TABLE))
    _commit(author, NEXT)
    (author / "privet/wsgi.py").write_text(FAULT)
    _commit(author, BROKEN)
    _git(author, "push", "--quiet", "--tags")


def _commit(folder: Path, tag: str) -> None:
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost", "commit", "--quiet", "-m", tag)
    _git(folder, "tag", tag)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
