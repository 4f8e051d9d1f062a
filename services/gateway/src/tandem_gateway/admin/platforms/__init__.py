"""The platforms' manifests."""
