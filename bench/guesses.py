"""How many guesses the limits let through, and the chance that one hits: by the limits' own code, with the clock moved
by hand. No database is asked.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
os.environ.setdefault("DEBUG", "1")

import django

django.setup()

from contracts.models import MAX_ATTEMPTS_PER_CODE, MAX_ATTEMPTS_PER_CONTRACT, MAX_CODES_PER_HOUR  # noqa: E402
from managers import limits, second_factor  # noqa: E402
from managers.models import Attempts  # noqa: E402

SIX_DIGITS = 10**6
# A code of the app is good for its half minute, and for those before and after it (TOTP_TOLERANCE).
CODES_GOOD_AT_ONCE = 3


def guesses(limit: limits.BackoffLimit, span: timedelta) -> int:
    """How many tries pass within `span` for one who tries again as soon as may be."""
    start = now = datetime(2026, 1, 1, tzinfo=UTC)
    attempts, passed = Attempts(counted_at=now), 0
    while now - start < span:
        limit.add_failure(attempts, now)
        passed += 1
        now = max(now, attempts.wait_until or now)
    return passed


def chance(tries: float, of: float) -> str:
    return f"1 in {of / tries:,.0f} ({tries / of:.2g})"


def main():
    hour, day, year = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
    print("A contract's code, for who holds the page of step 4")
    print(f"  guesses before an admin must act  {MAX_ATTEMPTS_PER_CONTRACT} ({MAX_ATTEMPTS_PER_CODE} for each code)")
    print(f"  chance that one of them hits      {chance(MAX_ATTEMPTS_PER_CONTRACT, SIX_DIGITS)}")
    print(f"  codes sent to one client an hour  {MAX_CODES_PER_HOUR}")
    for name, purpose in {
        "Passwords": limits.SIGN_IN,
        "Second factor": limits.SECOND_FACTOR,
        "Letters for a new password": limits.PASSWORD_RESET,
    }.items():
        print(name)
        for whose, limit in (("account", purpose.account), ("address", purpose.address)):
            counts = [guesses(limit, span) for span in (hour, day, year)]
            print(f"  per {whose}: in the first hour {counts[0]}, day {counts[1]}, year {counts[2]:,}")
    print("The app's code, for who knows the password")
    for span, name in ((day, "a day"), (year, "a year")):
        tries = guesses(limits.SECOND_FACTOR.account, span)
        of = 10**second_factor.APP_DIGITS
        print(f"  chance that {name} of guessing hits  {chance(tries * CODES_GOOD_AT_ONCE, of)}")
    print("Allowances of one person")
    for allowance in (limits.SEARCHES, limits.DOCUMENTS, limits.CODES, limits.UPLOADS):
        print(f"  {allowance.name}: {allowance.at_most} at once, then {allowance.at_most} in every {allowance.per}")


main()
