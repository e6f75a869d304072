import re

from foundation.database.roles import Role
from foundation.env import BASE_DIR
from operations.management.commands.create_roles import ADMIN_URL

COMPOSE_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)")
READ_VARIABLE = re.compile(r'env\.\w+\(\s*"([A-Z0-9_]+)"|environ\.get\(\s*"([A-Z0-9_]+)"')
EXTERNAL_VARIABLES = {"LC_ALL"}
# Read by a name that is computed (foundation/database/roles.py, operations/management/commands/create_roles.py).
DATABASE_VARIABLES = {*(role.variable for role in Role), ADMIN_URL}


def test_env_example_lists_exactly_the_variables_that_are_read():
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
    documented = set(re.findall(r"^#?([A-Z0-9_]+)=", (BASE_DIR / ".env.example").read_text(), re.MULTILINE))
    assert documented == (read | DATABASE_VARIABLES) - EXTERNAL_VARIABLES


def test_dependencies_doc_lists_exactly_the_requirements():
    required = "".join((BASE_DIR / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    documented = "\n".join(
        line.split("|")[1]
        for line in (BASE_DIR / "docs" / "dependencies.md").read_text().splitlines()
        if line.startswith("| `")
    )
    assert sorted(re.findall(r"`([a-z0-9-]+(?:\[[a-z,]+\])?)`", documented)) == sorted(
        re.findall(r"^([a-z0-9-]+(?:\[[a-z,]+\])?)==", required, re.MULTILINE)
    )


def test_smtp_timeout_is_at_most_five_seconds(run_python):
    script = "from privet.settings import MAILERS; print(MAILERS['default']['OPTIONS']['timeout'])"
    assert int(run_python("-c", script, SMTP_HOST="mail.internal").stdout) <= 5


def test_emails_are_printed_without_an_smtp_host(run_python):
    script = "from privet.settings import MAILERS; print(MAILERS['default']['BACKEND'])"
    assert run_python("-c", script).stdout.strip() == "django.core.mail.backends.console.EmailBackend"


def test_csp_allows_only_the_public_storage_origin(run_python):
    script = "from privet.settings import SECURE_CSP as csp; print(*csp['connect-src'], '|', *csp['img-src'])"
    environment = {"S3_ENDPOINT": "http://minio:9000", "S3_PUBLIC_ENDPOINT": "https://files.privet.example/minio"}

    assert run_python("-c", script).stdout.strip() == "'self' | 'self' data: blob:"
    assert run_python("-c", script, **environment).stdout.strip() == (
        "'self' https://files.privet.example | 'self' data: blob: https://files.privet.example"
    )
    without_public_endpoint = run_python("-c", script, S3_ENDPOINT="http://minio:9000").stdout
    assert without_public_endpoint.count("http://minio:9000") == 2


def test_csp_allows_pictures_of_the_app_bucket(run_python):
    script = "from privet.settings import SECURE_CSP as csp; print(*csp['connect-src'], '|', *csp['img-src'])"
    ours, app = {"S3_ENDPOINT": "https://files.example"}, {"APP_S3_BUCKET": "app"}

    assert run_python("-c", script, **app).stdout.strip() == "'self' | 'self' data: blob:"
    assert run_python("-c", script, **ours, **app).stdout.strip() == (
        "'self' https://files.example | 'self' data: blob: https://files.example"
    )
    own = app | {"APP_S3_ENDPOINT": "https://app.example/s3"}
    assert run_python("-c", script, **ours, **own).stdout.strip() == (
        "'self' https://files.example | 'self' data: blob: https://files.example https://app.example"
    )
