"""Add triggers that create a client for each account of «Привет Супер» and maintain the search text."""

from django.db import migrations

from clients import sql

OWN_TABLES = """
    CREATE TRIGGER privet_refresh_search
    AFTER INSERT OR UPDATE OF last_name, first_name, middle_name, registration_address ON users_passports
    FOR EACH ROW EXECUTE FUNCTION privet_refresh_search();

    CREATE TRIGGER privet_refresh_search AFTER INSERT ON manager_contracts
    FOR EACH ROW EXECUTE FUNCTION privet_refresh_search();
"""

UNDO = """
    DROP TRIGGER IF EXISTS privet_user_changed ON users;
    DROP TRIGGER IF EXISTS privet_refresh_search ON users_passports;
    DROP TRIGGER IF EXISTS privet_refresh_search ON manager_contracts;
    DROP FUNCTION IF EXISTS privet_user_changed, privet_refresh_search, privet_appeared;
    DROP FUNCTION IF EXISTS privet_search_text;
    DROP FUNCTION IF EXISTS privet_fold;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0001_initial"),
        ("passport", "0001_initial"),
        ("contracts", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(sql.read("search_text"), UNDO),
        migrations.RunSQL(sql.read("users_trigger"), migrations.RunSQL.noop),
        migrations.RunSQL(OWN_TABLES, migrations.RunSQL.noop),
        migrations.RunSQL(sql.read("sync"), migrations.RunSQL.noop),
    ]
