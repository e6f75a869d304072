from django.test import RequestFactory

from foundation.observability import request_id


def serve(view, **headers):
    return request_id.request_id_middleware(view)(RequestFactory(headers=headers).get("/"))


def test_each_request_has_its_own_id_in_code_and_response(client):
    seen = []

    def view(request):
        seen.append((request.id, request_id.current.get()))
        return client.get("/healthz")

    first, second = serve(view), serve(view)
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert seen == [(first["X-Request-ID"],) * 2, (second["X-Request-ID"],) * 2]
    assert request_id.current.get() == ""


def test_id_from_the_client_is_ignored(client):
    response = client.get("/healthz", headers={"X-Request-ID": "made-up"})
    assert len(response["X-Request-ID"]) == 32
