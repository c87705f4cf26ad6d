"""The folder of files: what is kept, what is refused, and what a crash, a full disk or a cancellation leaves behind."""

import asyncio
import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.message import MediaKind
from gateway.files import BATCH, Empty, Files, Mismatch, NotAllowed, TooBig, Unusable
from gateway.media.content import Sniffer

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40
HOUSE = Path(__file__).parents[2]


def box(major: bytes, *compatible: bytes, rest: bytes = b"") -> bytes:
    """The first box of an MP4 and its relatives."""
    body = major + b"\x00\x00\x02\x00" + b"".join(compatible)
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + rest


def handler(kind: bytes) -> bytes:
    return b"\x00" * 300_000 + b"\x00\x00\x00\x21hdlr" + bytes(8) + kind + bytes(12)


async def pieces(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def visible(root: Path) -> list[str]:
    """Every file in the folder, unfinished ones too."""
    return sorted(path.name for path in root.rglob("*") if path.is_file())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


async def test_a_photo_is_kept_under_its_digest(files: Files) -> None:
    """What went in comes out, bit for bit, found by its SHA-256."""
    stored = await files.write(pieces(JPEG, 1000), limit=len(JPEG))

    assert hashlib.sha256(JPEG).hexdigest() == stored.sha256
    assert (len(JPEG), "image/jpeg", MediaKind.IMAGE) == (stored.size, stored.content_type, stored.kind)
    with files.open(stored.sha256) as file:
        assert JPEG == file.read()


async def test_only_the_gateway_may_read_the_files(files: Files) -> None:
    """Photos show faces and homes: folders are 0700, files 0600, also where the folder had been laxer."""
    files.root.chmod(0o755)
    again = Files(files.root)
    stored = await again.write(pieces(JPEG), limit=10**6)

    path = again.path(stored.sha256)
    assert ["0o700", "0o700", "0o700", "0o600"] == [
        oct(each.stat().st_mode & 0o777) for each in (files.root, files.root / "tmp", path.parent, path)
    ]


async def test_the_same_photo_sent_twice_is_one_file(files: Files) -> None:
    """Two citizens forward the same picture at the same time: one file, and both have it."""
    first, second = await asyncio.gather(*(files.write(pieces(JPEG), limit=10**6) for _ in range(2)))

    assert first == second
    assert [first.sha256] == visible(files.root)


async def test_a_file_over_the_limit_is_refused_at_once(files: Files) -> None:
    """Reading stops with the first byte too many: an endless stream cannot fill the disk."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield JPEG

    with pytest.raises(TooBig):
        await files.write(endless(), limit=3 * BATCH)

    assert 3 * BATCH // len(JPEG) + 1 == read
    assert [] == visible(files.root)


async def test_a_page_without_end_is_refused_at_once(files: Files) -> None:
    """What cannot become a photo any more is not read to its end, nor begun on the disk."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"<html>"
        while True:
            assert [] == visible(files.root)
            yield b" " * 1000

    with pytest.raises(NotAllowed):
        await files.write(endless(), limit=100 * BATCH)


async def test_a_file_of_exactly_the_limit_is_kept(files: Files) -> None:
    """The limit itself is still allowed."""
    assert len(JPEG) == (await files.write(pieces(JPEG), limit=len(JPEG))).size


async def test_nothing_is_not_a_file(files: Files) -> None:
    """Zero bytes are no photo."""
    with pytest.raises(Empty):
        await files.write(pieces(b""), limit=100)
    assert [] == visible(files.root)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(100), "image/png"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00IHDR\0\0\0\0\x00\x00\x00\x00acTL" + bytes(100), "image/png"),
        (b"GIF89a" + bytes(100), "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(100), "image/webp"),
        (b"II*\x00\x08\x00\x00\x00" + bytes(100), "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08" + bytes(100), "image/tiff"),
        (box(b"heic", b"mif1", b"heic"), "image/heic"),
        (box(b"mif1", b"mif1", b"heic"), "image/heic"),
        (b"%PDF-1.7\n" + bytes(100), "application/pdf"),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead" + bytes(100), "audio/ogg"),
        (b"ID3\x04" + bytes(100), "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(100), "audio/mpeg"),
        (b"\xff\xf3\x40\xc4" + bytes(100), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(100), "audio/aac"),
        (b"#!AMR\n" + bytes(100), "audio/amr"),
        (b"#!AMR-WB\n" + bytes(100), "audio/amr-wb"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100), "audio/wav"),
        (box(b"M4A ", b"isom"), "audio/mp4"),
        (box(b"isom", b"mp42", rest=handler(b"vide") + handler(b"soun")), "video/mp4"),
        (box(b"isom", b"mp42", rest=handler(b"soun") + handler(b"vide")), "video/mp4"),
        (box(b"iso5", b"hlsf", rest=handler(b"soun")), "audio/mp4"),
        (box(b"3gp4", b"3gp4", rest=handler(b"soun")), "audio/3gpp"),
        (box(b"3gp5", b"3gp5", rest=handler(b"vide")), "video/3gpp"),
        (box(b"qt  ", b"qt  "), "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + bytes(50) + b"\x86\x85V_VP8", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + bytes(50) + b"\x86\x86A_OPUS", "audio/webm"),
        ("شارعنا مظلم\nand the lamp < 3 m away is broken".encode() * 20_000, "text/plain"),
        (b"\xef\xbb\xbf" + "انقطاع الماء".encode(), "text/plain"),
    ],
)
async def test_the_type_is_told_by_the_content(files: Files, content: bytes, content_type: str) -> None:
    """What telephones, messengers and scanners send is recognised, sound told from picture by its tracks."""
    assert content_type == (await files.write(pieces(content), limit=10**7)).content_type


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<!DOCTYPE html><script>alert(1)</script>", "text/html"),
        (b"\xef\xbb\xbf \n<p>hello", "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/html"),
        (b"<?xml version='1.0'?><svg/>", "text/html"),
        (b"hello " * BATCH + b"<ScRiPt>alert(1)</script>", "text/html"),
        (b"#!/bin/sh\nrm -rf /\n", "text/x-script"),
        (b"MZ\x90\x00" + bytes(100), "application/x-msdownload"),
        (b"\x7fELF\x02\x01\x01" + bytes(60), "application/x-executable"),
        (b"PK\x03\x04" + bytes(100), "application/zip"),
        (b"OggS\x00\x02" + bytes(22) + b"\x80theora" + bytes(100), "application/ogg"),
        (box(b"evil", b"evil"), "application/octet-stream"),
        (b"\xff\xff\xff\xffftypisom", "application/octet-stream"),
        (b"water\x00water", "application/octet-stream"),
        ("مياه".encode("cp1256"), "application/octet-stream"),
        ("ماء".encode()[:-1], "application/octet-stream"),
    ],
)
async def test_what_could_run_or_cannot_be_known_is_refused(files: Files, content: bytes, content_type: str) -> None:
    """Pages, scripts, programs, archives and unknown bytes are not kept, and the reason names what they are."""
    with pytest.raises(NotAllowed) as refusal:
        await files.write(pieces(content), limit=10**7)

    assert content_type == refusal.value.content_type
    assert [] == visible(files.root)


async def test_markup_that_straddles_two_batches_is_seen(files: Files) -> None:
    """Where the batches are cut makes no hiding place."""
    for shift in range(8):
        content = b"a" * (BATCH - shift) + b"<script>"
        with pytest.raises(NotAllowed):
            await files.write(pieces(content, BATCH), limit=10**7)


async def test_a_door_may_allow_less(files: Files) -> None:
    """A caller that wants pictures only gets pictures only."""
    with pytest.raises(NotAllowed):
        await files.write(pieces(b"%PDF-1.7\n"), limit=100, allowed={"image/jpeg"})


@given(st.one_of(st.binary(max_size=300), st.builds(bytes.__add__, st.sampled_from(
    [b"\x00\x00\x00\x14ftyp", b"\x1a\x45\xdf\xa3", b"OggS", b"\x89PNG\r\n\x1a\n", b"RIFF", b"PK\x03\x04", b"\xff\xfb"]
), st.binary(max_size=100))))  # fmt: skip
def test_no_bytes_upset_the_sniffer(content: bytes) -> None:
    """Whatever a hostile file holds, it gets a type and no exception."""
    sniffer = Sniffer()
    sniffer.feed(content)
    assert "/" in sniffer.finish()


async def test_damaged_bytes_are_not_kept(files: Files) -> None:
    """With the provider's digest known, another content is a mismatch and nothing is kept."""
    with pytest.raises(Mismatch):
        await files.write(pieces(JPEG), limit=10**6, expected_sha256="0" * 64)
    assert [] == visible(files.root)

    digest = hashlib.sha256(JPEG).hexdigest()
    assert digest == (await files.write(pieces(JPEG), limit=10**6, expected_sha256=digest)).sha256


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "\n", "../" + "a" * 61, "٣" * 64]
)
async def test_only_a_digest_opens_a_file(files: Files, name: str) -> None:
    """Nothing but 64 lower-case hex digits becomes a path, so that no name leads out of the folder."""
    for use in (files.path, files.open):
        with pytest.raises(ValueError, match="SHA-256"):
            use(name)
    with pytest.raises(ValueError, match="SHA-256"):
        await files.delete(name)
    with pytest.raises(ValueError, match="SHA-256"):
        await files.missing([name])


async def test_an_erased_file_is_gone_and_is_missed(files: Files) -> None:
    """Erasure removes the bytes, says whether there were any, and the inventory notices."""
    stored = await files.write(pieces(JPEG), limit=10**6)
    absent = "0" * 64

    assert {absent} == await files.missing([stored.sha256, absent])
    assert await files.delete(stored.sha256)
    assert not await files.delete(stored.sha256)
    assert {stored.sha256, absent} == await files.missing([stored.sha256, absent])


def test_old_leftovers_go_at_start_and_young_ones_stay(files: Files) -> None:
    """A crash's unfinished file is cleared away after a day; one of today may belong to a process that is running."""
    old, young = files.root / "tmp" / "old", files.root / "tmp" / "young"
    for each in (old, young):
        each.write_bytes(b"half")
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))

    Files(files.root)

    assert ["young"] == visible(files.root)


def test_a_folder_that_cannot_be_written_is_found_at_start(tmp_path: Path) -> None:
    """One clear line names the folder and the reason, before the first citizen's photo would be lost."""
    root = tmp_path / "files"
    root.mkdir(mode=0o500)
    with contextlib.ExitStack() as stack:
        if os.geteuid() == 0:  # permissions do not bind root: be nobody for a moment
            tmp_path.chmod(0o755)
            os.seteuid(65534)
            stack.callback(os.seteuid, 0)
        with pytest.raises(Unusable) as unusable:
            Files(root)

    assert f"the folder for files, {root}, cannot be used: Permission denied" == str(unusable.value)


def test_a_file_in_the_folders_place_is_found_at_start(tmp_path: Path) -> None:
    """A path that is a file is no folder, and the message says so."""
    (tmp_path / "files").write_text("oops")
    with pytest.raises(Unusable, match="File exists"):
        Files(tmp_path / "files")


async def test_a_cancelled_upload_leaves_nothing(files: Files) -> None:
    """A citizen who closes the page in the middle of an upload leaves no half file."""
    begun = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield JPEG * (BATCH // len(JPEG) + 1)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(files.write(stuck(), limit=10**7))
    await begun.wait()
    assert 1 == len(visible(files.root))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [] == visible(files.root)


async def test_a_broken_upload_leaves_nothing(files: Files) -> None:
    """What the sender's connection raises passes through, and the half file goes."""

    async def broken() -> AsyncIterator[bytes]:
        yield JPEG * (BATCH // len(JPEG) + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.write(broken(), limit=10**7)
    assert [] == visible(files.root)


# The same write in a process of its own, which may be killed or starved without harm to the suite.
WRITER = textwrap.dedent("""
    import asyncio, os, signal, sys
    from pathlib import Path
    from gateway.files import Files

    JPEG = b"\\xff\\xd8\\xff\\xe0\\x00\\x10JFIF\\x00" + bytes(range(256)) * 10_000

    async def pieces():
        for at in range(0, len(JPEG), 65536):
            yield JPEG[at : at + 65536]

    files = Files(Path(sys.argv[1]))
    fatal = int(sys.argv[2])
    if fatal:
        step = 0
        def deadly(call):
            def wrapper(*args, **kwargs):
                global step
                for _ in range(2):  # before the call, and after it
                    step += 1
                    if step == fatal:
                        os.kill(os.getpid(), signal.SIGKILL)
                    if _ == 0:
                        result = call(*args, **kwargs)
                return result
            return wrapper
        for name in ("open", "fsync", "replace", "unlink", "close"):
            setattr(os, name, deadly(getattr(os, name)))
    try:
        print(asyncio.run(files.write(pieces(), limit=10**8)).sha256)
    except OSError as error:
        print(error.strerror)
        sys.exit(3)
""")


def write_elsewhere(root: Path, *, fatal: int = 0, before: tuple[str, ...] = (), **options: object) -> tuple[int, str]:
    done = subprocess.run(
        [*before, sys.executable, "-c", WRITER, str(root), str(fatal)],
        cwd=HOUSE, capture_output=True, text=True, check=False, timeout=60, **options,
    )  # fmt: skip
    return done.returncode, done.stdout.strip() or done.stderr


def test_a_crash_at_any_step_leaves_nothing_or_the_whole_file(tmp_path: Path) -> None:
    """Killed before and after every call that touches the disk: under the digest is the whole file or nothing."""
    code, digest = write_elsewhere(tmp_path / "whole")
    assert 0 == code
    outcomes = []
    for fatal in range(1, 40):
        root = tmp_path / str(fatal)
        code, _ = write_elsewhere(root, fatal=fatal)
        path = Files(root).path(digest)
        outcomes.append(path.exists())
        if path.exists():
            assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert [] == [each for each in visible(root) if each != digest and len(each) == len(digest)]
        if code == 0:
            break
        assert -9 == code
    assert outcomes[-1]
    assert 4 <= outcomes.count(False), "it died often enough before the rename"
    assert 4 <= outcomes.count(True), "and after it"
    assert sorted(outcomes) == outcomes


def test_a_full_quota_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """When the system takes no more bytes the caller hears it, and no half file is left."""
    root = tmp_path / "files"

    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    assert (3, "File too large") == write_elsewhere(root, preexec_fn=starve)
    assert [] == visible(root)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """The same on a disk of one megabyte, mounted for that process alone where the system permits it."""
    root = tmp_path / "files"
    root.mkdir()
    script = (
        'mount -t tmpfs -o size=1m,mode=700 none "$1" && shift && "$@"; code=$?; find "$ROOT" -type f >&2; exit $code'
    )
    before = ("unshare", "--mount", "sh", "-c", script, "sh", str(root))
    possible = subprocess.run(
        [*before, "true"], capture_output=True, check=False, env={**os.environ, "ROOT": str(root)}
    )
    if possible.returncode:
        pytest.skip("this system lets us mount nothing: the quota above shows the same")

    done = subprocess.run(
        [*before, sys.executable, "-c", WRITER, str(root), "0"],
        cwd=HOUSE, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "ROOT": str(root)},
    )  # fmt: skip

    assert (3, "No space left on device", "") == (done.returncode, done.stdout.strip(), done.stderr)
