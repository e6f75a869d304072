"""Readable browser names for the session list.

For display only: a browser can send any User-Agent header.
"""

import re

# The first match wins: most browsers also claim to be those further down.
BROWSERS = [
    ("Яндекс Браузер", r"YaBrowser/"),
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
]
SYSTEMS = [
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Macintosh|Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
]


def describe_browser(user_agent: str) -> str:
    """«Chrome, Android»."""
    parts = [name for names in (BROWSERS, SYSTEMS) for name in _first_match(user_agent, names)]
    return ", ".join(parts) or "Неизвестное устройство"


def _first_match(user_agent: str, names: list[tuple[str, str]]) -> list[str]:
    return [name for name, pattern in names if re.search(pattern, user_agent)][:1]
