"""Verify and set up the second factor, and replace the backup codes."""

from base64 import b32encode
from collections.abc import Callable
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from foundation.web.qr_codes import qr_svg
from managers import second_factor as factor
from managers.forms import AnyCodeForm, CodeForm
from managers.limits import TooManyTries
from managers.models import Authenticator
from managers.notices import send_notice
from managers.redirects import next_url, with_new_csrf_token
from managers.second_factor import AlreadySetUp, WrongCode

require_get_head_or_post = require_http_methods(["GET", "HEAD", "POST"])


def before_second_factor(view: Callable) -> Callable:
    """Decorator: the view is open to users who have not passed the second factor yet."""
    view.before_second_factor = True
    return view


def continue_after_sign_in(request):
    """Redirect to the requested page. For the dialog, keep the page and send it the new CSRF token."""
    if not request.htmx:
        return redirect(next_url(request))
    if not factor.is_verified(request):
        return render(request, "managers/second_factor_dialog.html", {"form": AnyCodeForm()})
    return with_new_csrf_token(request, HttpResponse(status=204))


def render_rate_limited(request, template: str, form, refused: TooManyTries, **context):
    form.add_error(None, refused.message)
    return refused.apply_to(render(request, template, {"form": form} | context))


@before_second_factor
@sensitive_post_parameters("code")
@require_get_head_or_post
def second_factor(request):
    if factor.is_verified(request):
        return continue_after_sign_in(request)
    if not request.user.authenticator_id and not request.htmx:
        return redirect(_with_next(request, "managers:authenticator"))
    form = AnyCodeForm(request.POST if request.method == "POST" else None)
    template = "managers/second_factor_dialog.html" if request.htmx else "managers/second_factor.html"
    if form.is_valid():
        try:
            factor.verify(request, form.cleaned_data["code"])
            return continue_after_sign_in(request)
        except WrongCode as wrong:
            form.add_error("code", wrong.message)
        except TooManyTries as refused:
            return render_rate_limited(request, template, form, refused)
    return render(request, template, {"form": form}, status=422 if form.is_bound else 200)


@before_second_factor
@sensitive_post_parameters("code")
@require_get_head_or_post
def authenticator(request):
    if request.user.authenticator_id:
        return redirect(_with_next(request, "managers:second_factor"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            codes = factor.set_up_authenticator(request, form.cleaned_data["code"])
            send_notice(request.user, "second_factor_set_up_mail")
            return _show_new_backup_codes(request, codes)
        except AlreadySetUp:
            return redirect(_with_next(request, "managers:second_factor"))
        except WrongCode as wrong:
            form.add_error("code", wrong.message)
        except TooManyTries as refused:
            return render_rate_limited(request, "managers/authenticator.html", form, refused, **_setup_context(request))
    context = {"form": form} | _setup_context(request)
    return render(request, "managers/authenticator.html", context, status=422 if form.is_bound else 200)


@sensitive_post_parameters("code")
@require_get_head_or_post
def backup_codes(request):
    form = CodeForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "left": factor.unused_backup_code_count(request.user)}
    if form.is_valid():
        try:
            return _show_new_backup_codes(request, factor.replace_backup_codes(request, form.cleaned_data["code"]))
        except WrongCode as wrong:
            form.add_error("code", wrong.message)
        except TooManyTries as refused:
            return render_rate_limited(request, "managers/backup_codes.html", form, refused, left=context["left"])
    return render(request, "managers/backup_codes.html", context, status=422 if form.is_bound else 200)


def _show_new_backup_codes(request, codes: list[str]):
    # Rendered without a redirect, because the codes would have to be stored until then.
    halves = [f"{code[:5]} {code[5:]}" for code in codes]
    return render(request, "managers/new_backup_codes.html", {"codes": halves, "next_url": next_url(request)})


def _setup_context(request) -> dict:
    """The new authenticator's key as QR code, as link for the same phone, and as text in groups of four."""
    app: Authenticator = factor.pending_authenticator(request)
    key = b32encode(app.bin_key).decode()
    return {
        "key": " ".join(key[start : start + 4] for start in range(0, len(key), 4)),
        "link": app.config_url,
        "picture": qr_svg(app.config_url),
    }


def _with_next(request, name: str) -> str:
    next_page = request.GET.get("next")
    return reverse(name) + (f"?{urlencode({'next': next_page})}" if next_page else "")
