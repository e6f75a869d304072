from django.db import migrations

NAMES = [
    "телефон", "телевизор", "планшет", "роутер", "холодильник", "плита", "варочная панель", "вытяжка", "духовка",
    "кондиционер", "стиральная машина", "посудомоечная машина", "ноутбук", "другое",
]


def add_types(apps, schema_editor):
    DeviceType = apps.get_model("devices", "DeviceType")
    types = [DeviceType(name=name, position=10 * number) for number, name in enumerate(NAMES, start=1)]
    # Types that already exist stay unchanged.
    DeviceType.objects.bulk_create(types, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("devices", "0002_index_of_shared_photos")]
    operations = [migrations.RunPython(add_types, migrations.RunPython.noop)]
