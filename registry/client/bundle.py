"""The evidence bundle, a ZIP archive of one spelling, read into members; nothing is believed here but its form.

The archive may be hostile, so it is refused before anything of it is unpacked: only plain stored members, each name one that
bundles have, none twice. It is then written anew from what was read, and must come out the same to the last byte.
"""

import hashlib
import io
import re
import stat
import zipfile
from dataclasses import dataclass

from registry.client.errors import Malformed, VerificationFailed, printable
from registry.client.wire import Fields, parse_json

FORMAT = "gatehouse-bundle/1"
BUNDLE_MAX_BYTES = 256 << 20
MEMBERS_MAX_COUNT = 50_000
START = b"PK"
INDEX, SIGNATURE = "index.json", "signature.jws"

_GROUND = ("keys.json", "checkpoint.txt", "timestamps.json")
_NAME = re.compile(
    r"(?:index\.json|signature\.jws|keys\.json|checkpoint\.txt|timestamps\.json"
    r"|texts/[0-9a-f]{64}\.txt|(?:acceptances|withdrawals|imports|upgrades)/(?:0|[1-9][0-9]{0,18})\.json)\Z"
)
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the index of a bundle says about the whole."""

    registry: str
    made_at: str
    publisher: str
    model: str | None
    unpublished: int
    """Facts that the log had not published yet, and that are left out for it."""
    digests: dict[str, str]


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return the members of a bundle, in their order.

    Raises:
        ClientError: it is not an archive as bundles are, or was changed; the text names the member.
    """
    if len(data) > BUNDLE_MAX_BYTES:
        raise Malformed(f"the archive is longer than {BUNDLE_MAX_BYTES} bytes: it is not a bundle")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_members(infos, len(data))
            members = {info.filename: _read(archive, info) for info in infos}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise Malformed(f"the file is not a whole ZIP archive: {printable(str(error), limit=200)}") from None
    _check_spelling(data, members)
    return members


def _check_members(infos: list[zipfile.ZipInfo], size: int) -> None:
    if len(infos) > MEMBERS_MAX_COUNT:
        raise Malformed(f"the archive has {len(infos)} members, at most {MEMBERS_MAX_COUNT} fit")
    seen: set[str] = set()
    total = 0
    for info in infos:
        name = printable(info.orig_filename, limit=100)
        if not _NAME.match(info.orig_filename) or info.filename != info.orig_filename:
            raise Malformed(f"the archive has a member that bundles do not have: {name!r}")
        if info.filename in seen:
            raise Malformed(f"the archive has the member {name} twice")
        seen.add(info.filename)
        if info.flag_bits & 1:
            raise Malformed(f"the member {name} is encrypted")
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise Malformed(f"the member {name} is not a plain file")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise Malformed(f"the member {name} is compressed; bundles hold their members as they are")
        total += info.file_size
        if total > size:
            raise Malformed(f"the member {name} states more bytes than the archive has")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError, RuntimeError) as error:
        raise VerificationFailed(
            f"the member {info.filename} is damaged: {printable(str(error), limit=200)}"
        ) from None


def _check_spelling(data: bytes, members: dict[str, bytes]) -> None:
    """Compare the archive with the one that its members make: what readers of ZIP skip must not differ either."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members.items():
            info = zipfile.ZipInfo(path, date_time=_DATE)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content, compress_type=zipfile.ZIP_STORED)
    expected = buffer.getvalue()
    if data == expected:
        return
    place = next(
        (at for at, (one, other) in enumerate(zip(data, expected, strict=False)) if one != other),
        min(len(data), len(expected)),
    )
    raise VerificationFailed(
        f"the archive around its members was changed: byte {place} is not what these members make"
    )


def read_index(members: dict[str, bytes]) -> Index:
    """Return the index of a bundle.

    Raises:
        Malformed: there is none, or it has another form.
    """
    if INDEX not in members or SIGNATURE not in members:
        raise Malformed(f"the archive has no {INDEX if INDEX not in members else SIGNATURE}")
    fields = Fields(parse_json(members[INDEX], what=INDEX), where=INDEX)
    if fields.text("format") != FORMAT:
        raise Malformed(
            f"{INDEX} has the format {printable(fields.text('format'), limit=80)!r}, expected {FORMAT!r}"
        )
    asked = fields.member("asked")
    digests: dict[str, str] = {}
    for one in fields.members("members"):
        if one.text("path") in digests:
            raise Malformed(f"{INDEX} lists {printable(one.text('path'), limit=100)} twice")
        digests[one.text("path")] = one.text("sha256")
    return Index(
        registry=fields.text("registry"),
        made_at=fields.moment("made_at").isoformat(),
        publisher=asked.text("publisher"),
        model=asked.maybe_text("model"),
        unpublished=fields.number("unpublished"),
        digests=digests,
    )


def check_members(members: dict[str, bytes], index: Index) -> str:
    """Return in words that the members are those of the index, each unaltered.

    Raises:
        VerificationFailed: one is missing, added or altered; the text names it.
    """
    for path in (*_GROUND, *index.digests):
        if path not in members:
            raise VerificationFailed(f"the member {printable(path, limit=100)} is missing")
    for path, content in members.items():
        if path in {INDEX, SIGNATURE}:
            continue
        expected = index.digests.get(path)
        if expected is None:
            raise VerificationFailed(f"the member {path} was added: {INDEX} does not list it")
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise VerificationFailed(
                f"the member {path} was altered: it has {digest}, {INDEX} says {printable(expected, limit=80)}"
            )
    return f"all {len(index.digests)} members are there, each with the digest that the index gives"
