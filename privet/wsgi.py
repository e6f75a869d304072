import os
from contextlib import suppress

from foundation.database import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
with suppress(embedded.DatabaseRequired):  # the checks report it together with other errors
    embedded.ensure_database()

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from privet.checks import exit_on_check_errors  # noqa: E402

exit_on_check_errors()
