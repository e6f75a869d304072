import signal

from django.core.management.base import BaseCommand, CommandError

from foundation.worker import registered_jobs
from operations.worker import Worker


class Command(BaseCommand):
    help = (
        "Do the work that may wait, until SIGTERM or SIGINT: erasure requests and acts. Several may run; killing one"
        " loses nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="end when nothing is left to do")

    def handle(self, *, once: bool, **options):
        worker = Worker(registered_jobs())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, worker.stop)
        if not once:
            worker.run()
        elif failed := worker.run_until_idle():
            raise CommandError(f"Failed: {', '.join(failed)}.")
