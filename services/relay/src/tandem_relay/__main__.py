"""python -m tandem_relay."""

from tandem_common.runtime.service import run

from .service import build
from .settings import RelaySettings

if __name__ == "__main__":
    run(build(RelaySettings()))
