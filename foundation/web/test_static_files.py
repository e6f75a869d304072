"""Static files as production serves them."""

import re

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command


def test_a_module_imports_others_by_names_that_change_with_their_content(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": settings.STATICFILES_STORAGE_HASHED}}
    call_command("collectstatic", interactive=False, verbosity=0)

    module = tmp_path / staticfiles_storage.stored_name("js/photos.js")
    imported = re.findall(r'from "\./(.+?)"', module.read_text())
    assert imported
    for name in imported:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name)
        assert (module.parent / name).exists()
