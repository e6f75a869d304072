import json
import os
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from django.core import checks
from django.core.checks import ERROR
from dotenv import dotenv_values

from foundation.env import BASE_DIR
from foundation.storage import object_storage
from foundation.testing import use_s3_at
from privet.checks import SECRETS, check_bucket_private

PRODUCTION = {name: value for name, value in dotenv_values(BASE_DIR / ".ci" / "production.env").items() if value}
GOOD_SECRETS = {name: PRODUCTION[name] for name in SECRETS}


def ids(*tags: str, deploy: bool = False) -> list[str]:
    """Return the ids of our checks that fail with the current settings."""
    messages = checks.run_checks(tags=tags or None, include_deployment_checks=deploy)
    return [message.id for message in messages if message.id.startswith("privet.")]


def test_development_settings_pass():
    assert ids() == []


def test_malformed_variables_are_reported_with_hints(run_python):
    result = run_python(
        "manage.py",
        "check",
        **(
            GOOD_SECRETS
            | {
                "DEBUG": "perhaps",
                "DATABASE_URL": "mysql://root@localhost/privet",
                "TRUSTED_PROXIES": "-1",
                "DATABASE_POOL_SIZE": "many",
                "INVOICE_DAYS": "ten",
                "LOG_LEVEL": "loud",
                "SMS_GATEWAY": "pigeon",
                "MASK_CODE_IN_MANAGER_LOG": "so-so",
            }
        ),
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for name in ("DEBUG", "DATABASE_URL", "TRUSTED_PROXIES", "DATABASE_POOL_SIZE", "INVOICE_DAYS", "LOG_LEVEL",
                 "SMS_GATEWAY", "MASK_CODE_IN_MANAGER_LOG"):  # fmt: skip
        assert f"(privet.E001) {name}: " in result.stderr
        assert f"HINT: Correct {name}; .env.example explains it." in result.stderr


def test_malformed_database_url_is_reported_without_the_password(run_python):
    result = run_python("manage.py", "check", **(GOOD_SECRETS | {"DATABASE_URL": "postgresql://u:pass/word@h:port/d"}))
    assert "(privet.E001) DATABASE_URL: Not a valid URL" in result.stderr
    assert "Traceback" not in result.stderr
    assert "pass/word" not in result.stderr


def test_missing_variables_are_reported_without_debug(run_python):
    result = run_python("manage.py", "check")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "(privet.E002) DATABASE_URL names no database." in result.stderr
    for name in SECRETS:
        assert f"(privet.E003) {name} is not set." in result.stderr


def test_production_settings_pass(run_python):
    result = run_python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ["CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY"])
def test_missing_secret_is_an_error(settings, name):
    setattr(settings, name, [] if name == "PERSONAL_DATA_KEYS" else "")
    assert ids() == ["privet.E003"]


def test_empty_key_in_the_key_list_is_an_error(settings):
    settings.PERSONAL_DATA_KEYS = ["new-key", ""]
    assert ids() == ["privet.E003"]


def test_storage_without_credentials_is_an_error(settings):
    settings.S3_ENDPOINT, settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "http://s3.internal", "", ""
    assert ids() == ["privet.E004", "privet.E004"]


@pytest.fixture
def app_bucket(settings):
    settings.APP_S3_BUCKET = "app"
    settings.S3_ENDPOINT = settings.APP_S3_ENDPOINT = "http://s3.internal"
    settings.S3_ACCESS_KEY = settings.APP_S3_ACCESS_KEY = settings.S3_SECRET_KEY = settings.APP_S3_SECRET_KEY = "key"
    assert ids() == []
    return settings


def test_app_bucket_without_a_server_is_an_error(app_bucket):
    app_bucket.APP_S3_ENDPOINT = app_bucket.APP_S3_SECRET_KEY = ""
    assert ids() == ["privet.E008", "privet.E008"]


@pytest.mark.parametrize("endpoint", ["http://s3.internal", "http://s3.internal/"])
def test_our_own_bucket_as_app_bucket_is_an_error(app_bucket, endpoint):
    app_bucket.APP_S3_BUCKET, app_bucket.APP_S3_ENDPOINT = app_bucket.S3_BUCKET, endpoint
    assert ids() == ["privet.E009"]


@pytest.fixture
def exolve(settings):
    settings.SMS_GATEWAY, settings.EXOLVE_API_KEY, settings.EXOLVE_SENDER = "exolve", "key", "79990000000"
    assert ids() == []
    assert "privet.W015" not in ids(deploy=True)
    return settings


def test_gateway_without_key_and_sender_is_an_error(exolve):
    exolve.EXOLVE_API_KEY = ""
    assert ids() == ["privet.E011"]
    exolve.EXOLVE_SENDER = ""
    assert ids() == ["privet.E011", "privet.E011"]
    exolve.SMS_GATEWAY = ""
    assert ids() == []


def test_gateway_without_https_is_an_error(exolve):
    exolve.EXOLVE_URL = "http://api.exolve.ru"
    assert ids() == ["privet.E012"]
    exolve.DEBUG = True
    assert ids() == []


def test_outbox_in_production_is_an_error(settings):
    settings.SMS_GATEWAY = "outbox"
    assert ids() == ["privet.E010"]
    settings.DEBUG = True
    assert ids() == []


@pytest.mark.parametrize(
    ("sender", "is_right"),
    [
        ("79990000000", True), ("Privet", True), ("Privet-1.RU", True), ("9990000000", False), ("+79990000000", False),
        ("Privet Servis", False), ("Привет", False), (" ", False),
    ],
)  # fmt: skip
def test_malformed_sender_warns(sender, is_right, exolve):
    exolve.EXOLVE_SENDER = sender
    assert ("privet.W015" in ids(deploy=True)) is not is_right


@pytest.mark.parametrize("url", ["", "privet.example", "https://", "ftp://privet.example", "http://[::1"])
def test_invalid_base_url_is_an_error(settings, url):
    settings.APP_BASE_URL = url
    assert ids() == ["privet.E005"]


@pytest.fixture
def database_without_cyrillic():
    """URL of a database whose LC_CTYPE is "C"."""
    server = os.environ["DATABASE_ADMIN_URL"]
    name = f"no_cyrillic_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    yield urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_database_without_cyrillic_letters_is_an_error(run_python, database_without_cyrillic):
    result = run_python("manage.py", "migrate", **(GOOD_SECRETS | {"DATABASE_URL": database_without_cyrillic}))
    assert result.returncode == 1
    assert "privet.E007" in result.stderr
    assert "LOCALE 'C.UTF-8'" in result.stderr


@pytest.mark.django_db
def test_embedded_database_passes_the_database_checks():
    assert checks.run_checks(databases=["default"]) == []


def test_unavailable_database_is_an_error(run_python):
    environment = GOOD_SECRETS | {"DATABASE_URL": "postgresql://127.0.0.1:1/privet"}
    result = run_python("manage.py", "check", "--database", "default", **environment)
    assert result.returncode == 1
    assert "(privet.E006) The database does not answer" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def production(settings, monkeypatch):
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    settings.PERSONAL_DATA_KEYS = [GOOD_SECRETS["PERSONAL_DATA_KEYS"]]
    settings.ALLOWED_HOSTS = ["privet.example"]
    settings.HTTPS, settings.TRUSTED_PROXIES, settings.MASK_CODE_IN_MANAGER_LOG = True, 1, True
    settings.SECOND_FACTOR = True
    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", "made-up-5-Vb7kQx9eTz2mNp4r")
    return settings


def test_unmasked_code_warns(production):
    production.MASK_CODE_IN_MANAGER_LOG = False
    assert ids("security", deploy=True) == ["privet.W001"]


@pytest.mark.parametrize("name", SECRETS)
def test_short_secret_warns(production, name):
    setattr(production, name, ["short"] if name == "PERSONAL_DATA_KEYS" else "short")
    assert ids("security", deploy=True) == ["privet.W002"]


def test_development_secret_warns(production):
    production.CONTRACT_SIGNATURE_SECRET = production.DEVELOPMENT_SECRET
    assert ids("security", deploy=True) == ["privet.W002"]


def test_reused_secret_warns(production):
    production.CONTRACT_SIGNATURE_SECRET = production.PERSONAL_DATA_HASH_KEY
    assert ids("security", deploy=True) == ["privet.W003"]


def test_base_url_without_https_warns(production):
    production.HTTPS = False
    assert ids("security", deploy=True) == ["privet.W004"]


def test_https_without_trusted_proxies_warns(production):
    production.TRUSTED_PROXIES = 0
    assert ids("security", deploy=True) == ["privet.W005"]


def test_wildcard_in_allowed_hosts_warns(production):
    production.ALLOWED_HOSTS = ["privet.example", "*"]
    assert ids("security", deploy=True) == ["privet.W006"]


@pytest.mark.parametrize("host", ["*", ".privet.example", "*.privet.example"])
def test_wildcard_subdomain_in_allowed_hosts_warns(production, host):
    production.ALLOWED_HOSTS = [host]
    assert ids("security", deploy=True) == ["privet.W006"]


@pytest.mark.parametrize("password", ["postgres", "privet", "short-password1"])
def test_short_database_password_warns(production, monkeypatch, password):
    monkeypatch.setitem(production.DATABASES["default"], "PASSWORD", password)
    assert ids("security", deploy=True) == ["privet.W008"]


def test_short_storage_key_warns(production):
    production.S3_SECRET_KEY = "minioadmin"
    assert ids("security", deploy=True) == ["privet.W008"]


def test_disabled_second_factor_warns(production):
    production.SECOND_FACTOR = False
    assert ids("security", deploy=True) == ["privet.W009"]


def test_trusted_origin_without_https_warns(production):
    production.CSRF_TRUSTED_ORIGINS = ["http://privet.example", "https://privet.example"]
    assert ids("security", deploy=True) == ["privet.W010"]


def test_public_endpoint_without_https_warns(production):
    production.S3_PUBLIC_ENDPOINT = "http://files.privet.example"
    assert ids("security", deploy=True) == ["privet.W011"]


def bucket_warnings() -> list[str]:
    return [message.id for message in check_bucket_private(None) if message.hint]


def test_private_bucket_passes(settings, s3_bucket):
    settings.S3_PUBLIC_ENDPOINT = settings.S3_ENDPOINT
    assert bucket_warnings() == []


@pytest.mark.parametrize("action", ["s3:ListBucket", "s3:GetObject"])
def test_public_bucket_warns(settings, s3_bucket, action):
    settings.S3_PUBLIC_ENDPOINT = settings.S3_ENDPOINT
    resources = [f"arn:aws:s3:::{s3_bucket}", f"arn:aws:s3:::{s3_bucket}/*"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": [action], "Resource": resources}
    owner = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.put_bucket_policy(Bucket=s3_bucket, Policy=policy)
    object_storage.put("contracts/1.pdf", b"passport data")
    assert bucket_warnings() == ["privet.W012"]


def test_unavailable_storage_warns(settings):
    use_s3_at("http://127.0.0.1:9", settings)
    assert bucket_warnings() == ["privet.W013"]


def test_missing_bucket_warns(settings, s3_bucket):
    settings.S3_PUBLIC_ENDPOINT, settings.S3_BUCKET = settings.S3_ENDPOINT, "no-such-bucket"
    assert bucket_warnings() == ["privet.W013"]


@pytest.mark.django_db
def test_bucket_is_checked_only_with_the_database_checks(settings):
    use_s3_at("http://127.0.0.1:9", settings)
    assert "privet.W013" not in ids(deploy=True)
    messages = checks.run_checks(databases=["default"], include_deployment_checks=True)
    assert "privet.W013" in [message.id for message in messages]


@pytest.mark.parametrize("value", ["", None])
def test_made_up_company_details_warn(production, value):
    production.COMPANY_INN = production.DEMO_COMPANY["COMPANY_INN"] if value is None else value
    assert ids("security", deploy=True) == ["privet.W007"]


@pytest.mark.parametrize("name", ["INN", "OGRN", "BANK_ACCOUNT", "BANK_CORRESPONDENT"])
def test_typing_errors_in_company_details_warn(production, name):
    value = getattr(production, f"COMPANY_{name}")
    setattr(production, f"COMPANY_{name}", value[:5] + str((int(value[5]) + 1) % 10) + value[6:])
    messages = checks.run_checks(tags=["security"], include_deployment_checks=True)
    (message,) = [found for found in messages if found.id == "privet.W014"]
    assert f"COMPANY_{name}" in message.msg


def test_debug_in_production_warns(run_python):
    result = run_python("manage.py", "check", "--deploy", **(PRODUCTION | {"DEBUG": "1"}))
    assert "DEBUG set to True" in result.stderr


def test_server_reports_the_error_and_does_not_start(run_python):
    result = run_python("-c", "import privet.wsgi", **(PRODUCTION | {"CONTRACT_SIGNATURE_SECRET": ""}))
    assert result.returncode == 3
    assert "CONTRACT_SIGNATURE_SECRET is not set." in result.stderr
    assert "Traceback" not in result.stderr


def test_server_starts_with_warnings(run_python):
    environment = PRODUCTION | {"MASK_CODE_IN_MANAGER_LOG": "False"}
    result = run_python("-c", "import privet.wsgi; print(privet.wsgi.application)", **environment)
    assert result.returncode == 0
    assert "WSGIHandler" in result.stdout


def test_every_check_has_a_hint(production):
    production.SECRET_KEY, production.CONTRACT_SIGNATURE_SECRET, production.APP_BASE_URL = "short", "", ""
    production.S3_ENDPOINT, production.ALLOWED_HOSTS, production.HTTPS = "http://s3.internal", ["*"], False
    messages = [
        message for message in checks.run_checks(include_deployment_checks=True) if message.id.startswith("privet.")
    ]
    assert {message.level >= ERROR for message in messages} == {True, False}
    assert all(message.hint for message in messages)
