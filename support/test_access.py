import uuid

from django.urls import reverse

from support.models import Message, Ticket, TicketStatus

LIST = reverse("support:tickets")
SEARCH = reverse("support:search")


def url(name, ticket):
    return reverse(f"support:{name}", args=[ticket.pk])


def pages(ticket):
    return [
        ("get", LIST),
        ("post", SEARCH),
        ("get", url("ticket", ticket)),
        ("post", url("answer", ticket)),
        ("post", url("status", ticket)),
        ("get", reverse("support:client_card", args=[ticket.user.client.pk])),
    ]


def test_managers_get_404(as_anna, ticket, anna):
    ticket.user.client.reassign(to=anna, by=anna)  # even for their own client

    for method, page in pages(ticket):
        data = {"body": "Ответ", "status": "closed", "query": "иван"} if method == "post" else {}
        assert getattr(as_anna, method)(page, data).status_code == 404, page

    assert Message.objects.count() == 1
    assert Ticket.objects.get().status == TicketStatus.OPEN


def test_support_and_admins_open_every_page(as_vera, as_gleb, ticket):
    for browser in (as_vera, as_gleb):
        for method, page in pages(ticket):
            if method == "get":
                assert browser.get(page).status_code == 200, page


def test_wrong_method_gets_405(as_vera, ticket):
    for method, page in pages(ticket):
        other_method = as_vera.get if method == "post" else as_vera.post
        assert other_method(page).status_code == 405, page


def test_unknown_ids_get_404(as_vera):
    for name in ("ticket", "client_card"):
        assert as_vera.get(reverse(f"support:{name}", args=[uuid.uuid4()])).status_code == 404
    assert as_vera.get("/support/not-a-uuid/").status_code == 404
    assert as_vera.post(reverse("support:answer", args=[uuid.uuid4()]), {"body": "Ответ"}).status_code == 404


def test_signed_out_user_is_redirected_to_sign_in(signed_out, ticket):
    for method, page in pages(ticket):
        response = getattr(signed_out, method)(page)
        assert response.status_code == 302, page
        assert response.url.startswith("/sign-in/"), page
