"""Phone numbers, passport numbers and dates: valid, and unique by computation from an index."""

from datetime import date, timedelta
from random import Random

from passport.models import FIRST_ISSUED_ON

# Codes of mobile operators. The demo data has its own, so that both data sets fit into one database.
DEMO_OPERATOR_CODE = "958"
OPERATORS = (
    "977 903 905 906 909 910 915 916 917 919 925 926 929 936 963 965 967 968 985 999 901 902 904 908 912 913 920 922 "
    "927 930 950 951 952 960 961 962 978 980 981 996"
).split()
PASSPORT_REGIONS = "46 45 40 60 61 28 29 20 17 34 38 42 66 68 70 78".split()
# Passport numbers from here on belong to the demo data, lower ones to the benchmark data.
FIRST_DEMO_NUMBER = 900_000


def phone(index: int) -> str:
    """Return ten digits, unique for every index below 400 million."""
    spread = index * 179_424_673 % (len(OPERATORS) * 10**7)
    operator, rest = divmod(spread, 10**7)
    return f"{OPERATORS[operator]}{rest:07}"


def demo_phone(index: int) -> str:
    return f"{DEMO_OPERATOR_CODE}{index * 1_299_709 % 10**7:07}"


def birth_date(random: Random, today: date) -> date:
    """Return the birth date of a person between 18 and 85."""
    return today - timedelta(days=int(18.3 * 365.25 + random.random() * 66 * 365.25))


def issue_date(birth: date, today: date, delay: int) -> date:
    """Return the issue date of the current passport: `delay` days after the 14th, 20th or 45th birthday.

    Passports older than the present form were replaced in the years after its introduction.
    """
    for age in (45, 20, 14):
        birthday = date(birth.year + age, birth.month, min(birth.day, 28))
        if birthday + timedelta(days=delay) < today:
            issued = birthday + timedelta(days=delay)
            return issued if issued > FIRST_ISSUED_ON else FIRST_ISSUED_ON + timedelta(days=200 + delay * 9)
    raise ValueError(f"born on {birth}: too young for a passport")


def passport_digits(index: int, issued_on: date) -> str:
    """Return series (region and year) and number, unique for every index below 14 million."""
    region, number = divmod(index, FIRST_DEMO_NUMBER)
    return f"{PASSPORT_REGIONS[region]}{issued_on:%y}{number * 611_953 % FIRST_DEMO_NUMBER:06}"


def demo_passport_digits(index: int, issued_on: date) -> str:
    return f"46{issued_on:%y}{FIRST_DEMO_NUMBER + index * 7_919 % 100_000:06}"
