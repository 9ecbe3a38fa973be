"""`mugrade data`: whole files or none, from any mirror; no test here uses a network."""

import gzip
import hashlib
import re
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mugrade.cli import app
from mugrade.course.datasets import DataFile, DataSet
from mugrade.course.manifest import Manifest, dump
from mugrade.course.settings import read_settings
from mugrade.student.data import DataError, fetch
from tests.conftest import ROOT

MNIST = ROOT.parent / "shared" / "data" / "mnist"
CONTENTS = {name: np.random.default_rng(7).bytes(200_000) for name in ("images.gz", "labels.gz")}
PACKED = {name: gzip.compress(content) for name, content in CONTENTS.items()}
FILES = tuple(
    DataFile(name, len(content), hashlib.sha256(content).hexdigest())
    for name, content in CONTENTS.items()
)
CUT = 70_000


class Server(ThreadingHTTPServer):
    """Serves `files`; `cut` ends each answer early, `ranges` and `shift` say how Range is met."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(PACKED)
        self.asked: list[tuple[str, str | None]] = []
        self.cut: int | None = None
        self.ranges, self.lengths, self.shift = True, True, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, name = self.server, self.path.lstrip("/")
        asked = self.headers["Range"]
        server.asked.append((name, asked))
        if name not in server.files:
            return self.send_error(404)
        content, start = server.files[name], 0
        if asked and server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) + server.shift  # type: ignore[index]
            if start >= len(content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: server.cut])

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A local mirror, in a folder whose name a URL has to quote."""
    folder = tmp_path / "a mirror #1"
    folder.mkdir()
    for name, content in PACKED.items():
        (folder / name).write_bytes(content)
    return folder


def found(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def closed_port() -> str:
    with Server() as server:
        return server.url


def test_all_files_come_and_progress_ends_at_the_total(server: Server, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int | None]] = {}

    def report(name: str, done: int, total: int | None) -> None:
        assert done > seen.get(name, (0, 0))[0]
        seen[name] = done, total

    assert fetch(tmp_path / "new" / "data", [server.url], FILES, report) == list(PACKED)
    assert found(tmp_path / "new" / "data") == PACKED
    assert seen == {name: (len(packed), len(packed)) for name, packed in PACKED.items()}


def test_files_that_are_there_are_not_asked_for(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(PACKED["images.gz"])
    assert fetch(tmp_path, [server.url], FILES) == ["labels.gz"]
    assert server.asked == [("labels.gz", None)]
    assert fetch(tmp_path, [closed_port()], FILES) == []


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(PACKED["images.gz"][:-100])
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED


def test_a_path_and_a_file_url_are_mirrors(mirror: Path, tmp_path: Path) -> None:
    for name, where in (("path", str(mirror)), ("url", mirror.as_uri()), ("end", f"{mirror}/")):
        fetch(tmp_path / name, [where], FILES)
        assert found(tmp_path / name) == PACKED


def test_a_relative_path_is_a_mirror(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mirror.parent)
    fetch(tmp_path / "out", [mirror.name], FILES)
    assert found(tmp_path / "out") == PACKED


def test_a_broken_download_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cut = CUT
    with pytest.raises(DataError, match="broke off after 70000 of"):
        fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == {"images.gz.part": PACKED["images.gz"][:CUT]}
    server.cut = None
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED
    assert server.asked[1] == ("images.gz", f"bytes={CUT}-")


def test_another_mirror_continues_the_download(
    server: Server, mirror: Path, tmp_path: Path
) -> None:
    server.cut = CUT
    fetch(tmp_path / "out", [server.url, str(mirror)], FILES)
    assert found(tmp_path / "out") == PACKED


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.gz.part").write_bytes(PACKED["images.gz"][:CUT])
    server.ranges = False
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED


@pytest.mark.parametrize("part", [b"other bytes", PACKED["images.gz"] + b"too long", b""])
def test_a_beginning_from_elsewhere_is_thrown_away(
    server: Server, tmp_path: Path, part: bytes
) -> None:
    (tmp_path / "images.gz.part").write_bytes(part)
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED


def test_a_whole_part_needs_no_server(tmp_path: Path) -> None:
    for name, packed in PACKED.items():
        (tmp_path / f"{name}.part").write_bytes(packed)
    fetch(tmp_path, [closed_port()], FILES)
    assert found(tmp_path) == PACKED


def test_a_range_from_another_place_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.gz.part").write_bytes(PACKED["images.gz"][:CUT])
    server.shift = 5
    with pytest.raises(DataError, match="another place"):
        fetch(tmp_path, [server.url], FILES)
    server.shift = 0
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED


def test_an_unknown_length_does_not_matter(server: Server, tmp_path: Path) -> None:
    server.lengths = False
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == PACKED


@pytest.mark.parametrize(
    "content",
    [
        PACKED["images.gz"][:-1] + b"\1",
        PACKED["images.gz"][:CUT],
        gzip.compress(CONTENTS["images.gz"][:-1] + b"\0"),
        gzip.compress(CONTENTS["images.gz"] + b"\0"),
        gzip.compress(bytes(10_000_000)),
        bytes(1_000_000),
        b"<html>please log in</html>",
        b"",
    ],
)
def test_wrong_content_is_kept_out(server: Server, tmp_path: Path, content: bytes) -> None:
    server.files["images.gz"] = content
    with pytest.raises(DataError, match=r"images\.gz could not be fetched .*another checksum"):
        fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == {}


def test_the_same_content_packed_otherwise_is_welcome(server: Server, tmp_path: Path) -> None:
    server.files = {n: gzip.compress(c, 1, mtime=9) for n, c in CONTENTS.items()}
    assert server.files != PACKED
    fetch(tmp_path, [server.url], FILES)
    assert found(tmp_path) == server.files


def test_the_next_mirror_helps_out(server: Server, mirror: Path, tmp_path: Path) -> None:
    server.files = {"images.gz": b"not it"}
    fetch(tmp_path / "out", [closed_port(), server.url, str(mirror)], FILES)
    assert found(tmp_path / "out") == PACKED


def test_without_a_network_one_sentence_names_every_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    mirrors = [closed_port(), str(tmp_path / "nowhere"), "ftp-but-no://x", "http://["]
    with pytest.raises(DataError) as caught:
        fetch(tmp_path / "out", mirrors, FILES)
    text = str(caught.value)
    assert "\n" not in text
    assert "--mirror" in text
    assert all(mirror in text for mirror in mirrors)
    assert "Connection refused" in text
    assert "No such file" in text
    assert found(tmp_path / "out") == {}


def test_a_mirror_that_lacks_the_file_says_so(server: Server, tmp_path: Path) -> None:
    server.files = {}
    with pytest.raises(DataError, match="HTTP 404"):
        fetch(tmp_path, [server.url], FILES)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/data cannot be written"):
        fetch(tmp_path / "file" / "data", [], FILES)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder, in which the data set is the small one."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    manifest = Manifest.read(ROOT / "notebooks")
    small = replace(manifest, data={"mnist": DataSet(("/nowhere",), FILES)})
    (folder / "course.json").write_text(dump(small.to_json()), encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_the_command_fetches_into_the_workspace(workspace: Path, mirror: Path) -> None:
    result = CliRunner().invoke(app, ["data", "mnist", "--mirror", str(mirror)])
    assert result.exit_code == 0
    assert "fetched 2 files into" in result.output
    assert found(workspace / "data" / "mnist") == PACKED
    result = CliRunner().invoke(app, ["data", "mnist", "--mirror", "/nowhere"])
    assert result.exit_code == 0
    assert "everything is in" in result.output


def test_the_command_fails_with_one_sentence(workspace: Path) -> None:
    result = CliRunner().invoke(app, ["data", "mnist", "--mirror", "/nowhere"])
    assert result.exit_code == 1
    assert "images.gz could not be fetched (/nowhere: No such file" in result.output
    assert "Traceback" not in result.output


def test_the_command_knows_no_other_data(workspace: Path) -> None:
    result = CliRunner().invoke(app, ["data", "imagenet"])
    assert result.exit_code == 2
    assert "no data set imagenet: there is mnist" in " ".join(result.output.split())
    assert CliRunner().invoke(app, ["data"]).exit_code == 2


def test_any_course_may_name_data(server: Server, tmp_path: Path) -> None:
    """What is not packed is known by its own bytes."""
    content = b"name,age\nada,36\n"
    server.files["people.csv"] = content
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "course.toml").write_text(
        f'[data.people]\nmirrors = ["{server.url}/"]\n'
        f'files = [{{name = "people.csv", size = {len(content)}, sha256 = "{sha256}"}}]\n'
    )
    named = read_settings(tmp_path).data["people"]
    assert fetch(tmp_path / "out", named.mirrors, named.files) == ["people.csv"]
    assert found(tmp_path / "out") == {"people.csv": content}
    server.files["people.csv"] = content.upper()
    with pytest.raises(DataError, match="another checksum"):
        fetch(tmp_path / "other", named.mirrors, named.files)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not on this machine")
def test_mnist_itself_is_recognized_and_read(tmp_path: Path) -> None:
    from needle.data import MNISTDataset

    files = read_settings(ROOT).data["mnist"].files
    assert fetch(tmp_path, [str(MNIST)], files) == [file.name for file in files]
    images, labels = (str(tmp_path / file.name) for file in files[2:])
    test = MNISTDataset(images, labels)
    batch, digits = test[np.array([0, 1, 9999])]
    assert batch.shape == (3, 28, 28, 1)
    assert batch.dtype == np.float32
    assert digits.tolist() == [7, 2, 6]
    assert (len(test), batch.min(), batch.max()) == (10_000, 0, 1)


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_the_committed_digits_are_in_order(part: str) -> None:
    from needle.data import read_idx

    folder = ROOT / "notebooks" / "data" / "digits"
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    count = {"train": 1297, "t10k": 500}[part]
    assert (images.shape, labels.shape) == ((count, 8, 8), (count,))
    assert set(np.unique(images)) <= {round(value * 255 / 16) for value in range(17)}
    assert np.bincount(labels).min() > count / 11
    if part == "t10k":
        truth = np.load(ROOT / "solutions" / "labels" / "digits-test.npy")
        assert truth.dtype == np.int64
        assert (truth == labels).all()
    assert struct.unpack("<I", (folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()[4:8]) == (0,)
