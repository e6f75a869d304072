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
    """The ids of our own checks that fail with the settings as they are."""
    found = checks.run_checks(tags=tags or None, include_deployment_checks=deploy)
    return [message.id for message in found if message.id.startswith("privet.")]


def test_development_settings_pass():
    assert ids() == []


def test_everything_that_cannot_be_read_is_reported_with_its_name_and_a_hint_instead_of_a_traceback(run_python):
    answer = run_python(
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
                "MASK_CODE_IN_MANAGER_LOG": "so-so",
            }
        ),
    )
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    for name in ("DEBUG", "DATABASE_URL", "TRUSTED_PROXIES", "DATABASE_POOL_SIZE", "INVOICE_DAYS", "LOG_LEVEL",
                 "MASK_CODE_IN_MANAGER_LOG"):  # fmt: skip
        assert f"(privet.E001) {name}: " in answer.stderr
        assert f"HINT: Correct {name}; .env.example explains it." in answer.stderr


def test_an_address_of_the_database_that_is_no_url_is_reported_without_its_password(run_python):
    answer = run_python("manage.py", "check", **(GOOD_SECRETS | {"DATABASE_URL": "postgresql://u:pass/word@h:port/d"}))
    assert "(privet.E001) DATABASE_URL: Not a valid URL" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "pass/word" not in answer.stderr


def test_nothing_configured_without_debug_names_all_that_is_missing(run_python):
    answer = run_python("manage.py", "check")
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "(privet.E002) DATABASE_URL names no database." in answer.stderr
    for name in SECRETS:
        assert f"(privet.E003) {name} is not set." in answer.stderr


def test_production_as_it_should_be_passes_every_check(run_python):
    answer = run_python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("name", ["CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY"])
def test_a_missing_secret_is_an_error(settings, name):
    setattr(settings, name, [] if name == "PERSONAL_DATA_KEYS" else "")
    assert ids() == ["privet.E003"]


def test_a_key_list_with_an_empty_key_in_it_is_an_error(settings):
    settings.PERSONAL_DATA_KEYS = ["new-key", ""]
    assert ids() == ["privet.E003"]


def test_object_storage_without_its_keys_is_an_error(settings):
    settings.S3_ENDPOINT, settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = "http://s3.internal", "", ""
    assert ids() == ["privet.E004", "privet.E004"]


@pytest.mark.parametrize("address", ["", "privet.example", "https://", "ftp://privet.example", "http://[::1"])
def test_an_address_that_no_link_could_start_with_is_an_error(settings, address):
    settings.APP_BASE_URL = address
    assert ids() == ["privet.E005"]


@pytest.fixture
def database_without_cyrillic():
    """The address of a database whose character type is "C"."""
    server = os.environ["DATABASE_URL"]
    name = f"no_cyrillic_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    yield urlsplit(server)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_database_where_search_would_find_nothing_is_refused(run_python, database_without_cyrillic):
    answer = run_python("manage.py", "migrate", **(GOOD_SECRETS | {"DATABASE_URL": database_without_cyrillic}))
    assert answer.returncode == 1
    assert "privet.E007" in answer.stderr
    assert "LOCALE 'C.UTF-8'" in answer.stderr


@pytest.mark.django_db
def test_the_embedded_database_knows_cyrillic():
    assert checks.run_checks(databases=["default"]) == []


def test_a_database_that_does_not_answer_is_an_error_with_a_hint(run_python):
    environment = GOOD_SECRETS | {"DATABASE_URL": "postgresql://127.0.0.1:1/privet"}
    answer = run_python("manage.py", "check", "--database", "default", **environment)
    assert answer.returncode == 1
    assert "(privet.E006) The database does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr


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


def test_a_code_that_managers_can_read_is_warned_of(production):
    production.MASK_CODE_IN_MANAGER_LOG = False
    assert ids("security", deploy=True) == ["privet.W001"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_short_secret_is_warned_of(production, name):
    setattr(production, name, ["short"] if name == "PERSONAL_DATA_KEYS" else "short")
    assert ids("security", deploy=True) == ["privet.W002"]


def test_the_secret_for_development_is_warned_of(production):
    production.CONTRACT_SIGNATURE_SECRET = production.DEVELOPMENT_SECRET
    assert ids("security", deploy=True) == ["privet.W002"]


def test_one_secret_for_two_jobs_is_warned_of(production):
    production.CONTRACT_SIGNATURE_SECRET = production.PERSONAL_DATA_HASH_KEY
    assert ids("security", deploy=True) == ["privet.W003"]


def test_an_address_without_https_is_warned_of(production):
    production.HTTPS = False
    assert ids("security", deploy=True) == ["privet.W004"]


def test_https_without_trusted_proxies_warns(production):
    production.TRUSTED_PROXIES = 0
    assert ids("security", deploy=True) == ["privet.W005"]


def test_answering_to_any_host_is_warned_of(production):
    production.ALLOWED_HOSTS = ["privet.example", "*"]
    assert ids("security", deploy=True) == ["privet.W006"]


@pytest.mark.parametrize("host", ["*", ".privet.example", "*.privet.example"])
def test_answering_to_hosts_that_are_not_named_is_warned_of(production, host):
    production.ALLOWED_HOSTS = [host]
    assert ids("security", deploy=True) == ["privet.W006"]


@pytest.mark.parametrize("password", ["postgres", "privet", "short-password1"])
def test_a_password_of_the_database_that_is_easy_to_guess_is_warned_of(production, monkeypatch, password):
    monkeypatch.setitem(production.DATABASES["default"], "PASSWORD", password)
    assert ids("security", deploy=True) == ["privet.W008"]


def test_a_key_of_the_storage_that_is_easy_to_guess_is_warned_of(production):
    production.S3_SECRET_KEY = "minioadmin"
    assert ids("security", deploy=True) == ["privet.W008"]


def test_no_second_factor_is_warned_of(production):
    production.SECOND_FACTOR = False
    assert ids("security", deploy=True) == ["privet.W009"]


def test_an_origin_without_https_is_warned_of(production):
    production.CSRF_TRUSTED_ORIGINS = ["http://privet.example", "https://privet.example"]
    assert ids("security", deploy=True) == ["privet.W010"]


def test_photos_without_https_are_warned_of(production):
    production.S3_PUBLIC_ENDPOINT = "http://files.privet.example"
    assert ids("security", deploy=True) == ["privet.W011"]


def asked_of_the_storage() -> list[str]:
    return [message.id for message in check_bucket_private(None) if message.hint]


def test_a_storage_that_is_closed_to_strangers_is_as_it_should_be(settings, s3_bucket):
    settings.S3_PUBLIC_ENDPOINT = settings.S3_ENDPOINT
    assert asked_of_the_storage() == []


@pytest.mark.parametrize("shown", ["s3:ListBucket", "s3:GetObject"])
def test_a_storage_that_shows_anything_to_strangers_is_warned_of(settings, s3_bucket, shown):
    settings.S3_PUBLIC_ENDPOINT = settings.S3_ENDPOINT
    resources = [f"arn:aws:s3:::{s3_bucket}", f"arn:aws:s3:::{s3_bucket}/*"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": [shown], "Resource": resources}
    owner = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.put_bucket_policy(Bucket=s3_bucket, Policy=policy)
    object_storage.put("contracts/1.pdf", b"passport data")
    assert asked_of_the_storage() == ["privet.W012"]


def test_a_storage_that_can_not_be_asked_is_warned_of(settings):
    use_s3_at("http://127.0.0.1:9", settings)
    assert asked_of_the_storage() == ["privet.W013"]


def test_a_bucket_that_is_not_there_is_warned_of(settings, s3_bucket):
    settings.S3_PUBLIC_ENDPOINT, settings.S3_BUCKET = settings.S3_ENDPOINT, "no-such-bucket"
    assert asked_of_the_storage() == ["privet.W013"]


@pytest.mark.django_db
def test_the_storage_is_asked_only_on_demand(settings):
    use_s3_at("http://127.0.0.1:9", settings)
    assert "privet.W013" not in ids(deploy=True)
    found = checks.run_checks(databases=["default"], include_deployment_checks=True)
    assert "privet.W013" in [message.id for message in found]


@pytest.mark.parametrize("value", ["", None])
def test_made_up_requisites_are_warned_of(production, value):
    production.COMPANY_INN = production.DEMO_COMPANY["COMPANY_INN"] if value is None else value
    assert ids("security", deploy=True) == ["privet.W007"]


def test_debug_in_production_is_warned_of(run_python):
    answer = run_python("manage.py", "check", "--deploy", **(PRODUCTION | {"DEBUG": "1"}))
    assert "DEBUG set to True" in answer.stderr


def test_the_server_refuses_to_start_on_an_error_and_says_which(run_python):
    answer = run_python("-c", "import privet.wsgi", **(PRODUCTION | {"CONTRACT_SIGNATURE_SECRET": ""}))
    assert answer.returncode == 3
    assert "CONTRACT_SIGNATURE_SECRET is not set." in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_server_starts_in_spite_of_warnings(run_python):
    environment = PRODUCTION | {"MASK_CODE_IN_MANAGER_LOG": "False"}
    answer = run_python("-c", "import privet.wsgi; print(privet.wsgi.application)", **environment)
    assert answer.returncode == 0
    assert "WSGIHandler" in answer.stdout


def test_every_check_of_ours_gives_a_hint(production):
    production.SECRET_KEY, production.CONTRACT_SIGNATURE_SECRET, production.APP_BASE_URL = "short", "", ""
    production.S3_ENDPOINT, production.ALLOWED_HOSTS, production.HTTPS = "http://s3.internal", ["*"], False
    ours = [found for found in checks.run_checks(include_deployment_checks=True) if found.id.startswith("privet.")]
    assert {found.level >= ERROR for found in ours} == {True, False}
    assert all(found.hint for found in ours)
