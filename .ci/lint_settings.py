"""The settings with the linter of migrations: `DJANGO_SETTINGS_MODULE=lint_settings manage.py lintmigrations`."""

from privet.settings import *  # noqa: F403

INSTALLED_APPS += ["django_migration_linter"]  # noqa: F405

MIGRATION_LINTER_OPTIONS = {
    "project_root_path": BASE_DIR,  # noqa: F405
    "no_cache": True,
    "sql_analyser": "postgresql",
    "warnings_as_errors": [],
    "exclude_apps": ["otp_static", "otp_totp"],
    # From before anything was served. What is new locks no table while an index of it is built.
    "ignore_name": [
        "0001_initial",
        "0002_lists_by_time",
        "0003_lists_by_time",
        "0002_index_of_shared_photos",
        "0002_indexes_of_tickets",
        # From varchar(n) to text: PostgreSQL rewrites nothing, and the old version goes on writing.
        "0012_history_of_any_length",
        # Indexes of the tables that they create; the linter takes them for existing ones.
        "0003_erasure_requests",
        "0008_payment_claims",
    ],
}
