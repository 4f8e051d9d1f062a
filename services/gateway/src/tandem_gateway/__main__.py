"""`python -m tandem_gateway`: the gateway until it is told to stop."""

from tandem_common.runtime.service import run

from .service import build
from .settings import GatewaySettings

if __name__ == "__main__":
    run(build(GatewaySettings()))
