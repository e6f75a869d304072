"""Russian plurals."""


def plural(number: int, one: str, few: str, many: str) -> str:
    """Return the form that goes with `number`: 21 рубль, 2 рубля, 11 рублей."""
    if number % 10 == 1 and number % 100 != 11:
        return one
    return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many
