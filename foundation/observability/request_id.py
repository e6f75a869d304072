"""One id for everything that a request leaves behind: its log lines, what it changed, what it showed."""

import uuid
from contextvars import ContextVar

# Of the request that this thread serves; empty outside one.
current: ContextVar[str] = ContextVar("request_id", default="")


def request_id_middleware(get_response):
    """Gives each request an id of our own making (32 hexadecimal digits), as `request.id` and in `X-Request-ID`."""

    def middleware(request):
        request.id = uuid.uuid4().hex
        token = current.set(request.id)
        try:
            response = get_response(request)
        finally:
            current.reset(token)
        response["X-Request-ID"] = request.id
        return response

    return middleware
