"""The number of guesses that the limits allow, and the chance that one is right. Uses the code of the limits with a
simulated clock, without a database.
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

from contracts.models import MAX_ATTEMPTS_PER_CONTRACT  # noqa: E402
from managers import limits, second_factor  # noqa: E402
from managers.models import Attempts  # noqa: E402
from messaging.codes import MAX_ATTEMPTS_PER_CODE, MAX_CODES_PER_HOUR  # noqa: E402

SIX_DIGITS = 10**6
# A TOTP code is accepted in its own half minute and in those before and after it (TOTP_TOLERANCE).
VALID_CODES = 3


def guesses(limit: limits.BackoffLimit, span: timedelta) -> int:
    """Number of attempts within `span` if each is made as soon as the limit allows it."""
    start = now = datetime(2026, 1, 1, tzinfo=UTC)
    attempts, count = Attempts(counted_at=now), 0
    while now - start < span:
        limit.add_failure(attempts, now)
        count += 1
        now = max(now, attempts.wait_until or now)
    return count


def chance(tries: float, of: float) -> str:
    return f"1 in {of / tries:,.0f} ({tries / of:.2g})"


def main():
    hour, day, year = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
    print("Signing code, for an attacker with the page of step 4")
    print(f"  guesses before signing is locked  {MAX_ATTEMPTS_PER_CONTRACT} ({MAX_ATTEMPTS_PER_CODE} for each code)")
    print(f"  chance that one of them is right  {chance(MAX_ATTEMPTS_PER_CONTRACT, SIX_DIGITS)}")
    print(f"  codes for one client per hour     {MAX_CODES_PER_HOUR}")
    for name, purpose in {
        "Passwords": limits.SIGN_IN,
        "Second factor": limits.SECOND_FACTOR,
        "Password reset e-mails": limits.PASSWORD_RESET,
    }.items():
        print(name)
        for subject, limit in (("account", purpose.account), ("IP address", purpose.address)):
            counts = [guesses(limit, span) for span in (hour, day, year)]
            print(f"  per {subject}: in the first hour {counts[0]}, day {counts[1]}, year {counts[2]:,}")
    print("TOTP code, for an attacker who knows the password")
    for span, name in ((day, "a day"), (year, "a year")):
        tries = guesses(limits.SECOND_FACTOR.account, span)
        of = 10**second_factor.APP_DIGITS
        print(f"  chance of a right guess within {name}  {chance(tries * VALID_CODES, of)}")
    print("Rate limits of one person")
    for limit in (limits.SEARCHES, limits.DOCUMENTS, limits.CODES, limits.UPLOADS):
        print(f"  {limit.name}: {limit.at_most} at once, then {limit.at_most} per {limit.per}")


main()
