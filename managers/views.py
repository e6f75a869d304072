"""Sign-in, sign-out and passwords."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.views.csrf import csrf_failure
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, reswap

from foundation.web.json_errors import SESSION_ENDED, json_error, wants_json
from managers import known_browsers, limits
from managers.client_ip import client_ip
from managers.forms import NewPasswordForm, PasswordChangeForm, PasswordResetForm, SignInForm
from managers.limits import TooManyTries
from managers.password_links import RESET, AnyPasswordLinkToken
from managers.password_mail import MailUnavailable, send_password_link
from managers.redirects import home_url, with_new_csrf_token
from managers.second_factor_views import continue_after_sign_in, render_rate_limited
from managers.sign_in import WrongPassword, check_current_password, sign_in_with_password

SIGNED_IN_AGAIN = "Вы вошли заново. Повторите ещё раз."

require_get_head_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def home(request):
    return redirect(home_url(request.user))


@login_not_required
@sensitive_post_parameters("password")
@require_get_head_or_post
def sign_in(request):
    if request.user.is_authenticated:
        if request.htmx and request.method == "POST":
            return continue_after_sign_in(request)
        return redirect("home")  # not `next`: the admin redirects users without access here, which would loop
    if request.method != "POST":
        return _sign_in_page(request, SignInForm())
    form = SignInForm(request.POST)
    if form.is_valid():
        try:
            manager = sign_in_with_password(
                request, email=form.cleaned_data["email"], password=form.cleaned_data["password"]
            )
            return known_browsers.remember_browser(request, continue_after_sign_in(request), manager)
        except WrongPassword as wrong:
            form.add_error(None, wrong.message)
        except TooManyTries as refused:
            return render_rate_limited(request, _sign_in_template(request), form, refused)
    return _sign_in_page(request, form, status=422)


def _sign_in_page(request, form, status=200):
    context = {"form": form, "expired": "expired" in request.GET}
    return render(request, _sign_in_template(request), context, status=status)


def _sign_in_template(request) -> str:
    """The page, or the dialog if its form was submitted."""
    return "managers/sign_in_dialog.html" if request.htmx and request.method == "POST" else "managers/sign_in.html"


def csrf_failed(request, reason=""):
    """Usually the user signed in again in another tab. Send the new token, so that typed text is not lost."""
    if request.htmx and request.user.is_authenticated:
        return with_new_csrf_token(request, reswap(HttpResponse(status=403), "none"))
    if wants_json(request):
        if not request.user.is_authenticated:
            return json_error(SESSION_ENDED, 401)
        return JsonResponse({"error": SIGNED_IN_AGAIN, "token": get_token(request)}, status=403)
    return csrf_failure(request, reason)


@login_not_required
@require_POST
def sign_out(request):
    logout(request)
    url = reverse(settings.LOGIN_URL)
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


@sensitive_post_parameters()
@require_get_head_or_post
def password(request):
    form = PasswordChangeForm(request.user, request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        try:
            check_current_password(request, form.cleaned_data["old_password"])
        except WrongPassword:
            form.add_error("old_password", "Пароль неверный.")
        except TooManyTries as refused:
            return render_rate_limited(request, "managers/password.html", form, refused)
        else:
            update_session_auth_hash(request, form.save())
            messages.success(request, "Пароль изменён. На других устройствах нужно войти заново.")
            return redirect("managers:password")
    return render(request, "managers/password.html", {"form": form}, status=status)


@login_not_required
@require_get_head_or_post
def password_reset(request):
    form = PasswordResetForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        email = form.cleaned_data["email"]
        try:
            limits.start_attempt(limits.PASSWORD_RESET, login=email, ip=client_ip(request))
            send_password_link(email)
            return redirect("managers:password_reset_sent")
        except TooManyTries as refused:
            return render_rate_limited(request, "managers/password_reset.html", form, refused)
        except MailUnavailable:
            form.add_error(None, "Почта сейчас не отправляется. Попробуйте через несколько минут.")
            status = 503
    return render(request, "managers/password_reset.html", {"form": form}, status=status)


@login_not_required
@require_safe
def password_reset_sent(request):
    minutes = RESET.lifetime // timedelta(minutes=1)
    return render(request, "managers/password_reset_sent.html", {"minutes": minutes})


class _NewPasswordView(PasswordResetConfirmView):
    """The page of the e-mailed link. Django moves the token from the URL to the session before it shows the form."""

    form_class = NewPasswordForm
    token_generator = AnyPasswordLinkToken()
    template_name = "managers/new_password.html"
    success_url = reverse_lazy("managers:password_done")

    def render_to_response(self, context, **kwargs):
        # 410: the link is used, expired or invalid.
        return super().render_to_response(context, **{"status": 200 if self.validlink else 410} | kwargs)

    def form_invalid(self, form):
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def form_valid(self, form):
        # Whoever can read the account's mail is its owner, so earlier guesses no longer matter.
        limits.reset_failures(limits.SIGN_IN, login=self.user.email)
        limits.reset_failures(limits.SECOND_FACTOR, login=self.user.email)
        return super().form_valid(form)


new_password = require_get_head_or_post(_NewPasswordView.as_view())


@login_not_required
@require_safe
def password_done(request):
    return render(request, "managers/password_done.html")
