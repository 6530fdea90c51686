"""Uploads, downloads and the record of each; the object store."""
