"""Azurite, Azure's blobs on loopback: an npm package, found beside this Python, by AUTOSTORE_AZURITE or on the path."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import os
import shutil
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autostore import AzureStorageConfig
from tests.servers import free_port, listens, process, wait_for

# Known to everybody: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def program() -> str | None:
    """The script `azurite-blob`."""
    beside = Path(__file__).parents[1] / "node_modules" / ".bin" / "azurite-blob"
    return os.environ.get("AUTOSTORE_AZURITE") or (str(beside) if beside.exists() else shutil.which("azurite-blob"))


@dataclass(frozen=True)
class Azurite:
    """A running server: how to reach it with our code, and behind our code's back."""

    endpoint: str

    def config(self, **overrides: Any) -> AzureStorageConfig:
        """Settings that reach it."""
        return AzureStorageConfig(**{
            "account_name": ACCOUNT, "account_key": KEY, "endpoint_url": self.endpoint, **overrides
        })  # fmt: skip

    def make_container(self) -> str:
        """A new, empty one."""
        name = f"container-{uuid.uuid4().hex[:12]}"
        self.asked("PUT", f"/{name}", "restype:container").close()
        return name

    def asked(self, method: str, path: str, query: str = "", body: bytes | None = None) -> Any:
        """One signed request, by Python's own client."""
        date, version = email.utils.formatdate(usegmt=True), "2021-08-06"
        length = str(len(body)) if body else ""
        blob = "x-ms-blob-type:BlockBlob\n" if body is not None else ""
        text = (
            f"{method}\n\n\n{length}\n\n{'application/x' if body is not None else ''}\n\n\n\n\n\n\n"
            f"{blob}x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}{path}"
        ) + (f"\n{query}" if query else "")
        signature = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        headers = {"x-ms-date": date, "x-ms-version": version,
                   "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"}  # fmt: skip
        if body is not None:
            headers |= {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/x"}
        address = f"{self.endpoint}{path}" + (f"?{query.replace(':', '=')}" if query else "")
        request = urllib.request.Request(address, data=body, method=method, headers=headers)
        return urllib.request.urlopen(request, timeout=20)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Skipped where it is not installed."""
    found = program()
    if found is None:
        pytest.skip("Azure's tests need its emulator: npm install azurite (in this checkout, or AUTOSTORE_AZURITE=...)")
    pytest.importorskip("obstore", reason="pip install 'autostore[fast]'")
    port, folder = free_port(), tmp_path_factory.mktemp("azurite")
    command = [found, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    with process([*command, "--skipApiVersionCheck", "--disableTelemetry"], folder / "azurite.log"):
        wait_for(lambda: listens(port), "Azurite")
        yield Azurite(f"http://127.0.0.1:{port}/{ACCOUNT}")
