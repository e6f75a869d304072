"""Static files as production serves them."""

from functools import cache

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Hashed(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, kept by browsers for ever; in the imports of our modules, too."""

    support_js_module_import_aggregation = True

    @cache  # noqa: B019  there is one storage, and a file's address is the same while the process lives
    def url(self, name, force=False):
        return super().url(name, force)
