"""Licenses, their frozen versions, clauses and restrictions."""
