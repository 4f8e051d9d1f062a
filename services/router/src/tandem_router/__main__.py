"""python -m tandem_router [all|events|worker]."""

import sys

from tandem_common.runtime.service import run

from .service import ROLES
from .settings import RouterSettings


def main() -> None:
    """Run one role of the router."""
    role = sys.argv[1] if len(sys.argv) > 1 else "all"
    if role not in ROLES:
        print(f"no role is called {role!r}; there are: {', '.join(ROLES)}", file=sys.stderr)
        sys.exit(2)
    run(ROLES[role](RouterSettings()))


if __name__ == "__main__":
    main()
