"""The database roles of Privet, their URLs, and the role of each command of manage.py.

Each role has a URL. A process connects as one role. With only `DATABASE_URL` set, everything runs as that role.
"""

import os
from dataclasses import dataclass
from enum import StrEnum

from foundation.env import env


class Role(StrEnum):
    WEB = "web"
    MAINTENANCE = "maintenance"
    OWNER = "owner"

    @property
    def variable(self) -> str:
        """Name of the environment variable with the role's URL."""
        return "DATABASE_URL" if self == Role.WEB else f"DATABASE_{self.upper()}_URL"


# Commands that need more rights than the pages; all others run as the web role.
ROLE_OF_COMMAND = {
    "migrate": Role.OWNER,
    "pgtrigger": Role.OWNER,
    "limit_statements": Role.OWNER,
    "backup": Role.OWNER,
    "restore": Role.OWNER,
    "dbshell": Role.OWNER,
    "flush": Role.OWNER,
    "fill_demo": Role.OWNER,
    "worker": Role.MAINTENANCE,
    "apply_retention": Role.MAINTENANCE,
    "rotate_keys": Role.MAINTENANCE,
    "clean_storage": Role.MAINTENANCE,
    "sync_clients": Role.MAINTENANCE,
    "sync_tickets": Role.MAINTENANCE,
    "verify_audit": Role.MAINTENANCE,
    "clearsessions": Role.MAINTENANCE,
    "load_demo": Role.MAINTENANCE,
}
# Environment variable with the role of this process.
PROCESS_ROLE = "PRIVET_DATABASE_ROLE"


def role_of_command(arguments: list[str]) -> Role:
    """Return the role of a command line of manage.py, as in sys.argv."""
    return ROLE_OF_COMMAND.get(arguments[1] if len(arguments) > 1 else "", Role.WEB)


def current_role() -> Role:
    """Return the role of this process. manage.py sets it; servers and tests run as the web role."""
    return Role(os.environ.get(PROCESS_ROLE, Role.WEB))


def url_of(role: Role) -> dict:
    """Return the parsed URL of a role, or that of the web role if it has none; {} if no database is configured."""
    return env.postgresql(role.variable, "") or env.postgresql(Role.WEB.variable, "") or {}


@dataclass(frozen=True)
class RoleNames:
    """The names of the login roles, and of the role without login that owns `privet.write_shared`."""

    owner: str
    web: str
    maintenance: str

    @property
    def bridge(self) -> str:
        return f"{self.owner}_bridge"

    @classmethod
    def from_environment(cls) -> "RoleNames | None":
        """Return the names in the URLs, or None if they are not three different roles."""
        names = [url_of(role).get("USER", "") for role in (Role.OWNER, Role.WEB, Role.MAINTENANCE)]
        return cls(*names) if len(set(names)) == len(names) else None
