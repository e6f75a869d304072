"""The steps of the wizard, in order. Whether a step is done is computed from the client's rows on every request.

To add a step, add it to STEPS and write its app: the app takes the URL, the number and the heading from here.
"""

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
    """A page of the wizard. Its number is its position in STEPS.

    `slug` is the last part of the page's URL and the name of the URL in the namespace `namespace`.
    """

    slug: str
    title: str
    namespace: str
    is_done: Callable[[Client], bool]

    @property
    def number(self) -> int:
        return STEPS.index(self) + 1

    @property
    def heading(self) -> str:
        return f"Шаг {self.number} — {self.title}"

    @property
    def route(self) -> str:
        """Route of the page for `django.urls.path`. Routes of other URLs of the step start with it."""
        return f"clients/<uuid:pk>/{self.slug}/"

    @property
    def url_name(self) -> str:
        return f"{self.namespace}:{self.slug}"

    @property
    def previous(self) -> "Step | None":
        return STEPS[self.number - 2] if self.number > 1 else None

    @property
    def next(self) -> "Step | None":
        return STEPS[self.number] if self.number < len(STEPS) else None

    def url(self, client: Client) -> str:
        return reverse(self.url_name, args=[client.pk])


def _contact_is_done(client: Client) -> bool:
    """Whether the client is claimed and a contract can show the contact data, which the app may have changed.

    A signed contract stays valid in any case.
    """
    return client.is_claimed and (client.status in SIGNED or not (client.account and client.account.unprintable_error))


def _passport_is_done(client: Client) -> bool:
    """Whether the client has a passport and has consented to its processing.

    Clients who have signed need neither until their next contract: some signed before consents were recorded, and the
    retention period of a passport is shorter than that of a contract.
    """
    if client.status in SIGNED:
        return True
    return getattr(client, "passport", None) is not None and client.agreements.is_given("personal_data")


def _devices_are_done(client: Client) -> bool:
    """Whether there are devices and the surcharge is fixed."""
    return (
        client.status not in (Status.NEW, Status.IN_VERIFICATION)
        and getattr(client, "tariff_choice", None) is not None
        and client.devices.exists()
    )


def _contract_is_done(client: Client) -> bool:
    return client.status in SIGNED


CONTACT = Step("contact", "Данные", "clients", _contact_is_done)
PASSPORT = Step("passport", "Паспорт", "passport", _passport_is_done)
DEVICES = Step("devices", "Устройства", "devices", _devices_are_done)
CONTRACT = Step("contract", "Договор", "contracts", _contract_is_done)

STEPS = (CONTACT, PASSPORT, DEVICES, CONTRACT)


@dataclass(frozen=True)
class StepState:
    """A step in the progress line of one client. `url` is None while an earlier step is not done."""

    step: Step
    is_done: bool
    is_current: bool
    url: str | None


def step_states(client: Client, current: Step | None) -> list[StepState]:
    """Return the state of every step; `current` is the step of the page, None for a page that is not a step."""
    done = list(takewhile(lambda step: step.is_done(client), STEPS))
    reachable = STEPS[: len(done) + 1]
    return [
        StepState(step, step in done, step is current, step.url(client) if step in reachable else None)
        for step in STEPS
    ]


def set_steps(request, client: Client, current: Step | None) -> None:
    """Set what templates read: `request.step`, the step of the page, and `request.steps`, the states of all steps."""
    request.step, request.steps = current, step_states(client, current)


def is_reachable(client: Client, step: Step) -> bool:
    """Whether all earlier steps are done."""
    return all(earlier.is_done(client) for earlier in STEPS[: step.number - 1])


def next_url(client: Client, states: list[StepState] | None = None) -> str:
    """Return the URL of the first step that is not done, or of the page after the signature."""
    for state in states or step_states(client, None):
        if not state.is_done:
            return state.url
    return reverse("contracts:done", args=[client.pk])


def redirect_to(request, url: str) -> HttpResponse:
    """Redirect to another page, in the whole window if HTMX requested a fragment."""
    wants_fragment = request.htmx and request.htmx.target not in (None, "main")
    return HttpResponseClientRedirect(url) if wants_fragment else redirect(url)


def step_view(step: Step):
    """Decorate a view of `step`: load the client with the access check, redirect if an earlier step is not done.

    The view is called as view(request, client, …). Its templates read `request.step` and `request.steps`.
    """

    def decorate(view):
        @wraps(view)
        def guarded(request, pk, *args, **kwargs):
            client = get_client_for(request, pk)
            set_steps(request, client, step)
            if request.steps[step.number - 1].url is None:
                messages.info(request, "Сначала закончите этот шаг.")
                return redirect_to(request, next_url(client))
            return view(request, client, *args, **kwargs)

        return guarded

    return decorate
