"""Rendering of the client's pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from contracts.snapshot import CompanyPart
from links.copies import copy_url


def render_page(request: HttpRequest, name: str, context: dict | None = None, *, status: int = 200) -> HttpResponse:
    """Render templates/client_page/`name`.html, which shows the company and how to reach it."""
    return render(request, f"client_page/{name}.html", page_context() | (context or {}), status=status)


def page_context() -> dict:
    """Return what templates/client_page/base.html shows on every public page."""
    return {"company": CompanyPart.from_settings(), "copy_url": copy_url()}


def ended_page(request: HttpRequest) -> HttpResponse:
    """The same page for unknown, expired and replaced links, and for other browsers."""
    return render_page(request, "ended", status=404)
