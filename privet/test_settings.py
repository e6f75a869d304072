import re

from foundation.env import BASE_DIR

COMPOSE_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)")
READ_VARIABLE = re.compile(r'env\.\w+\(\s*"([A-Z0-9_]+)"|environ\.get\(\s*"([A-Z0-9_]+)"')
OTHER_VARIABLES = {"LC_ALL"}


def test_every_setting_that_is_read_is_explained_and_no_other():
    sources = [BASE_DIR / "gunicorn.conf.py"]
    for package in ("privet", "foundation", "operations"):
        sources += (BASE_DIR / package).rglob("*.py")
    read = {
        name
        for source in sources
        if not source.name.startswith(("test_", "testing"))
        for names in READ_VARIABLE.findall(source.read_text())
        for name in names
        if name
    }
    read |= {name for file in BASE_DIR.glob("compose*.yaml") for name in COMPOSE_VARIABLE.findall(file.read_text())}
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    assert explained == read - OTHER_VARIABLES


def test_every_dependency_is_explained_and_no_other():
    required = "".join((BASE_DIR / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    explained = "\n".join(
        line.split("|")[1]
        for line in (BASE_DIR / "docs" / "dependencies.md").read_text().splitlines()
        if line.startswith("| `")
    )
    assert sorted(re.findall(r"`([a-z0-9-]+(?:\[[a-z,]+\])?)`", explained)) == sorted(
        re.findall(r"^([a-z0-9-]+(?:\[[a-z,]+\])?)==", required, re.MULTILINE)
    )


def test_the_mail_server_is_not_waited_for_longer_than_a_request_should_take(run_python):
    script = "from privet.settings import MAILERS; print(MAILERS['default']['OPTIONS']['timeout'])"
    assert int(run_python("-c", script, SMTP_HOST="mail.internal").stdout) <= 5


def test_without_a_mail_server_letters_are_printed(run_python):
    script = "from privet.settings import MAILERS; print(MAILERS['default']['BACKEND'])"
    assert run_python("-c", script).stdout.strip() == "django.core.mail.backends.console.EmailBackend"


def test_pages_may_reach_the_storage_where_browsers_reach_it_and_nothing_else(run_python):
    script = "from privet.settings import SECURE_CSP as csp; print(*csp['connect-src'], '|', *csp['img-src'])"
    environment = {"S3_ENDPOINT": "http://minio:9000", "S3_PUBLIC_ENDPOINT": "https://files.privet.example/minio"}

    assert run_python("-c", script).stdout.strip() == "'self' | 'self' data: blob:"
    assert run_python("-c", script, **environment).stdout.strip() == (
        "'self' https://files.privet.example | 'self' data: blob: https://files.privet.example"
    )
    only_one = run_python("-c", script, S3_ENDPOINT="http://minio:9000").stdout
    assert only_one.count("http://minio:9000") == 2
