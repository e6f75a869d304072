"""Delete old backups."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from operations.backup.create import NAME


def delete_old_backups(folder: Path, *, days: int, weeks: int) -> list[Path]:
    """Delete old backups in `folder` and return their paths.

    The last backup of each of the newest `days` days and `weeks` weeks (UTC) is retained. Days and weeks without a
    backup do not count, so old backups stay when no new ones are made.
    """
    backups = {parse_backup_time(path): path for path in folder.iterdir() if path.is_dir() and parse_backup_time(path)}
    retained = _newest_per_period(backups, days, lambda at: at.date())
    retained |= _newest_per_period(backups, weeks, lambda at: at.isocalendar()[:2])
    outdated = [path for at, path in sorted(backups.items()) if at not in retained]
    for path in outdated:
        shutil.rmtree(path)
    return outdated


def newest_backup_time(folder: Path) -> datetime | None:
    """Return the time of the newest backup in `folder`, or None if there is none. Raise OSError if it can't be read."""
    return max(filter(None, map(parse_backup_time, folder.iterdir())), default=None)


def parse_backup_time(path: Path) -> datetime | None:
    """Return the time in the name of the backup `path`, or None if it is not the name of a backup."""
    if not re.fullmatch(r"privet-\d{8}T\d{6}Z", path.name):
        return None
    return datetime.strptime(path.name, NAME).replace(tzinfo=UTC)


def _newest_per_period(times, count: int, period) -> set[datetime]:
    newest = {period(at): at for at in sorted(times)}
    return set(sorted(newest.values(), reverse=True)[:count])
