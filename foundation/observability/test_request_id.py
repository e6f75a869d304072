from django.test import RequestFactory

from foundation.observability import request_id


def serve(view, **headers):
    return request_id.request_id_middleware(view)(RequestFactory(headers=headers).get("/"))


def test_each_request_has_an_id_of_its_own_that_its_code_and_its_answer_know(client):
    seen = []

    def view(request):
        seen.append((request.id, request_id.current.get()))
        return client.get("/healthz")

    first, second = serve(view), serve(view)
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert seen == [(first["X-Request-ID"],) * 2, (second["X-Request-ID"],) * 2]
    assert request_id.current.get() == ""


def test_an_id_from_outside_is_not_taken_over(client):
    response = client.get("/healthz", headers={"X-Request-ID": "made-up"})
    assert len(response["X-Request-ID"]) == 32
