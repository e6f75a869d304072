"""JSON views for direct photo uploads."""

from functools import wraps

from django import forms
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.models import Client
from foundation.exceptions import Refusal
from foundation.storage import object_storage
from foundation.web.json_errors import json_error
from photos import images, uploads
from photos.destinations import destination_for
from photos.models import CONTENT_TYPES, Upload, UploadPurpose

GONE = "Клиент или фото больше недоступны. Обновите страницу."
NOT_ARRIVED = "Фото ещё не дошло до хранилища. Отправьте его ещё раз."
UNAVAILABLE = "Хранилище фото не отвечает. Попробуйте через минуту."


class UploadForm(forms.Form):
    """What the browser announces about a file before the upload."""

    purpose = forms.ChoiceField(choices=UploadPurpose)
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
            raise images.too_large_error()
        return size

    def clean(self):
        cleaned = super().clean()
        if (cleaned.get("purpose") == UploadPurpose.DEVICE) != bool(cleaned.get("device")):
            self.add_error("device", "Не сказано, чьё это фото. Обновите страницу.")
        return cleaned

    @property
    def error_response(self) -> JsonResponse:
        message = next(iter(self.errors.values()))[0]
        return json_error(message, 413 if self.has_error("size", "too_large") else 422)


def json_errors(view):
    """Decorator: answer 404 and storage outages as JSON instead of HTML pages."""

    @wraps(view)
    def wrapped(*args, **kwargs):
        try:
            return view(*args, **kwargs)
        except Http404:
            return json_error(GONE, 404)
        except object_storage.StorageUnavailable:
            return json_error(UNAVAILABLE, 503)

    return wrapped


@require_POST
@json_errors
def create(request, pk):
    """Start an upload. Return the URL and form fields for sending one photo."""
    client = get_client_for(request, pk)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return form.error_response
    data = form.cleaned_data
    if not onboarding.is_reachable(client, destination_for(data["purpose"]).step):
        return json_error("Сначала закончите предыдущий шаг.", 409)
    try:
        upload = uploads.start_upload(
            client, data["purpose"], device_id=data["device"], content_type=data["content_type"], size=data["size"],
            by=request.user,
        )  # fmt: skip
    except ObjectDoesNotExist as error:  # another client has that device
        raise Http404 from error
    except Refusal as refusal:
        return json_error(refusal.message, refusal.status)
    return JsonResponse(_upload_instructions(upload), status=201)


def _upload_instructions(upload: Upload) -> dict:
    presigned = object_storage.presign_upload(
        upload.key, content_type=upload.content_type, max_bytes=settings.PHOTO_MAX_BYTES
    )
    return {
        "id": upload.pk,
        "url": presigned.url,
        "fields": presigned.fields,
        "expires_in": object_storage.UPLOAD_SECONDS,
        "completion": reverse("upload_completion", args=[upload.pk]),
        "removal": reverse("upload_removal", args=[upload.pk]),
    }


@require_POST
@json_errors
def complete(request, pk):
    """Complete an upload after the file was sent. Idempotent."""
    upload = _get_upload_for(request, pk)
    try:
        uploads.complete_upload(upload, by=request.user)
    except Upload.DoesNotExist as error:  # discarded meanwhile
        raise Http404 from error
    except uploads.NotArrived:
        return json_error(NOT_ARRIVED, 409)
    if upload.refusal:
        return json_error(upload.refusal, 422)
    return JsonResponse({"id": upload.pk, "attached": bool(upload.attached_at)} | _photo_urls(upload))


def _get_upload_for(request, pk) -> Upload:
    """Return the current user's upload. Raises Http404 if there is none or they may not open its client any more."""
    visible = Client.objects.visible_to(request.user)
    own = Upload.objects.select_related("client")
    return get_object_or_404(own, pk=pk, manager=request.user, client__in=visible)


def _photo_urls(upload: Upload) -> dict:
    """Return the URLs of the accepted photo, its thumbnail and its removal; None if the photo was deleted."""
    if upload.attached_at:
        attached = destination_for(upload.purpose).attached_photo(upload)
        if attached is None:
            return {"photo": None, "thumbnail": None, "removal": None}
        namespace, pk = attached
        photo, removal = reverse(f"{namespace}:photo", args=[pk]), reverse(f"{namespace}:photo_removal", args=[pk])
    else:
        photo, removal = reverse("upload_photo", args=[upload.pk]), reverse("upload_removal", args=[upload.pk])
    return {"photo": photo, "thumbnail": f"{photo}?size=thumbnail", "removal": removal}


@require_POST
@json_errors
def discard(request, pk):
    """Discard an upload, unless its photo is attached."""
    _get_upload_for(request, pk).discard()
    return HttpResponse(status=204)


@require_safe
def photo(request, pk):
    """The accepted photo before it is attached, or its thumbnail with ?size=thumbnail."""
    upload = _get_upload_for(request, pk)
    if not upload.photo_key:
        raise Http404
    if kind := destination_for(upload.purpose).disclosure_kind:
        disclosure.record(upload.client, kind, request=request)
    thumbnail_key = request.GET.get("size") == "thumbnail" and upload.thumbnail_key
    return images.photo_redirect(thumbnail_key or upload.photo_key)
