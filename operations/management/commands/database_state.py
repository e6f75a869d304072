import os

import psycopg
from django.core.management.base import BaseCommand, CommandError

from foundation.database.roles import RoleNames
from operations import database_state
from operations.management.commands.create_roles import ADMIN_URL, psycopg_url


class Command(BaseCommand):
    help = (
        "Says what the database contains: the app's tables, those of the older manager system, Privet and its roles."
        f" Changes nothing. Connects with {ADMIN_URL}, which is needed before the roles exist, or with"
        " DATABASE_OWNER_URL or DATABASE_URL."
    )
    requires_system_checks = []

    def handle(self, **options):
        variables = (ADMIN_URL, "DATABASE_OWNER_URL", "DATABASE_URL")
        url = next(filter(None, map(os.environ.get, variables)), "")
        if not url:
            raise CommandError(f"Set {ADMIN_URL}.")
        try:
            with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
                lines = database_state.describe(connection, RoleNames.from_environment())
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL refused it: {error}") from error
        self.stdout.write("\n".join(lines))
