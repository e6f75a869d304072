"""Django admin as a whole: its names, and the client's page put together from what each app shows of a client."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin  # noqa: F401  registers groups, which are unregistered below
from django.contrib.auth.models import Group
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin  # noqa: F401  registers what is unregistered below
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin  # noqa: F401  likewise
from django_otp.plugins.otp_totp.models import TOTPDevice

from clients.admin import ClientAdmin
from contracts.admin import ContractsOfClient
from devices.admin import DevicesOfClient, TariffOfClient
from passport.admin import PassportOfClient

admin.site.site_header = "Привет — администрирование"
admin.site.site_title = "Привет"
admin.site.index_title = "Разделы"
admin.site.disable_action("delete_selected")
# What somebody may do follows from their role alone, and what a role may do from managers/roles.py.
admin.site.unregister(Group)
# Nobody is shown a second factor, or makes one for another.
admin.site.unregister([StaticDevice, TOTPDevice])

ClientAdmin.inlines = [PassportOfClient, DevicesOfClient, TariffOfClient, ContractsOfClient, *ClientAdmin.inlines]
