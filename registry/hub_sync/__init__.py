"""Mirrors: the pairing of a model with a repository of the Hub, whose gate is kept equal to the registry's decisions."""

from registry.hub_sync.service import reseal_tokens, wake

__all__ = ["reseal_tokens", "wake"]
