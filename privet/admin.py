"""The admin site: its titles, and the models of libraries that it does not show."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin  # noqa: F401  registers the model that is unregistered below
from django.contrib.auth.models import Group
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin  # noqa: F401  likewise
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin  # noqa: F401  likewise
from django_otp.plugins.otp_totp.models import TOTPDevice

admin.site.site_header = "Привет — администрирование"
admin.site.site_title = "Привет"
admin.site.index_title = "Разделы"
admin.site.empty_value_display = "—"
admin.site.disable_action("delete_selected")
# Permissions follow from the role alone; managers/roles.py defines them.
admin.site.unregister(Group)
# Second factors are neither shown nor created in the admin.
admin.site.unregister([StaticDevice, TOTPDevice])
