"""Step 3: devices, their photos, the tariff and the surcharge."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from django_htmx.http import reswap, retarget

from clients import onboarding
from clients.models import Client, TransitionRefused
from devices import app_copies, mirror, photo_urls
from devices.access import get_device_for, get_photo_for
from devices.forms import DeviceForm, PhotosForm, TariffForm
from devices.models import Device, DevicePhoto, TooManyPhotos
from devices.saving import delete_device, delete_photo, save_device
from devices.surcharge import NoDevices, Surcharge, choose_tariff, fix_surcharge
from foundation.storage import object_storage
from foundation.web.security_headers import allow_cross_origin
from photos.images import photo_redirect

DIALOG = "device-dialog"
NOT_SAVED = "Хранилище фото не отвечает, поэтому ничего не сохранено. Попробуйте через минуту или сохраните без фото."
PHOTOS_NOT_SAVED = "Хранилище фото не отвечает, фото не сохранены. Попробуйте через минуту."
NO_DEVICES = "Добавьте хотя бы одно устройство: без них договор не составить."
IN_USE = (
    "На это устройство есть заявка в приложении «Привет Супер», поэтому удалить его нельзя. "
    "Ничего не удалено: устройство и фото на месте."
)
DEVICE_DELETED = "Это устройство уже удалено."
# Shorter than the lifetime of the URL that it redirects to.
PHOTO_CACHE_CONTROL = "private, max-age=60"


@require_GET
@onboarding.step_view(onboarding.DEVICES)
def devices(request, client):
    response = _devices_page(request, client)
    if request.htmx.target == DIALOG:  # the dialog's form was saved and redirected here
        return reswap(retarget(response, "#main"), "innerHTML show:none")
    return response


def _devices_page(request, client: Client, *, form: TariffForm | None = None, status: int = 200, **errors):
    """Render step 3. `errors`: `error`, or `photos_error` with the device id as `failed`."""
    form = form or TariffForm(client=client)
    devices = list(client.devices.select_related("type").prefetch_related("photos"))
    context = {
        "client": client,
        "devices": devices,
        "form": form,
        "surcharge": form.selected and Surcharge.compute(devices, form.selected),
    } | errors
    part = "#surcharge" if request.htmx.target == "surcharge" else ""
    return render(request, f"devices/devices.html{part}", context, status=status)


@require_http_methods(["GET", "POST"])
@onboarding.step_view(onboarding.DEVICES)
def add(request, client):
    device = Device(client=client)
    if request.method == "GET":
        return _device_page(request, DeviceForm(instance=device))
    return _save(request, DeviceForm(request.POST, request.FILES, instance=device))


@require_http_methods(["GET", "POST"])
def device(request, pk):
    device = get_device_for(request, pk)
    if request.method == "GET":
        return _device_page(request, DeviceForm(instance=device))
    return _save(request, DeviceForm(request.POST, request.FILES, instance=device))


def _save(request, form: DeviceForm):
    """Save the device and redirect to the list, or show the form with errors."""
    if not form.is_valid():
        return _device_page(request, form, status=422)
    try:
        photos, uploads = form.cleaned_data["photos"], form.cleaned_data["uploads"]
        save_device(form.instance, photos, by=request.user, changed=form.changed_labels, uploads=uploads)
    except TooManyPhotos:
        form.add_error("photos", TooManyPhotos.message)
        return _device_page(request, form, status=422)
    except Device.DoesNotExist:
        return _device_page(request, form, error=DEVICE_DELETED, status=409)
    except object_storage.StorageUnavailable:
        return _device_page(request, form, error=NOT_SAVED, status=503)
    return redirect("devices:devices", form.instance.client_id)


def _device_page(request, form: DeviceForm, *, error: str = "", status: int = 200):
    device = form.instance
    context = {
        "form": form,
        "device": device,
        "client": device.client,
        "photos": device.photos.all() if device.is_saved else [],
        "error": error,
    }
    return render(request, f"devices/device.html{_dialog_part(request)}", context, status=status)


def _dialog_part(request) -> str:
    return "#form" if request.htmx.target == DIALOG else ""


@require_http_methods(["GET", "POST"])
def removal(request, pk):
    """GET asks for confirmation, POST deletes the device with its photos."""
    device = get_device_for(request, pk)
    context = {"device": device, "client": device.client}
    template = f"devices/removal.html{_dialog_part(request)}"
    if request.method == "GET":
        return render(request, template, context)
    try:
        delete_device(device, by=request.user)
    except mirror.DeviceInUse:
        return render(request, template, context | {"error": IN_USE}, status=409)
    return redirect("devices:devices", device.client_id)


@require_POST
def photos(request, pk):
    """Add photos to a device from the list."""
    device = get_device_for(request, pk)
    form = PhotosForm(request.POST, request.FILES, device=device)
    if not form.is_valid():
        return _photo_error_page(request, device, " ".join(form.errors["photos"]), status=422)
    try:
        photos, uploads = form.cleaned_data["photos"], form.cleaned_data["uploads"]
        save_device(device, photos, by=request.user, uploads=uploads)
    except TooManyPhotos:
        return _photo_error_page(request, device, TooManyPhotos.message, status=422)
    except Device.DoesNotExist:
        return _photo_error_page(request, device, DEVICE_DELETED, status=409)
    except object_storage.StorageUnavailable:
        return _photo_error_page(request, device, PHOTOS_NOT_SAVED, status=503)
    return redirect("devices:devices", device.client_id)


def _photo_error_page(request, device: Device, message: str, *, status: int):
    onboarding.set_steps(request, device.client, onboarding.DEVICES)
    errors = {"failed": device.pk, "photos_error": message} if status != 409 else {"error": message}
    return _devices_page(request, device.client, status=status, **errors)


@require_safe
def photo(request, pk):
    """The photo, or its thumbnail with ?size=thumbnail."""
    photo = get_photo_for(request, pk)
    key = photo.thumbnail_key if request.GET.get("size") == "thumbnail" else photo.key
    return photo_redirect(key, cache=PHOTO_CACHE_CONTROL)


@require_POST
def photo_removal(request, pk):
    """Delete a photo. HTMX removes only its tile, so that typed values around it are not lost."""
    photo = get_photo_for(request, pk)
    delete_photo(photo, by=request.user)
    if request.htmx.target:
        return HttpResponse()
    messages.success(request, "Фото удалено.")
    return redirect("devices:device", photo.device_id)


@login_not_required
@require_safe
@allow_cross_origin
def public_photo(request, token):
    """The photo for the client's app. The signed token in the URL is the permission."""
    photo_id = photo_urls.photo_id_from_token(token)
    if photo_id is None:
        raise Http404("Фото не найдено.")
    photo = get_object_or_404(DevicePhoto, pk=photo_id)
    return photo_redirect(app_copies.shown_key(photo), cache=PHOTO_CACHE_CONTROL)


@require_POST
@onboarding.step_view(onboarding.DEVICES)
def tariff(request, client):
    """Choose a tariff. HTMX gets the surcharge fragment."""
    form = TariffForm(request.POST, client=client)
    if not form.is_valid():
        return _devices_page(request, client, form=form, status=422)
    choose_tariff(client, form.cleaned_data["tariff"], by=request.user)
    if request.htmx.target == "surcharge":
        return _devices_page(request, client, form=form)
    return redirect("devices:devices", client.pk)


@require_POST
@onboarding.step_view(onboarding.DEVICES)
def surcharge(request, client):
    """«Далее»: fix the surcharge and redirect to the contract."""
    form = TariffForm(request.POST, client=client)
    if not form.is_valid():
        return _devices_page(request, client, form=form, status=422)
    try:
        fix_surcharge(client, form.cleaned_data["tariff"], by=request.user)
    except NoDevices:
        return _devices_page(request, client, form=form, error=NO_DEVICES, status=409)
    except TransitionRefused as refused:
        error = f"Сейчас клиент в статусе «{refused.client.get_status_display()}». Начните с первого шага."
        return _devices_page(request, refused.client, form=form, error=error, status=409)
    return redirect(onboarding.next_url(Client.objects.get(pk=client.pk)))
