"""How log lines are written."""

import logging
import re

# PostgreSQL quotes values of the row in the details of an error: «Key (phone)=(9771232323) already exists.» They may
# hold anything, empty lines included; what surely comes after them is the next part of a chained traceback.
DETAIL = re.compile(r"DETAIL:.*?(?=\nTraceback|\n\nThe above exception was|\n\nDuring handling of|\Z)", re.DOTALL)


class WithoutRows(logging.Formatter):
    """Leaves out what a database error says about rows: they hold personal data, and logs are kept by others."""

    def format(self, record: logging.LogRecord) -> str:
        return DETAIL.sub("DETAIL: (left out)", super().format(record))
