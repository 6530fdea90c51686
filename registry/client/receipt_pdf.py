"""A receipt on paper: the receipt file that is attached to its PDF.

Only as much of PDF (ISO 32000) is read as finds the one attached file: hostile files get no parser to play with. What
the pages show is not looked at; nothing follows from it.
"""

import re
import zlib

from registry.client.errors import Malformed

START = b"%PDF-"
HEAD_MAX_BYTES = 1024
_EMBEDDED = re.compile(rb"/Type\s*/EmbeddedFile(?![A-Za-z])")
_STREAM = re.compile(rb">>\s*stream\r?\n")
_LENGTH = re.compile(rb"/Length\s+(\d{1,9})(?!\s+\d+\s+R|\d)")
_DEFLATED = re.compile(rb"/Filter\s*(?:/FlateDecode\b|\[\s*/FlateDecode\s*\])")
_ADVICE = "save the attached file receipt.json with a PDF reader and verify that"


def read_attached(data: bytes, *, limit: int) -> bytes:
    """Return the one file that is attached to a PDF.

    Raises:
        Malformed: none is, or several are, or it is longer than `limit` or cannot be read.
    """
    found = list(_EMBEDDED.finditer(data))
    if len(found) != 1:
        number = "no file that can be read here" if not found else f"{len(found)} files"
        raise Malformed(f"the PDF has {number} attached, expected the one receipt; {_ADVICE}")
    opened = data.rfind(b" obj", max(0, found[0].start() - HEAD_MAX_BYTES), found[0].start())
    begun = _STREAM.search(data, found[0].end(), found[0].end() + HEAD_MAX_BYTES)
    head = data[opened : begun.end()] if begun else b""
    length = _LENGTH.search(head)
    if opened < 0 or begun is None or length is None:
        raise Malformed(f"the file attached to the PDF cannot be read here; {_ADVICE}")
    body = data[begun.end() : begun.end() + int(length[1])]
    if b"/Filter" not in head:
        return body
    if not _DEFLATED.search(head):
        raise Malformed(f"the file attached to the PDF is packed in an unknown way; {_ADVICE}")
    return _inflated(body, limit=limit)


def _inflated(body: bytes, *, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Malformed("the file attached to the PDF is damaged") from None
    if len(unpacked) > limit:
        raise Malformed(f"the file attached to the PDF is longer than {limit} bytes: it is not a receipt")
    if not inflater.eof:
        raise Malformed("the file attached to the PDF is damaged")
    return unpacked
