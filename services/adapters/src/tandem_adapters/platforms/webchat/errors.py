"""The web chat refuses with the contract's own errors: there is no other side to translate."""

from tandem_common.contract.errors import InvalidInputError


def unknown_path(path: str) -> InvalidInputError:
    """Nobody says that to a web chat."""
    return InvalidInputError(
        f"a web chat takes 'say' and 'typing', not {path[:40]!r}", field="path"
    )
