"""Measures of the registry on this machine, each beside the bound that it has to keep; run as `python -m tests.bench`."""
