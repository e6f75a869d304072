"""JSON error responses for our JavaScript modules."""

from django.http import HttpRequest, JsonResponse

SESSION_ENDED = "Сеанс закончился. Войдите ещё раз."


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def json_error(message: str, status: int, **headers: str) -> JsonResponse:
    """Return {"error": message}; the message is shown to the user."""
    return JsonResponse({"error": message}, status=status, headers=headers)
