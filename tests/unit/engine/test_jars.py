"""Jars come from a real HTTP server, which behaves as badly as servers do."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from iomete.engine.jars import Artifact, resolve, verify
from iomete.errors import IometeError, JarCorruptError, JarUnavailableError
from support.ports import free_ports

CONTENT = b"PK\x03\x04 alpha " * 4000
OTHER = b"PK\x03\x04 beta " * 100

Answer = Callable[[BaseHTTPRequestHandler], None]


def artifact(name: str, content: bytes) -> Artifact:
    return Artifact(
        "org.example.jars", name, "1.0", len(content), hashlib.sha256(content).hexdigest()
    )


ALPHA = artifact("alpha", CONTENT)
BETA = artifact("beta", OTHER)


class Repository:
    """A Maven repository on the loopback that counts what it is asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                answer = repository.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/maven2"

    def serve(self, wanted: Artifact, answer: Answer | bytes) -> None:
        path = f"/maven2/org/example/jars/{wanted.name}/1.0/{wanted.name}-1.0.jar"
        self.answers[path] = whole(answer) if isinstance(answer, bytes) else answer

    def stop(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
        self.server.server_close()


def whole(content: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def half_then_closed(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(CONTENT)))
    request.end_headers()
    request.wfile.write(CONTENT[: len(CONTENT) // 2])
    request.close_connection = True


def chunk_cut_off(request: BaseHTTPRequestHandler) -> None:
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"1000\r\n" + CONTENT[:100])
    request.close_connection = True


def not_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Repository()
    server.serve(ALPHA, CONTENT)
    server.serve(BETA, OTHER)
    yield server
    server.stop()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def test_what_the_cache_lacks_is_fetched_whole_and_in_order(
    repository: Repository, cache: Path
) -> None:
    found = resolve([BETA, ALPHA], cache=cache, repository=repository.url)
    assert found == [cache / "beta-1.0.jar", cache / "alpha-1.0.jar"]
    assert [path.read_bytes() for path in found] == [OTHER, CONTENT]
    assert sorted(cache.iterdir()) == sorted(found)
    assert found[0].stat().st_mode & 0o777 == 0o644


def test_a_repository_may_end_in_a_slash(repository: Repository, cache: Path) -> None:
    resolve([ALPHA], cache=cache, repository=repository.url + "/")
    assert repository.asked == ["/maven2/org/example/jars/alpha/1.0/alpha-1.0.jar"]


def test_once_cached_no_repository_is_needed(repository: Repository, cache: Path) -> None:
    first = resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    repository.stop()
    assert resolve([ALPHA, BETA], cache=cache, repository=repository.url) == first
    assert len(repository.asked) == 2


def test_only_what_is_missing_is_asked_for(repository: Repository, cache: Path) -> None:
    resolve([ALPHA], cache=cache, repository=repository.url)
    resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    assert [path.rpartition("/")[2] for path in repository.asked] == [
        "alpha-1.0.jar",
        "beta-1.0.jar",
    ]


@pytest.mark.parametrize("left", [b"", CONTENT[:-1], CONTENT + b"x"])
def test_a_cached_file_of_another_size_is_fetched_again(
    repository: Repository, cache: Path, left: bytes
) -> None:
    cache.mkdir(parents=True)
    (cache / ALPHA.file_name).write_bytes(left)
    (path,) = resolve([ALPHA], cache=cache, repository=repository.url)
    assert path.read_bytes() == CONTENT


def test_a_repository_may_be_a_folder(tmp_path: Path, cache: Path) -> None:
    stored = tmp_path / "mirror" / ALPHA.repository_path
    stored.parent.mkdir(parents=True)
    stored.write_bytes(CONTENT)
    (path,) = resolve([ALPHA], cache=cache, repository=(tmp_path / "mirror").as_uri())
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", b"<html>Log in to the proxy</html>"])
def test_wrong_content_is_refused_and_not_kept(
    repository: Repository, cache: Path, content: bytes
) -> None:
    repository.serve(ALPHA, content)
    with pytest.raises(
        JarCorruptError, match=r"alpha-1\.0\.jar` sent .* nothing was kept"
    ) as caught:
        resolve([ALPHA], cache=cache, repository=repository.url)
    assert ALPHA.sha256 in caught.value.message
    assert "IOMETE_ENGINE__REPOSITORY" in str(caught.value.hint)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("answer", [half_then_closed, chunk_cut_off, not_http])
def test_a_download_that_breaks_off_is_an_error_and_not_kept(
    repository: Repository, cache: Path, answer: Answer
) -> None:
    repository.serve(ALPHA, answer)
    with pytest.raises((JarCorruptError, JarUnavailableError), match=r"alpha-1\.0\.jar"):
        resolve([ALPHA], cache=cache, repository=repository.url)
    assert list(cache.iterdir()) == []


def test_a_download_that_broke_off_can_be_tried_again(repository: Repository, cache: Path) -> None:
    repository.serve(ALPHA, half_then_closed)
    with pytest.raises(IometeError):
        resolve([ALPHA], cache=cache, repository=repository.url)
    repository.serve(ALPHA, CONTENT)
    (path,) = resolve([ALPHA], cache=cache, repository=repository.url)
    assert path.read_bytes() == CONTENT


def test_what_arrived_stays_when_another_jar_fails(repository: Repository, cache: Path) -> None:
    repository.answers.popitem()  # beta
    with pytest.raises(JarUnavailableError, match=r"beta-1\.0\.jar"):
        resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    assert [path.name for path in cache.iterdir()] == ["alpha-1.0.jar"]


def test_a_repository_without_the_jar_is_named_with_its_answer(
    repository: Repository, cache: Path
) -> None:
    repository.answers.clear()
    with pytest.raises(JarUnavailableError, match=r"http://127.*alpha-1\.0\.jar.*Not Found"):
        resolve([ALPHA], cache=cache, repository=repository.url)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_hint_says_what_to_do(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (port,) = free_ports(1)
    with pytest.raises(JarUnavailableError, match="Connection refused") as caught:
        resolve([ALPHA], cache=cache, repository=f"http://127.0.0.1:{port}/maven2")
    assert isinstance(caught.value, ConnectionError)
    assert f"not in the cache `{cache}`" in caught.value.message
    assert "`iomete prepare`" in str(caught.value.hint)
    assert "IOMETE_ENGINE__REPOSITORY" in str(caught.value.hint)


def test_an_address_that_is_none_is_an_error_of_ours(cache: Path) -> None:
    with pytest.raises(JarUnavailableError, match="nonnumeric port"):
        resolve([ALPHA], cache=cache, repository="http://127.0.0.1:port")


def test_a_cache_that_can_not_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JarUnavailableError, match="can't be made: Not a directory") as caught:
        resolve([ALPHA], cache=tmp_path / "file" / "cache", repository="http://127.0.0.1:1")
    assert "IOMETE_ENGINE__CACHE_FOLDER" in str(caught.value.hint)


def test_a_cache_that_can_not_be_written_names_the_setting(
    foreign_folder: Path, as_nobody: Callable
) -> None:
    foreign_folder.chmod(0o555)
    with (
        as_nobody(),
        pytest.raises(JarUnavailableError, match="can't be written: Permission denied") as caught,
    ):
        resolve([ALPHA], cache=foreign_folder, repository="http://127.0.0.1:1")
    assert "IOMETE_ENGINE__CACHE_FOLDER" in str(caught.value.hint)


def test_a_whole_cache_needs_not_be_writable(foreign_folder: Path, as_nobody: Callable) -> None:
    (foreign_folder / ALPHA.file_name).write_bytes(CONTENT)
    foreign_folder.chmod(0o555)
    with as_nobody():
        assert resolve([ALPHA], cache=foreign_folder, repository="http://127.0.0.1:1")


def test_threads_that_fetch_the_same_jar_at_once_all_get_it(
    repository: Repository, cache: Path
) -> None:
    together = threading.Barrier(2, timeout=10)

    def answer(request: BaseHTTPRequestHandler) -> None:
        together.wait()  # neither is served before both have asked
        whole(CONTENT)(request)

    repository.serve(ALPHA, answer)
    with ThreadPoolExecutor(2) as pool:
        running = [
            pool.submit(resolve, [ALPHA], cache=cache, repository=repository.url) for _ in range(2)
        ]
        assert [future.result()[0].read_bytes() for future in running] == [CONTENT, CONTENT]
    assert [path.name for path in cache.iterdir()] == ["alpha-1.0.jar"]


RESOLVE = """
import sys
from pathlib import Path
from iomete.engine.jars import Artifact, resolve
cache, repository, size, sha256 = sys.argv[1:]
wanted = Artifact("org.example.jars", "alpha", "1.0", int(size), sha256)
print(resolve([wanted], cache=Path(cache), repository=repository)[0].stat().st_size)
"""


def test_processes_that_fetch_the_same_jar_at_once_all_get_it(
    repository: Repository, cache: Path
) -> None:
    together = threading.Barrier(2, timeout=30)

    def answer(request: BaseHTTPRequestHandler) -> None:
        together.wait()
        whole(CONTENT)(request)

    repository.serve(ALPHA, answer)
    given = [str(cache), repository.url, str(ALPHA.size_bytes), ALPHA.sha256]
    command = [sys.executable, "-c", RESOLVE, *given]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in running] == [f"{len(CONTENT)}\n"] * 2
    assert [path.name for path in cache.iterdir()] == ["alpha-1.0.jar"]


def test_verify_finds_what_is_missing_and_what_was_altered(
    repository: Repository, cache: Path
) -> None:
    gone = artifact("gone", b"gone")
    resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    assert verify([ALPHA, BETA], cache=cache) == []
    (cache / ALPHA.file_name).write_bytes(b"x" * len(CONTENT))
    assert verify([ALPHA, BETA, gone], cache=cache) == [ALPHA, gone]


def test_folders_are_made_for_the_user_alone(repository: Repository, cache: Path) -> None:
    cache.parent.parent.chmod(0o755)
    resolve([ALPHA], cache=cache, repository=repository.url)
    assert [path.stat().st_mode & 0o777 for path in (cache, cache.parent)] == [0o755] * 2
    assert cache.parent.parent.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_folder_that_others_could_write_is_closed_and_its_jars_verified(
    repository: Repository, cache: Path, mode: int
) -> None:
    resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    (cache / ALPHA.file_name).write_bytes(b"x" * len(CONTENT))
    cache.chmod(mode)
    (path, _) = resolve([ALPHA, BETA], cache=cache, repository=repository.url)
    assert path.read_bytes() == CONTENT
    assert cache.stat().st_mode & 0o777 == mode & 0o755
    assert len(repository.asked) == 3  # what was whole isn't fetched again


def test_a_jar_that_others_could_write_is_closed_and_verified(
    repository: Repository, cache: Path
) -> None:
    (path,) = resolve([ALPHA], cache=cache, repository=repository.url)
    path.write_bytes(b"x" * len(CONTENT))
    path.chmod(0o666)
    resolve([ALPHA], cache=cache, repository=repository.url)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_jar_in_a_folder_of_others_is_refused_unless_it_is_right(
    foreign_folder: Path, as_nobody: Callable
) -> None:
    (foreign_folder / ALPHA.file_name).write_bytes(CONTENT)
    (foreign_folder / BETA.file_name).write_bytes(b"x" * len(OTHER))
    foreign_folder.chmod(0o777)
    with as_nobody():
        assert resolve([ALPHA], cache=foreign_folder, repository="http://127.0.0.1:1")
        with pytest.raises(JarUnavailableError, match=r"beta-1\.0\.jar"):
            resolve([BETA], cache=foreign_folder, repository="http://127.0.0.1:1")
