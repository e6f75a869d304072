import pytest

from support.models import Author, Message, Ticket


@pytest.fixture
def create_ticket(db):
    """Return a function that creates a ticket with the client's message, as the app does."""

    def create(client, subject="Не работает холодильник", body="Помогите, пожалуйста", **fields):
        ticket = Ticket.objects.create(user=client.user, subject=subject, **fields)
        Message.objects.create(ticket=ticket, author=Author.USER, body=body, created_at=ticket.created_at)
        return ticket

    return create


@pytest.fixture
def ticket(make, create_ticket) -> Ticket:
    return create_ticket(make.client(name="Иванов Пётр Сергеевич", phone="9771232323"))
