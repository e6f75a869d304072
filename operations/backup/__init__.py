"""Backup of the whole installation, and its return: the database and every object, encrypted to a public key.

A backup is a folder `privet-<time>/` with `database.dump.age` (pg_dump's custom format), `objects.tar.age` and
`manifest.json`, which says how many rows and objects there are and signs it all. Nothing unencrypted touches the disk.
"""


class BackupError(Exception):
    """It was not made, or not brought back; the message says why."""
