"""A repository with versions to deploy: the project as it is, one with a migration, and one that does not start."""

import subprocess
from pathlib import Path

# The examples in docs/operations.md name the first two.
FIRST, NEXT, BROKEN = "v1.4", "v1.5", "v1.6"
TABLE = "rehearsal"
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("privet", "{before}")]
    operations = [migrations.RunSQL("CREATE TABLE {table} ()")]
"""
FAULT = 'raise RuntimeError("This version does not start.")\n'


def publish(project: Path, repository: Path) -> None:
    """Create a bare repository. Its branch `main` is the project's last commit with the uncommitted changes."""
    commit = _git(project, "stash", "create") or "HEAD"
    _git(project, "init", "--quiet", "--bare", "--initial-branch=main", str(repository))
    _git(project, "push", "--quiet", str(repository), f"{commit}:refs/heads/main")


def publish_tags(repository: Path, clone: Path) -> None:
    """Add the versions FIRST, NEXT and BROKEN to a repository as tags. `clone` is a new folder to work in."""
    _git(repository, "clone", "--quiet", str(repository), str(clone))
    _git(clone, "tag", FIRST)
    migrations = clone / "privet/migrations"
    before = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "9999_rehearsal.py").write_text(MIGRATION.format(before=before, table=TABLE))
    _commit(clone, NEXT)
    (clone / "privet/wsgi.py").write_text(FAULT)
    _commit(clone, BROKEN)
    _git(clone, "push", "--quiet", "--tags")


def _commit(clone: Path, tag: str) -> None:
    _git(clone, "add", ".")
    _git(clone, "-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost", "commit", "--quiet", "-m", tag)
    _git(clone, "tag", tag)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
