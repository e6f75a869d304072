"""The base of refusals that a user is told about."""


class Refusal(Exception):
    """An operation was refused and changed nothing.

    `message` is a Russian sentence for the user that says what to do, `status` the HTTP status of the response.
    """

    message = ""
    status = 409

    def __init__(self, message: str = ""):
        self.message = message or self.message
        super().__init__(self.message)
