"""Photos straight from the browser into the storage: an address to send one to, and what becomes of it. All JSON."""

from functools import wraps

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from agreements.models import AgreementMissing
from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.disclosure import Shown
from clients.models import Client
from devices.forms import TOO_MANY_PHOTOS
from devices.models import Device, DevicePhoto, TooManyPhotos
from foundation.storage import object_storage
from foundation.web.json_errors import problem
from photos import images, uploads
from photos.models import CONTENT_TYPES, Purpose, Upload

GONE = "Клиент или фото больше недоступны. Обновите страницу."
NOT_ARRIVED = "Фото ещё не дошло до хранилища. Отправьте его ещё раз."
UNAVAILABLE = "Хранилище фото не отвечает. Попробуйте через минуту."
STEPS = {Purpose.PASSPORT: "passport", Purpose.DEVICE: "devices"}


class UploadForm(forms.Form):
    """What the browser says of a file before it sends it."""

    purpose = forms.ChoiceField(choices=Purpose)
    device = forms.UUIDField(required=False)
    content_type = forms.CharField(max_length=100)
    size = forms.IntegerField(min_value=0)

    def clean_content_type(self) -> str:
        if self.cleaned_data["content_type"] not in CONTENT_TYPES:
            raise forms.ValidationError(images.NOT_A_PHOTO)
        return self.cleaned_data["content_type"]

    def clean_size(self) -> int:
        size = self.cleaned_data["size"]
        if not size:
            raise forms.ValidationError(images.EMPTY)
        if size > settings.PHOTO_MAX_BYTES:
            raise images.too_large()
        return size

    def clean(self):
        cleaned = super().clean()
        if (cleaned.get("purpose") == Purpose.DEVICE) != bool(cleaned.get("device")):
            self.add_error("device", "Не сказано, чьё это фото. Обновите страницу.")
        return cleaned

    @property
    def problem(self) -> JsonResponse:
        words = next(iter(self.errors.values()))[0]
        return problem(words, 413 if self.has_error("size", "too_large") else 422)


def _in_words(view):
    """What pages say with a page of their own, this view says in JSON."""

    @wraps(view)
    def guarded(*args, **kwargs):
        try:
            return view(*args, **kwargs)
        except Http404:
            return problem(GONE, 404)
        except object_storage.StorageUnavailable:
            return problem(UNAVAILABLE, 503)

    return guarded


@require_POST
@_in_words
def create(request, pk):
    """Hand out an address to which the browser may send one photo."""
    client = get_client_for(request, pk)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return form.problem
    said = form.cleaned_data
    if not _is_open(client, STEPS[said["purpose"]]):
        return problem("Сначала закончите предыдущий шаг.", 409)
    try:
        upload = uploads.hand_out(
            client, said["purpose"], device_id=said["device"], content_type=said["content_type"], size=said["size"],
            by=request.user,
        )  # fmt: skip
    except Device.DoesNotExist as error:
        raise Http404 from error
    except AgreementMissing as missing:
        return problem(missing.message, 409)
    except TooManyPhotos:
        return problem(TOO_MANY_PHOTOS, 422)
    return JsonResponse(_address(upload), status=201)


def _is_open(client: Client, slug: str) -> bool:
    return any(state.url for state in onboarding.progress(client, slug) if state.step.slug == slug)


def _address(upload: Upload) -> dict:
    address = object_storage.upload_address(upload.key, content_type=upload.content_type, most=settings.PHOTO_MAX_BYTES)
    return {
        "id": upload.pk,
        "url": address.url,
        "fields": address.fields,
        "expires_in": object_storage.UPLOAD_SECONDS,
        "completion": reverse("upload_completion", args=[upload.pk]),
        "removal": reverse("upload_removal", args=[upload.pk]),
    }


@require_POST
@_in_words
def complete(request, pk):
    """What was sent has arrived: make a photo of it, once."""
    upload = _get_upload_for(request, pk)
    try:
        uploads.complete(upload, by=request.user)
    except Upload.DoesNotExist as error:  # taken back meanwhile
        raise Http404 from error
    except uploads.NotArrived:
        return problem(NOT_ARRIVED, 409)
    if upload.refusal:
        return problem(upload.refusal, 422)
    return JsonResponse({"id": upload.pk, "attached": bool(upload.attached_at)} | _addresses(upload))


def _get_upload_for(request, pk) -> Upload:
    """The upload that was handed to the person of `request`, if they may still open its client; else Http404."""
    visible = Client.objects.visible_to(request.user)
    uploads = Upload.objects.select_related("client")
    return get_object_or_404(uploads, pk=pk, manager=request.user, client__in=visible)


def _addresses(upload: Upload) -> dict:
    """Where the accepted photo is shown, whole and small, and where it is taken away; null once it is gone."""
    if not upload.attached_at:
        place, pk = "upload_", upload.pk
    elif upload.purpose == Purpose.PASSPORT:
        place, pk = "passport:", upload.client_id
    elif kept := DevicePhoto.objects.filter(key=upload.photo_key).first():
        place, pk = "devices:", kept.pk
    else:
        return {"photo": None, "thumbnail": None, "removal": None}
    photo = reverse(f"{place}photo", args=[pk])
    return {
        "photo": photo,
        "thumbnail": f"{photo}?size=thumbnail",
        "removal": reverse(f"{place}removal" if place == "upload_" else f"{place}photo_removal", args=[pk]),
    }


@require_POST
@_in_words
def discard(request, pk):
    """Forget an upload that is on its way, or whose photo is not attached."""
    _get_upload_for(request, pk).discard()
    return HttpResponse(status=204)


@require_safe
def photo(request, pk):
    """The photo that was made of an upload and is not attached yet; with ?size=thumbnail its thumbnail."""
    upload = _get_upload_for(request, pk)
    if not upload.photo_key:
        raise Http404
    if upload.purpose == Purpose.PASSPORT:
        disclosure.record(upload.client, Shown.PASSPORT_PHOTO, request=request)
    small = request.GET.get("size") == "thumbnail" and upload.thumbnail_key
    return images.photo_redirect(small or upload.photo_key)
