"""Webhooks: what happens at a publisher, sent to the addresses that it named, signed and tried again."""

from registry.webhooks.service import reseal_targets

__all__ = ["reseal_targets"]
