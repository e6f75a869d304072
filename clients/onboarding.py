"""The client's way as an ordered list of steps. Which are done is computed from the client's rows on every request."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import takewhile

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from clients.access import get_client_for
from clients.models import SIGNED, Client, Status


@dataclass(frozen=True)
class Step:
    number: int
    slug: str
    title: str
    url_name: str
    is_done: Callable[[Client], bool]

    def url(self, client: Client) -> str:
        return reverse(self.url_name, args=[client.pk])

    @property
    def heading(self) -> str:
        return f"Шаг {self.number} — {self.title}"


def _has_contact(client: Client) -> bool:
    """Taken up, and what the app has let in since is fit for a contract. Signed ones stay what they are."""
    return client.is_claimed and (client.status in SIGNED or not (client.account and client.account.unprintable_error))


def _has_passport(client: Client) -> bool:
    """With the consent that it needs. Who has signed is asked for either with the next contract: they may have signed
    before there were consents, and a passport goes when its time is over, while the contract stays.
    """
    if client.status in SIGNED:
        return True
    return getattr(client, "passport", None) is not None and client.agreements.has("personal_data")


def _has_fixed_surcharge(client: Client) -> bool:
    return (
        client.status not in (Status.NEW, Status.IN_VERIFICATION)
        and getattr(client, "tariff_choice", None) is not None
        and client.devices.exists()
    )


STEPS = (
    Step(1, "contact", "Данные", "clients:contact", _has_contact),
    Step(2, "passport", "Паспорт", "passport:passport", _has_passport),
    Step(3, "devices", "Устройства", "devices:devices", _has_fixed_surcharge),
    Step(4, "contract", "Договор", "contracts:contract", lambda client: client.status in SIGNED),
)


@dataclass(frozen=True)
class Progress:
    """One step as the progress line shows it; a step that can't be entered yet has no address."""

    step: Step
    is_done: bool
    is_current: bool
    url: str | None


def progress(client: Client, slug: str | None) -> list[Progress]:
    """The steps with their state; `slug` names the page that is shown, None for one that is not a step."""
    done = list(takewhile(lambda step: step.is_done(client), STEPS))
    reachable = STEPS[: len(done) + 1]
    return [
        Progress(step, step in done, step.slug == slug, step.url(client) if step in reachable else None)
        for step in STEPS
    ]


def next_url(client: Client, steps: list[Progress] | None = None) -> str:
    """Where work on the client goes on: the first open step, or the page of a finished client."""
    for state in steps or progress(client, None):
        if not state.is_done:
            return state.url
    return reverse("contracts:done", args=[client.pk])


def lead_to(request, url: str) -> HttpResponse:
    """To another page. A block of a page has no room for one: the browser opens it."""
    is_block = request.htmx and request.htmx.target not in (None, "main")
    return HttpResponseClientRedirect(url) if is_block else redirect(url)


def step(slug: str):
    """A view of one step: loads the client through the access check, and sends to an earlier step that is open.

    The view is called as view(request, client, …) and finds the progress line in `request.steps`.
    """

    def decorate(view):
        @wraps(view)
        def guarded(request, pk, *args, **kwargs):
            client = get_client_for(request, pk)
            request.steps = progress(client, slug)
            if all(state.url is None for state in request.steps if state.step.slug == slug):
                messages.info(request, "Сначала закончите этот шаг.")
                return lead_to(request, next_url(client))
            return view(request, client, *args, **kwargs)

        return guarded

    return decorate
