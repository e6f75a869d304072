"""Base class of refusals that are shown to the user."""


class Refusal(Exception):
    """The current state does not allow the operation; nothing was changed.

    `message` is a Russian sentence that tells the user what to do; `status` is the HTTP status of the response.
    """

    message = ""
    status = 409

    def __init__(self, message: str = ""):
        self.message = message or self.message
        super().__init__(self.message)
