"""Access to devices and photos follows access to the client."""

from django.shortcuts import get_object_or_404

from clients.models import Client
from devices.models import Device, DevicePhoto


def get_device_for(request, pk) -> Device:
    """Return the device. Raises Http404 if there is none or the current user may not open it."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(Device.objects.select_related("type", "client__user"), pk=pk, client__in=visible)


def get_photo_for(request, pk) -> DevicePhoto:
    """Return the photo with its device. Raises Http404 if there is none or the current user may not open it."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(DevicePhoto.objects.select_related("device__client"), pk=pk, device__client__in=visible)
