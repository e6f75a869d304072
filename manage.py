#!/usr/bin/env python
"""Django's command line. Starts the embedded PostgreSQL first if no other database is configured."""

import os
import sys

# These commands work without a database: `check` reports a missing one, `collectstatic` runs in image builds.
WITHOUT_DATABASE = ("check", "collectstatic", "help")


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
    from foundation.database import embedded, roles

    os.environ[roles.PROCESS_ROLE] = roles.role_of_command(sys.argv)
    try:
        embedded.ensure_database()
    except embedded.DatabaseRequired as error:
        if not sys.argv[1:] or sys.argv[1] not in WITHOUT_DATABASE:
            sys.exit(str(error))

    from django.core.management import execute_from_command_line

    from managers.history import command_context

    with command_context(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
