"""Numbers and dates of phones and passports: valid in form, unique by arithmetic."""

from datetime import date, timedelta
from random import Random

from passport.models import FIRST_ISSUED_ON

# Codes of mobile operators. The small office has its own, so that both fit into one database.
DEMO_OPERATOR_CODE = "958"
OPERATORS = (
    "977 903 905 906 909 910 915 916 917 919 925 926 929 936 963 965 967 968 985 999 901 902 904 908 912 913 920 922 "
    "927 930 950 951 952 960 961 962 978 980 981 996"
).split()
PASSPORT_REGIONS = "46 45 40 60 61 28 29 20 17 34 38 42 66 68 70 78".split()
# Numbers below are of the large office, above of the small one.
FIRST_DEMO_NUMBER = 900_000


def phone(index: int) -> str:
    """Ten digits; every index below 400 million has its own."""
    spread = index * 179_424_673 % (len(OPERATORS) * 10**7)
    operator, rest = divmod(spread, 10**7)
    return f"{OPERATORS[operator]}{rest:07}"


def demo_phone(index: int) -> str:
    return f"{DEMO_OPERATOR_CODE}{index * 1_299_709 % 10**7:07}"


def birth_date(random: Random, today: date) -> date:
    """Of somebody between 18 and 85."""
    return today - timedelta(days=int(18.3 * 365.25 + random.random() * 66 * 365.25))


def issue_date(birth: date, today: date, delay: int) -> date:
    """When a person of that birth date got the passport they have: at 14, 20 or 45, `delay` days after the birthday.

    Those whose day was before the present form existed exchanged theirs in the years after.
    """
    for age in (45, 20, 14):
        birthday = date(birth.year + age, birth.month, min(birth.day, 28))
        if birthday + timedelta(days=delay) < today:
            got = birthday + timedelta(days=delay)
            return got if got > FIRST_ISSUED_ON else FIRST_ISSUED_ON + timedelta(days=200 + delay * 9)
    raise ValueError(f"born on {birth}: too young for a passport")


def passport_digits(index: int, issued_on: date) -> str:
    """Series (region and year) and number; every index below 14 million has its own number within its region."""
    region, number = divmod(index, FIRST_DEMO_NUMBER)
    return f"{PASSPORT_REGIONS[region]}{issued_on:%y}{number * 611_953 % FIRST_DEMO_NUMBER:06}"


def demo_passport_digits(index: int, issued_on: date) -> str:
    return f"46{issued_on:%y}{FIRST_DEMO_NUMBER + index * 7_919 % 100_000:06}"
