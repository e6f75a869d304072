import subprocess
from pathlib import Path

import pytest

from deploy.rehearsal import versions

PROJECT = Path(__file__).resolve().parents[2]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    (folder / "privet/migrations").mkdir(parents=True)
    (folder / "privet/migrations/0001_initial.py").touch()
    (folder / "privet/wsgi.py").write_text("# committed\n")
    git(tmp_path, "init", "--quiet", "project")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "--message", "Add")
    return folder


def test_uncommitted_changes_are_published(project, tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    (project / "privet/wsgi.py").write_text("# changed\n")
    versions.publish(project, tmp_path / "bare")
    assert git(tmp_path / "bare", "show", "main:privet/wsgi.py") == "# changed"
    assert git(project, "status", "--porcelain") == "M privet/wsgi.py"


def test_the_next_version_migrates_and_the_broken_one_fails(project, tmp_path):
    repository = tmp_path / "bare"
    versions.publish(project, repository)
    versions.publish_tags(repository, tmp_path / "clone")
    migration = git(repository, "show", f"{versions.NEXT}:privet/migrations/9999_rehearsal.py")
    assert '("privet", "0001_initial")' in migration
    assert git(repository, "show", f"{versions.BROKEN}:privet/wsgi.py").startswith("raise ")
    assert git(repository, "rev-parse", versions.FIRST) == git(repository, "rev-parse", "main")


def test_the_module_and_migrations_that_versions_change_exist():
    assert (PROJECT / "privet/wsgi.py").exists()
    assert list((PROJECT / "privet/migrations").glob("0*.py"))
