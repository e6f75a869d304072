import os

from privet import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
embedded.ensure_database()

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
