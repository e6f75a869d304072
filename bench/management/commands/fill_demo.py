"""A large office for measuring."""

import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg.errors import InsufficientPrivilege

from bench.filling import fill


class Command(BaseCommand):
    help = (
        "Adds many invented clients in all statuses, with passports, devices, contracts, invoices and tickets (COPY)."
    )

    def add_arguments(self, parser):
        parser.add_argument("--clients", type=int, required=True, help="how many to add")
        parser.add_argument("--managers", type=int, default=200, help="over how many managers they are spread")

    def handle(self, *args, clients: int, managers: int, **options):
        if not settings.DEBUG:
            raise CommandError("fill_demo writes invented clients; it runs only with DEBUG=1.")
        if clients < 1 or managers < 1:
            raise CommandError("--clients and --managers must be at least 1.")
        began = time.monotonic()

        def say(text: str) -> None:
            self.stdout.write(f"{time.monotonic() - began:7.1f} s  {text}")

        try:
            written = fill(clients, managers, say)
        except Exception as error:
            if isinstance(error.__cause__, InsufficientPrivilege):
                raise CommandError(
                    "The database role may not set session_replication_role (superusers may)."
                ) from error
            raise
        for table, rows in sorted(written.items()):
            self.stdout.write(f"{rows:12,}  {table}")
        say(f"{sum(written.values()):,} rows")
