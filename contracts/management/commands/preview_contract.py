from pathlib import Path

from django.core.management.base import BaseCommand

from contracts import pdf, sample


class Command(BaseCommand):
    help = "Write a sample contract in the newest edition, with fictional parties."

    def add_arguments(self, parser):
        parser.add_argument("--devices", type=int, default=5, metavar="N", help="number of devices (5)")
        parser.add_argument("--out", type=Path, default=Path("contract.pdf"), metavar="FILE", help="contract.pdf")

    def handle(self, *, devices: int, out: Path, **options):
        snapshot = sample.sample_snapshot(devices)
        out.write_bytes(pdf.render_contract(snapshot))
        self.stdout.write(f"{out}: edition {snapshot.template_version}, {devices} devices")
