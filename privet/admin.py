"""Django admin as a whole: its names, and the client's page put together from what each app shows of a client."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin  # noqa: F401  registers groups, which are unregistered below
from django.contrib.auth.models import Group
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin  # noqa: F401  registers what is unregistered below
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin  # noqa: F401  likewise
from django_otp.plugins.otp_totp.models import TOTPDevice

from clients.admin import ClientAdmin
from clients.models import AppUser, Client
from contracts.admin import ContractsOfClient
from contracts.models import Contract, Invoice
from devices.admin import DevicesOfClient, TariffOfClient
from devices.models import ClientTariff, Device
from erasure.admin import erase_clients
from passport.admin import PassportOfClient
from passport.models import Passport

admin.site.site_header = "Привет — администрирование"
admin.site.site_title = "Привет"
admin.site.index_title = "Разделы"
admin.site.empty_value_display = "—"
admin.site.disable_action("delete_selected")
# What somebody may do follows from their role alone, and what a role may do from managers/roles.py.
admin.site.unregister(Group)
# Nobody is shown a second factor, or makes one for another.
admin.site.unregister([StaticDevice, TOTPDevice])


def client_histories(self, client: Client) -> list:
    """All that is kept of a client, whichever app keeps it."""
    own = [model.objects.filter(client=client) for model in OF_CLIENT]
    invoices = Invoice.history.rel.related_model.objects.filter(contract__in=client.contracts.values("pk"))
    contact = AppUser.history.rel.related_model.objects.filter(pgh_obj=client.user_id)
    return [client.history.all(), contact, *own, invoices]


OF_CLIENT = [model.history.rel.related_model for model in (Passport, Device, ClientTariff, Contract)]
ClientAdmin.histories = client_histories
ClientAdmin.actions = [*ClientAdmin.actions, erase_clients]
ClientAdmin.inlines = [PassportOfClient, DevicesOfClient, TariffOfClient, ContractsOfClient, *ClientAdmin.inlines]
