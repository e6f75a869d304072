"""Answers to modules of the page, which ask for JSON."""

from django.http import HttpRequest, JsonResponse

SESSION_ENDED = "Сеанс закончился. Войдите ещё раз."


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def json_error(words: str, status: int, **headers: str) -> JsonResponse:
    """What went wrong, in words for the person at the page."""
    return JsonResponse({"error": words}, status=status, headers=headers)
