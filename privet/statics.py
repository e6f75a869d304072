"""Static files as production serves them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class Hashed(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, kept by browsers for ever; in the imports of our modules, too."""

    support_js_module_import_aggregation = True
