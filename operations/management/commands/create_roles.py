import os

import psycopg
from django.core.management.base import BaseCommand, CommandError

from foundation.database.privileges import create_roles
from foundation.database.roles import Role, RoleNames, url_of
from operations import installation, shared_indexes

ADMIN_URL = "DATABASE_ADMIN_URL"


def psycopg_url(url: str) -> str:
    """Return a URL of a setting without what psycopg does not know."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


class Command(BaseCommand):
    help = (
        "Creates the database roles of DATABASE_OWNER_URL, DATABASE_URL and DATABASE_MAINTENANCE_URL, with their"
        " passwords, and gives them the rights they need; creates our indexes on the app's tables. Connects as the"
        f" superuser of {ADMIN_URL}. Run it again after an update of the app. Idempotent."
    )
    requires_system_checks = []

    def handle(self, **options):
        names = RoleNames.from_environment()
        if not names:
            raise CommandError(
                "DATABASE_OWNER_URL, DATABASE_URL and DATABASE_MAINTENANCE_URL must name three different roles."
            )
        passwords = {url_of(role).get("USER", ""): url_of(role).get("PASSWORD", "") for role in Role}
        try:
            with psycopg.connect(self._admin_url(), autocommit=True) as connection:
                self._set_up(connection, names, passwords)
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL refused it: {error}") from error

    def _set_up(self, connection: psycopg.Connection, names: RoleNames, passwords: dict[str, str]) -> None:
        if connection.info.user in (names.owner, names.web, names.maintenance):
            raise CommandError(f"{ADMIN_URL} must name another role: a role of Privet is never a superuser.")
        with connection.transaction(), connection.cursor() as cursor:
            create_roles(connection, names, passwords, self.stdout.write)
            installation.give_public_tables(cursor, names.owner)
        for name in shared_indexes.missing_indexes(connection):
            self.stdout.write(f"Creating the index {name}.")
        shared_indexes.create_missing_indexes(connection)
        self.stdout.write(f"The roles {names.owner}, {names.web}, {names.maintenance} and {names.bridge} are ready.")

    def _admin_url(self) -> str:
        url = os.environ.get(ADMIN_URL, "")
        if not url:
            raise CommandError(f"Set {ADMIN_URL} to the URL of a superuser, for this command only.")
        return psycopg_url(url)
