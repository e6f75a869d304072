import pytest

from support.models import Author, Message, Ticket


@pytest.fixture
def written(db):
    """Makes a ticket that the client opened in the app, with their message."""

    def write(client, subject="Не работает холодильник", body="Помогите, пожалуйста", **fields):
        ticket = Ticket.objects.create(user=client.user, subject=subject, **fields)
        Message.objects.create(ticket=ticket, author=Author.USER, body=body, created_at=ticket.created_at)
        return ticket

    return write


@pytest.fixture
def ticket(make, written) -> Ticket:
    return written(make.client(name="Иванов Пётр Сергеевич", phone="9771232323"))
