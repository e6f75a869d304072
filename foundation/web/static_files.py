"""Where static files come from, and how production names them."""

import re
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from foundation.env import BASE_DIR

BUNDLE = "css/components.css"
IMPORT = re.compile(r'^@import "(.+)";$', re.MULTILINE)


class BundleFinder(BaseFinder):
    """Finds css/components.css with the imported files in place of its @import lines.

    A page needs one request for it, not one for each component; in development, in tests and in production. It has to
    be the first of the finders: the next one finds the file with the imports.
    """

    @cached_property
    def storage(self) -> FileSystemStorage:
        self._folder = TemporaryDirectory(prefix="privet-static-")  # removed when the process ends
        return FileSystemStorage(location=self._folder.name)

    def find(self, path, find_all=False):
        """Path of the bundle in the file system; an empty list for any other file, as Django expects it."""
        if path != BUNDLE:
            return []
        return [self._write()] if find_all else self._write()

    def list(self, ignore_patterns):
        self._write()
        yield BUNDLE, self.storage

    def _write(self) -> str:
        source, bundle = BASE_DIR / "static" / BUNDLE, Path(self.storage.path(BUNDLE))
        text = IMPORT.sub(lambda line: (source.parent / line[1]).read_text(), source.read_text())
        if not bundle.exists() or bundle.read_text() != text:
            bundle.parent.mkdir(exist_ok=True)
            new = bundle.with_suffix(".new")
            new.write_text(text)
            new.replace(bundle)  # another thread never reads half a file
        return str(bundle)


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, kept by browsers for ever; in the imports of our modules, too."""

    support_js_module_import_aggregation = True

    @cache  # noqa: B019  there is one storage, and a file's address is the same while the process lives
    def url(self, name, force=False):
        return super().url(name, force)
