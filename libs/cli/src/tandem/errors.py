"""What a command says when it cannot do its work: one sentence, and the way out."""


class CommandError(Exception):
    """Raised to end a command with exit code 1 and a readable line.

    Attributes:
        message: What is wrong, in one sentence.
        hint: What to do about it.
        detail: More lines to show below, for example the end of a log.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
