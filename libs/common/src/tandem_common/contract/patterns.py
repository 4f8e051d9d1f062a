"""Patterns administrators write, run over what users say.

RE2, not `re`: its time is linear in the text's length, so that no pattern and no message together
can stall a router.
"""

from functools import lru_cache
from typing import Any

import re2

_MAX_MEMORY_BYTES = 1 << 20


@lru_cache(maxsize=2_000)
def compiled(pattern: str, *, case_sensitive: bool = False) -> Any:
    """Compile a pattern; the result has `search(text)`.

    Raises:
        ValueError: Not a regular expression RE2 knows; says why.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        said = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not an RE2 regular expression: {said}") from error
