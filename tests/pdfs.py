"""PDFs with an attached file, as small as can be: what of a PDF the verifiers read."""

import zlib

ONE_FILE = b"<</Length %d/Type/EmbeddedFile/Filter/FlateDecode/Subtype/application#2Fjson>>"


def attach(*files: bytes, head: bytes = ONE_FILE, deflate: bool = True, cut: int | None = None) -> bytes:
    """A PDF with these files attached; `cut` shortens the packed bytes and leaves their stated length."""
    made = b"%PDF-1.7\n"
    for number, file in enumerate(files, start=1):
        body = zlib.compress(file) if deflate else file
        start = head % len(body) if b"%d" in head else head
        made += b"%d 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (number, start, body[:cut])
    return made + b"%%EOF\n"
