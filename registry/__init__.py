"""Gatehouse: a gated model-release and license-acceptance registry."""

__version__ = "0.1.0"
