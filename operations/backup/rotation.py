"""Which backups are retained."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from operations.backup.create import NAME


def delete_old_backups(folder: Path, *, days: int, weeks: int) -> list[Path]:
    """Remove what is neither the last of one of the newest `days` days nor of one of the newest `weeks` weeks (UTC).

    Days and weeks without a backup do not count, so that none is removed because nothing new was made.
    """
    backups = {parse_backup_time(path): path for path in folder.iterdir() if path.is_dir() and parse_backup_time(path)}
    retained = _newest_per_period(backups, days, lambda at: at.date())
    retained |= _newest_per_period(backups, weeks, lambda at: at.isocalendar()[:2])
    outdated = [path for at, path in sorted(backups.items()) if at not in retained]
    for path in outdated:
        shutil.rmtree(path)
    return outdated


def newest_backup_time(folder: Path) -> datetime | None:
    """When the newest backup in `folder` was made; None when it holds none. OSError when it can't be read."""
    return max(filter(None, map(parse_backup_time, folder.iterdir())), default=None)


def parse_backup_time(path: Path) -> datetime | None:
    """When the backup in `path` was made; None when its name is not a backup's."""
    if not re.fullmatch(r"privet-\d{8}T\d{6}Z", path.name):
        return None
    return datetime.strptime(path.name, NAME).replace(tzinfo=UTC)


def _newest_per_period(times, count: int, period) -> set[datetime]:
    newest = {period(at): at for at in sorted(times)}
    return set(sorted(newest.values(), reverse=True)[:count])
