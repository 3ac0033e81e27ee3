"""Stands in for openembedded-core's library, as far as meta-k3s calls it."""

BBIMPORTS = ["qa", "utils"]
