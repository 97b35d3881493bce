"""The misbehaving server as a fixture: one process for all tests of the module."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


class FaultServer:
    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}"

    def control(self, **settings) -> None:
        body = json.dumps(settings).encode()
        urllib.request.urlopen(f"{self.url}/control", data=body, timeout=10).close()

    def counts(self) -> dict:
        with urllib.request.urlopen(f"{self.url}/counts", timeout=10) as reply:
            return json.load(reply)


@pytest.fixture
def server():
    script = Path(__file__).with_name("fault_server.py")
    process = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdin is not None
        yield FaultServer(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
