"""Gatehouse: a gated model-release and license-acceptance registry."""
