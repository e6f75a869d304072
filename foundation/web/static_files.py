"""Finder of the style sheet bundle, and storage of static files with hashed names."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from foundation.env import BASE_DIR

BUNDLE = "css/components.css"
IMPORT = re.compile(r'^@import "(.+)";$', re.MULTILINE)

_lock = Lock()


class BundleFinder(BaseFinder):
    """Find css/components.css with its @import lines replaced by the imported files.

    A page then needs one request instead of one per component. Must be the first finder, because the next one finds
    the file with the imports.
    """

    def find(self, path, find_all=False):
        """Return the path of the bundle; an empty list for any other file, as Django expects."""
        if path != BUNDLE:
            return []
        return [self._write()] if find_all else self._write()

    def list(self, ignore_patterns):
        self._write()
        yield BUNDLE, FileSystemStorage(location=_folder().name)

    def _write(self) -> str:
        # Requests run in several threads, each of which may have created a finder of its own.
        with _lock:
            source, bundle = BASE_DIR / "static" / BUNDLE, Path(_folder().name, BUNDLE)
            text = IMPORT.sub(lambda match: (source.parent / match[1]).read_text(), source.read_text())
            if not bundle.exists() or bundle.read_text() != text:
                bundle.parent.mkdir(exist_ok=True)
                new = bundle.with_suffix(".new")
                new.write_text(text)
                new.replace(bundle)  # atomic: another thread never reads half a file
        return str(bundle)


@cache
def _folder() -> TemporaryDirectory:
    """The folder of the bundle, deleted when the process ends. The first call needs the lock."""
    return TemporaryDirectory(prefix="privet-static-")


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Static files with a hash of their content in the name, so browsers cache them forever.

    Imports in our JavaScript modules use the hashed names, too.
    """

    support_js_module_import_aggregation = True

    @cache  # noqa: B019  one storage instance; URLs do not change during the process
    def url(self, name, force=False):
        return super().url(name, force)
