"""Published editions never change, because clients have signed them."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

from contracts import pdf, signature_consent

TEMPLATES = settings.BASE_DIR / "templates" / "contracts"
PUBLISHED = TEMPLATES / "published.txt"


def published() -> dict[str, str]:
    """Return SHA-256 by path relative to templates/contracts."""
    lines = [line.split() for line in PUBLISHED.read_text().splitlines() if line and not line.startswith("#")]
    return {path: digest for digest, path in lines}


def editions() -> list[Path]:
    """Return the folders of contract editions and the files of signature consents."""
    contracts = [pdf.FOLDER / name for name in pdf.versions()]
    return [*contracts, *sorted((TEMPLATES / "pep").glob("v*.html"))]


def digest(path: Path) -> str:
    """Return SHA-256 over names and contents of all files, ordered by name."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        if file.is_file():
            total.update(f"{file.relative_to(TEMPLATES).as_posix()}\0{file.stat().st_size}\0".encode())
            total.update(file.read_bytes())
    return total.hexdigest()


@pytest.mark.parametrize("path", editions(), ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_published_edition_is_unchanged(path):
    name, now = path.relative_to(TEMPLATES).as_posix(), digest(path)
    assert published().get(name) == now, (
        f"Never edit a published edition: create the next one (docs/contract-text.md). To publish a new one, add the"
        f" line «{now} {name}» to {PUBLISHED.name}."
    )


def test_published_edition_exists():
    assert published().keys() <= {path.relative_to(TEMPLATES).as_posix() for path in editions()}


@pytest.mark.parametrize("version", pdf.versions())
def test_general_terms_contain_no_values(version):
    """They are rendered once for all clients."""
    files = [*(pdf.FOLDER / version).glob("terms*.html"), *(pdf.FOLDER / version / "terms").glob("*.html")]
    assert len(files) > 1
    for file in files:
        tags = re.findall(r"{{.*?}}|{%.*?%}", file.read_text())
        assert not [tag for tag in tags if not re.fullmatch(r'{% include "\./terms[\w/-]+\.html" %}', tag)], file


def test_newest_edition_has_the_highest_number(tmp_path, monkeypatch):
    for name in ("v1", "v2", "v10", "v10-draft", "fonts", "v"):
        (tmp_path / name).mkdir()
    (tmp_path / "v11").write_text("not a folder")
    monkeypatch.setattr(pdf, "FOLDER", tmp_path)
    assert pdf.current_version() == "v10"


def test_signature_consent_template_matches_its_version():
    assert signature_consent.current_template() == f"contracts/pep/{signature_consent.current_version()}.html"
    text = get_template(signature_consent.current_template()).render()
    assert "63-ФЗ" in text
    assert "код" in text


def test_templates_are_short():
    for template in TEMPLATES.glob("p*/**/*.html"):
        assert len(template.read_text().splitlines()) <= 80, template


def test_templates_use_only_documented_values():
    guide = (settings.BASE_DIR / "docs" / "contract-text.md").read_text()
    used = set()
    for template in pdf.FOLDER.glob("v*/**/*.html"):
        used |= set(re.findall(r"{{ ([a-z_.]+)", template.read_text())) - {"forloop.counter"}
    assert not [name for name in used if f"`{name}`" not in guide]
