"""Public pages on which clients open copies of their documents: a number, a code, the list."""

import math
from functools import wraps
from urllib.parse import urlencode

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from client_page.access import browser_secret, new_browser_secret, public_page, remember_browser
from client_page.pages import page_context
from clients.models import Status
from copies import codes
from copies.documents import list_documents, load_file
from copies.forms import CopyCodeForm, NumberForm, RequestForm
from copies.models import CopyCode
from documents.files import pdf_response
from foundation.storage import object_storage
from links.panel import browser_of
from managers import limits
from managers.client_ip import client_ip, ip_network
from support import log

WRONG_CODE = "Код не подошёл, или его время вышло. Проверьте цифры или получите новый код."
FILE_UNAVAILABLE = "Файл сейчас не открывается: на нашей стороне неполадка. Попробуйте через минуту."
NO_DOCUMENT = "Этого документа больше нет. Вот те, которые есть."


def copy_page(view):
    """Decorator: a public page, except in browsers in which a member of staff is signed in."""

    @public_page
    @wraps(view)
    def guarded(request, *args, **kwargs):
        if request.user.is_authenticated:
            return _render(request, "staff", status=403)
        return view(request, *args, **kwargs)

    return guarded


def opened_page(view):
    """Decorator of pages with the documents: the view is called as view(request, code, ...).

    Everybody but the browser in which the code was entered gets the first page, whether the code exists or not.
    """

    @copy_page
    @wraps(view)
    def guarded(request, pk, **kwargs):
        opened = CopyCode.objects.opened_in(browser_secret(request)).exclude(client__status=Status.ERASED)
        code = opened.select_related("client__user").filter(pk=pk).first()
        if code is None:
            return _start_page(request, RequestForm(), is_ended=True, status=404)
        return view(request, code, **kwargs)

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@copy_page
def start(request):
    """The number of a document. POST requests a code, whether there is such a document or not."""
    form = RequestForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        # With the cookie already, so that a double click comes from one browser.
        return remember_browser(_start_page(request, form), browser_secret(request) or new_browser_secret())
    if not form.is_valid():
        return _start_page(request, form, status=422)
    limits.consume_copy_request(ip_network(client_ip(request)))
    number, secret = form.cleaned_data["number"], browser_secret(request) or new_browser_secret()
    CopyCode.objects.request(number, form.chosen_channel, secret, browser_of(request))
    return remember_browser(redirect(f"{reverse('copies:code')}?{urlencode({'number': number})}"), secret)


@require_http_methods(["GET", "HEAD", "POST"])
@copy_page
def code(request):
    """The code. POST opens the documents in this browser."""
    form, secret = NumberForm(request.POST if request.method == "POST" else request.GET), browser_secret(request)
    requested = form.is_valid() and CopyCode.objects.last_request(form.cleaned_data["number"], secret)
    if not requested:
        return _opened_or_start(secret, form)
    if request.method != "POST":
        return _code_page(request, requested, CopyCodeForm())
    form = CopyCodeForm(request.POST)
    if not form.is_valid():
        return _code_page(request, requested, form, status=422)
    limits.consume_copy_code(ip_network(client_ip(request)))
    is_right = codes.enter_code(requested, form.cleaned_data["code"])
    if is_right or CopyCode.objects.opened_in(secret).filter(pk=requested.pk).exists():  # by the first of two clicks
        return redirect("copies:documents", requested.pk)
    form.add_error("code", WRONG_CODE)
    return _code_page(request, requested, form, status=422)


def _opened_or_start(secret: str, form: NumberForm) -> HttpResponse:
    """Redirect to the documents if they are open in this browser, or else to the first page."""
    opened = CopyCode.objects.opened_in(secret).filter(number=form.cleaned_data.get("number", "")).first()
    return redirect("copies:documents", opened.pk) if opened else redirect("copies:start")


@require_safe
@opened_page
def documents(request, code):
    return _documents_page(request, code)


@require_safe
@opened_page
def file(request, code, kind, document):
    """One document as PDF."""
    try:
        limits.DOCUMENTS.consume(str(code.pk))
        found = load_file(code.client, kind, document)
    except limits.TooManyTries as refused:
        return refused.apply_to(_documents_page(request, code, error=refused.message))
    except ObjectDoesNotExist:
        return _documents_page(request, code, error=NO_DOCUMENT, status=404)
    except (object_storage.StorageUnavailable, object_storage.ObjectNotFound):
        return _documents_page(request, code, error=FILE_UNAVAILABLE, status=503)
    with transaction.atomic():
        client = code.client.lock_for_any_manager()
        log.add_event(client, f"Клиент скачал копию: {found.title}", by=None, now=timezone.now())
    return pdf_response(found.content, f"{found.title}.pdf", as_attachment=True)


@require_POST
@opened_page
def closing(request, code):
    """«Закрыть документы», for example on somebody else's phone."""
    code.close()
    return redirect(f"{reverse('copies:start')}?closed=1")


def _start_page(request, form: RequestForm, *, is_ended: bool = False, status: int = 200) -> HttpResponse:
    context = {"form": form, "is_ended": is_ended, "is_closed": "closed" in request.GET}
    return _render(request, "start", context, status=status)


def _code_page(request, requested: CopyCode, form: CopyCodeForm, *, status: int = 200) -> HttpResponse:
    again = RequestForm(initial={"channel": requested.channel})
    wait = max(0, math.ceil((requested.next_at - timezone.now()).total_seconds()))
    context = {"requested": requested, "form": form, "again": again, "seconds_to_next_code": wait}
    context["codes_per_day"] = codes.MAX_CODES_PER_DAY
    return _render(request, "code", context, status=status)


def _documents_page(request, code: CopyCode, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {"code": code, "documents": list_documents(code.client), "error": error}
    return _render(request, "documents", context, status=status)


def _render(request, name: str, context: dict | None = None, *, status: int = 200) -> HttpResponse:
    return render(request, f"copies/{name}.html", page_context() | (context or {}), status=status)
