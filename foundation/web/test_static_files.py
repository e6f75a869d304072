"""Static files as they are served to browsers."""

import gc
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, BrokenBarrierError

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

from foundation.env import BASE_DIR
from foundation.web import static_files

CSS = BASE_DIR / "static" / "css"


@pytest.fixture
def collected(settings, tmp_path) -> Path:
    """The folder of collected files, as in production."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": settings.STATICFILES_STORAGE_HASHED}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def test_javascript_modules_import_hashed_names(collected):
    module = collected / staticfiles_storage.stored_name("photos/photos.js")
    imported = re.findall(r'from "\./(.+?)"', module.read_text())
    assert imported
    for name in imported:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name)
        assert (module.parent / name).exists()


def test_every_component_is_imported_once():
    imported = re.findall(r'@import "(.+)";', (CSS / "components.css").read_text())

    assert sorted(imported) == sorted(f"components/{path.name}" for path in (CSS / "components").iterdir())


def test_bundle_contains_components_in_import_order(collected):
    served = (collected / staticfiles_storage.stored_name("css/components.css")).read_text()

    assert "@import" not in served
    imported = re.findall(r'@import "(.+)";', (CSS / "components.css").read_text())
    positions = [served.index((CSS / name).read_text()) for name in imported]
    assert positions == sorted(positions)
    assert Path(finders.find("css/components.css")).read_text() == served


def test_changed_component_is_served_without_restart(monkeypatch, tmp_path):
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "static" / "css" / "components.css").write_text('@import "one.css";\n')
    monkeypatch.setattr("foundation.web.static_files.BASE_DIR", tmp_path)

    for text in ("p { margin: 0 }\n", "p { margin: 1px }\n"):
        (tmp_path / "static" / "css" / "one.css").write_text(text)
        assert Path(finders.find("css/components.css")).read_text().strip() == text.strip()


def test_bundle_outlives_its_finder():
    path = static_files.BundleFinder().find("css/components.css")
    gc.collect()
    assert Path(path).exists()


def test_concurrent_requests_share_one_bundle(monkeypatch):
    """Two threads that create the folder at once would each serve a file that the other one's cleanup deletes."""
    both, folders = Barrier(2), []

    def create_folder(**options):
        folders.append(TemporaryDirectory(**options))
        with suppress(BrokenBarrierError):
            both.wait(timeout=0.5)  # the second thread comes only if nothing holds it back
        return folders[-1]

    monkeypatch.setattr(static_files, "TemporaryDirectory", create_folder)
    static_files._folder.cache_clear()
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: static_files.BundleFinder().find("css/components.css"), range(2)))
    static_files._folder.cache_clear()

    assert len(folders) == 1
    assert len(set(paths)) == 1
