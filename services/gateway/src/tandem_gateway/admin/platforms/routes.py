"""HTTP about platforms."""

from typing import Annotated

from starlette.responses import Response

from tandem_common.contract.base import ContractModel
from tandem_common.contract.capabilities import Manifest
from tandem_common.contract.errors import NotFoundError
from tandem_gateway.admin.door import Gateway, admin_router, answer, page, permit, shown
from tandem_gateway.security.principals import Principal

router = admin_router("platforms")
Reader = Annotated[Principal, permit("platforms.read")]


class ManifestList(ContractModel):
    """All platforms known so far."""

    items: tuple[Manifest, ...]
    next: str | None = None


@router.get("/platforms", responses=shown(ManifestList))
async def list_platforms(gateway: Gateway, _: Reader) -> Response:
    """List the platforms whose adapters have been seen."""
    return page(list(gateway.manifests.all()))


@router.get("/platforms/{platform}", responses=shown(Manifest))
async def read_platform(platform: str, gateway: Gateway, _: Reader) -> Response:
    """Read one platform's manifest."""
    manifest = gateway.manifests.get(platform)
    if manifest is None:
        raise NotFoundError(f"No adapter for {platform!r} has been seen yet.")
    return answer(manifest)
