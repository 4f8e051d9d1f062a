"""One folder a platform, ten files each, the same names in all."""
