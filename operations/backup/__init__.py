"""Backup and restore of the whole installation: the database and every object, encrypted with a public key.

A backup is a folder `privet-<time>/` with `database.dump.age` (pg_dump's custom format), `objects.tar.age` and
`manifest.json`, which has counts and digests of rows and objects and is signed. No unencrypted data is written to disk.
"""


class BackupError(Exception):
    """Creating or restoring the backup failed; the message says why."""
