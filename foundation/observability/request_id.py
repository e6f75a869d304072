"""A request id shared by log lines, history rows and disclosures."""

import uuid
from contextvars import ContextVar

# Id of the request that this thread serves; "" outside a request.
current: ContextVar[str] = ContextVar("request_id", default="")


def request_id_middleware(get_response):
    """Give each request an id (32 hexadecimal digits) as `request.id` and in `X-Request-ID`. Ignore the client's id."""

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
