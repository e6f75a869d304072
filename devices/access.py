"""Who may open a device or a photo: whoever may open its client."""

from django.shortcuts import get_object_or_404

from clients.models import Client
from devices.models import Device, DevicePhoto


def get_device_for(request, pk) -> Device:
    """The device for the person of `request`; Http404 when there is none that they may open."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(Device.objects.select_related("type", "client__user"), pk=pk, client__in=visible)


def get_photo_for(request, pk) -> DevicePhoto:
    """The photo with its device; Http404 when there is none that the person of `request` may open."""
    visible = Client.objects.visible_to(request.user)
    return get_object_or_404(DevicePhoto.objects.select_related("device__client"), pk=pk, device__client__in=visible)
