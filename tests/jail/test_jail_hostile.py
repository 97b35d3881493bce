"""The hostile suite: what each tier must contain, it contains (docs/jail.md has the table)."""

import ctypes
import os
import socket
import tempfile
import uuid
from pathlib import Path

import pytest
from hostile import CASES, PRELUDE, Case, alive

from cairn import jail
from cairn.jail import Limits

STRONGEST = jail.tier().tier
SMALL = {"seconds": 15.0, "memory_mb": 160, "processes": 24, "disk_mb": 4, "output_kb": 16}
LIBC = ctypes.CDLL(None)
KEY = "sk-live-0123456789abcdef"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A key in the environment, a secret file held open, servers that nobody may reach, and memory
    and queues that belong to others."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "labels.csv").write_text(KEY)
    (folder / "outside.txt").write_text("untouched")
    (folder / "inputs").mkdir()
    (folder / "inputs" / "data").write_text("untouched")
    for path in (folder / "outside.txt", folder / "inputs" / "data"):
        path.chmod(0o644)
    (folder / "jails").mkdir()
    tempfile.tempdir = str(folder / "jails")
    os.environ["CAIRN_TEST_API_KEY"] = KEY
    held = os.open(folder / "labels.csv", os.O_RDONLY)
    os.set_inheritable(held, True)
    kinds = ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(folder / "s")))
    name = f"cairn-{uuid.uuid4()}"
    servers = []
    for family, address in (*kinds, (socket.AF_UNIX, "\0" + name)):
        server = socket.socket(family)
        server.bind(address)
        server.listen()
        server.setblocking(False)
        servers.append(server)
    port = servers[0].getsockname()[1]
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.bind(str(folder / "d"))
    datagrams.setblocking(False)
    words = [str(port), str(folder / "s"), name, str(folder / "d")]
    memory, queue = LIBC.shmget(0, 4096, 0o1600), LIBC.msgget(0, 0o1600)
    mq = f"/{name}".encode()
    LIBC.mq_open(mq, os.O_CREAT | os.O_RDWR, 0o600, None)
    words += [str(memory), str(queue), mq.decode()]
    yield folder, words, servers, datagrams
    # As they were: whoever removed one of them removed it from here too.
    assert (LIBC.shmctl(memory, 0, None), LIBC.msgctl(queue, 0, None)) == (0, 0)
    assert LIBC.mq_unlink(mq) == 0
    datagrams.close()
    for server in servers:
        server.close()
    os.close(held)
    tempfile.tempdir = None
    del os.environ["CAIRN_TEST_API_KEY"]


def tiers():
    """Every case in every tier that is here; those weaker than the strongest are slow."""
    for case in CASES:
        for tier in range(STRONGEST + 1):
            marks = [pytest.mark.slow] if tier < STRONGEST else []
            if tier < case.held_from:
                reason = f"held from tier {case.held_from} on"
                marks.append(pytest.mark.skip(reason=reason))
            yield pytest.param(case, tier, marks=marks, id=f"{case.name}-{tier}")


@pytest.mark.parametrize(("case", "tier"), list(tiers()))
def test_it_is_held(case: Case, tier: int, world):
    folder, addresses, servers, datagrams = world
    token = f"token-{uuid.uuid4()}"
    words = [token, os.getpid(), folder / "labels.csv", folder / "outside.txt", *addresses]
    found = jail.run(
        ["python", "bad.py", *map(str, words)],
        files={"bad.py": PRELUDE + case.source},
        readonly={"inputs": folder / "inputs"},
        limits=Limits(**(SMALL | dict(case.limits))),  # pyright: ignore[reportArgumentType]
        tier=tier,
    )
    assert found.kind in case.kind.split("|"), found
    assert "OUT" not in found.stdout and KEY not in found.stdout + found.stderr, found
    assert alive(token) == [] and found.tier == tier
    assert (folder / "outside.txt").read_text() == "untouched"
    assert (folder / "inputs" / "data").read_text() == "untouched"
    for path in (folder / "outside.txt", folder / "inputs" / "data"):
        found_as = path.stat()
        assert (found_as.st_mode & 0o777, found_as.st_uid) == (0o644, os.getuid())
        assert found_as.st_mtime > 2 and os.listxattr(path) == []
    assert os.listdir(folder / "inputs") == ["data"]
    assert os.listdir(folder / "jails") == []
    assert len(found.stdout) + len(found.stderr) < 4_000_000
    for server in servers:
        with pytest.raises(BlockingIOError):
            server.accept()
    with pytest.raises(BlockingIOError):
        datagrams.recv(9)


def test_the_page_names_every_program_and_from_where_on_it_is_held():
    page = (Path(__file__).parents[2] / "docs/jail.md").read_text()
    listed = page.partition("<!-- hostile -->\n")[2].partition("<!-- end -->")[0]
    tiers = sorted({case.held_from for case in CASES})
    assert listed.splitlines() == [
        f"- From {tier}: {'; '.join(c.name for c in CASES if c.held_from == tier)}."
        for tier in tiers
    ]
