"""Views: the list of clients, its search, and the redirect to a client's current step."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from clients import inbox, onboarding, tabs
from clients.access import field_managers_only, get_client_for
from clients.models import Tab
from clients.search import MAX_LENGTH
from managers import limits

# The tab that «К списку» opens. A cookie, because storing it in the session would write to the database on each change.
TAB_COOKIE = "tab"
SEARCH_SESSION_KEY = "client_search"
# Fragments by the id of the HTMX target. All other requests get the page.
FRAGMENTS = {
    "beside": "beside",
    "beside-results": "results",
    "beside-more": "cards",
    "list-results": "results",
    "list-more": "cards",
}


@require_GET
def client_list(request):
    """Show one page of a tab: the cards after the cursor `after`, or the first `shown` cards."""
    if not request.user.is_field_manager:
        return redirect("support:tickets")
    cookie = settings.COOKIE_PREFIX + TAB_COOKIE
    tab = _tab(request.GET.get("tab") or request.COOKIES.get(cookie))
    shown = request.GET.get("shown", "")[:4]
    response = _list_response(request, tab, request.GET.get("after", ""), int(shown) if shown.isdecimal() else 0)
    if request.COOKIES.get(cookie) != tab:
        response.set_cookie(cookie, tab, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE)
    return response


@require_POST
@field_managers_only
def search(request):
    """Save the search text in the session: a URL must not contain personal data."""
    text = "" if "clear" in request.POST else request.POST.get("text", "").strip()
    request.session[SEARCH_SESSION_KEY] = text[:MAX_LENGTH]
    tab = _tab(request.POST.get("tab"))
    if FRAGMENTS.get(request.htmx.target) == "results":
        return _list_response(request, tab)
    return redirect(f"{reverse('clients:list')}?tab={tab}")


def _tab(value: str | None) -> Tab:
    return Tab(value) if value in Tab.values else Tab.NEW


def _list_response(request, tab: Tab, after: str = "", shown_count: int = 0) -> HttpResponse:
    manager, text = request.user, request.session.get(SEARCH_SESSION_KEY, "")
    fragment = FRAGMENTS.get(request.htmx.target)
    with_tabs = fragment in (None, "beside")
    page, refused = tabs.Page([], ""), None
    if not after:
        inbox.drain_for_page()
    try:
        if text:
            limits.SEARCHES.consume(manager)
        page = tabs.page(tab, manager, text, after, shown_count, counted=with_tabs)
        tabs.add_payment_claims(page.cards)
    except limits.TooManyTries as too_many:
        if fragment == "cards":  # the middleware shows the notice above the existing cards
            raise
        refused = too_many
    context = {
        "tab": tab,
        "text": text,
        "page": page,
        "after": after,
        "place": "beside" if fragment and request.htmx.target.startswith("beside") else "list",
        "counts": (page.counts or tabs.counts(manager)) if with_tabs else [],
        "refused": refused,
    }
    response = render(request, "clients/list.html" + (f"#{fragment}" if fragment else ""), context)
    return refused.apply_to(response) if refused else response


@require_GET
def client(request, pk):
    """Redirect to the client's first open step, or to the page after the signature."""
    return redirect(onboarding.next_url(get_client_for(request, pk)))
