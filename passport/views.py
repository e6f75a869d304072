"""Step 2: the passport and its photo."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agreements.models import AgreementKind, AgreementMissing
from agreements.views import agreement_page
from clients import disclosure, onboarding
from clients.access import get_client_for
from clients.disclosure import DisclosureKind
from foundation.storage import object_storage
from passport import saving
from passport.forms import PASSPORT_TAKEN, PassportForm
from passport.models import Passport, PassportTaken
from photos.images import photo_redirect

PHOTO_NOT_SAVED = (
    "Данные паспорта сохранены, а фото — нет: хранилище не отвечает. Нажмите «Далее» ещё раз или добавьте фото позже."
)


@require_http_methods(["GET", "POST"])
@onboarding.step_view(onboarding.PASSPORT)
def passport(request, client):
    """Step 2. POST saves the passport and its photo."""
    if not client.agreements.is_given(AgreementKind.PERSONAL_DATA):
        return _consent_page(request, client)
    passport = Passport.for_client(client)
    if request.method == "GET":
        return _page(request, PassportForm(instance=passport))
    form = PassportForm(request.POST, request.FILES, instance=passport)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        _save(form, passport, by=request.user)
    except AgreementMissing:  # withdrawn while this page was open
        return _consent_page(request, client)
    except PassportTaken:
        form.add_error("digits", PASSPORT_TAKEN)
        return _page(request, form, status=422)
    except object_storage.StorageUnavailable:
        form.add_error("photo", PHOTO_NOT_SAVED)
        return _page(request, form, status=503)
    return redirect(onboarding.PASSPORT.next.url(client))


def _consent_page(request, client):
    if request.method == "GET":
        return agreement_page(request, client, AgreementKind.PERSONAL_DATA)
    error = AgreementMissing(AgreementKind.PERSONAL_DATA).message
    return agreement_page(request, client, AgreementKind.PERSONAL_DATA, error=error, status=409)


def _save(form: PassportForm, passport: Passport, *, by) -> None:
    # Save the text first, so that it stays if storing the photo fails.
    if form.changed_labels or not passport.is_saved:
        saving.save_passport(passport, form.cleaned_data["digits"], by=by, changed=form.changed_labels)
    if form.cleaned_data["uploads"]:
        saving.attach_uploads(passport, form.cleaned_data["uploads"], by=by)
    if form.cleaned_data["photo"]:
        saving.replace_photo(passport, form.cleaned_data["photo"].picture, by=by)


def _page(request, form: PassportForm, *, status: int = 200):
    context = {"form": form, "client": form.client, "passport": form.instance}
    return render(request, "passport/passport.html", context, status=status)


@require_http_methods(["GET", "POST"])
def number(request, pk):
    """The masked number. POST shows it and records the disclosure."""
    passport = Passport.for_client(get_client_for(request, pk))
    if not passport.is_saved:
        raise Http404("Паспорта нет.")
    context = {"client": passport.client, "passport": passport}
    if request.method == "POST" and passport.is_readable:
        disclosure.record(passport.client, DisclosureKind.PASSPORT_NUMBER, request=request)
        context["shown"] = passport.digits
    part = "#number" if request.htmx.target == "passport-number" else ""
    return render(request, f"passport/number.html{part}", context)


@require_safe
def photo(request, pk):
    """The photo. Each opening records a disclosure."""
    passport = Passport.for_client(get_client_for(request, pk))
    if not passport.photo:
        raise Http404("Фото нет.")
    disclosure.record(passport.client, DisclosureKind.PASSPORT_PHOTO, request=request)
    return photo_redirect(passport.photo)


@require_POST
def photo_removal(request, pk):
    """Delete the photo. HTMX gets only the empty tile, so that typed values around it are not lost."""
    passport = Passport.for_client(get_client_for(request, pk))
    if passport.is_saved:
        saving.delete_photo(passport, by=request.user)
    if request.htmx.target == "passport-photo":
        context = {"form": PassportForm(instance=passport), "client": passport.client, "passport": passport}
        return render(request, "passport/passport.html#photo", context)
    messages.success(request, "Фото паспорта удалено.")
    return redirect("passport:passport", pk)
