"""One node of Ceph with its S3 gateway, on loopback and in memory, from Debian's packages.

No manager daemon and no authentication inside the cluster; two seconds from nothing to S3.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "openssl")
_MEMORY_BYTES = 4 << 30

# "crc": the gateway asks for encrypted connections by default, and without
# authentication never gets one.
_MODES = ("mon client", "mon cluster", "mon service", "cluster", "service", "client")
_SETTINGS = {
    "global": {
        "public addr": "127.0.0.1",
        "cluster addr": "127.0.0.1",
        "ms bind msgr1": "false",
        "auth cluster required": "none",
        "auth service required": "none",
        "auth client required": "none",
        **{f"ms {who} mode": "crc" for who in _MODES},
        "pid file": "",
        "osd pool default size": 1,
        "osd pool default min size": 1,
        "osd pool default pg num": 8,
        "osd pool default pgp num": 8,
        "osd pool default pg autoscale mode": "off",
        "osd crush chooseleaf type": 0,
        "mon allow pool size one": "true",
        "mon max pg per osd": 1000,
        "mon data avail crit": 1,
        "mon data avail warn": 2,
        "paxos propose interval": 0.05,
        "paxos min wait": 0.01,
    },
    "osd": {
        "osd objectstore": "memstore",
        "memstore device bytes": _MEMORY_BYTES,
        "osd class load list": "*",
        "osd class default list": "*",
    },
    "client": {
        "rgw enable usage log": "false",
        "rgw enable ops log": "false",
        # Removed objects free their memory soon.
        "rgw gc obj min wait": 1,
        "rgw gc processor period": 3,
        "rgw gc processor max time": 3,
    },
}


@dataclass(frozen=True)
class Node:
    """Where the gateway listens."""

    port: int
    tls_port: int
    certificate: Path


def missing_programs() -> list[str]:
    """The programs that this needs and the machine lacks."""
    return [program for program in _PROGRAMS if shutil.which(program) is None]


@contextmanager
def running_radosgw(folder: Path, access_key: str, secret_key: str) -> Iterator[Node]:
    """Monitor, storage daemon and gateway, with one user; all ended with the block."""
    from tests.servers import free_port, listens, process, wait_for

    node = Node(free_port(), free_port(), folder / "tls.crt")
    config = _prepared(folder, node, free_port())

    def ceph(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env=config, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} {arguments}: {done.stderr}")
        return done.stdout.strip()

    def answers(*question: str, text: str = "") -> bool:
        command = ["ceph", "--connect-timeout", "5", *question]
        done = subprocess.run(command, env=config, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0 and text in done.stdout

    with ExitStack() as stack:
        _make_monitor(folder, ceph)
        stack.enter_context(process(["ceph-mon", "-i", "a", "-f"], folder / "mon.out", config))
        wait_for(lambda: answers("mon", "stat"), "ceph-mon")
        osd_uuid = str(uuid.uuid4())
        number = ceph("ceph", "osd", "new", osd_uuid)
        ceph("ceph-osd", "-i", number, "--mkfs", "--osd-uuid", osd_uuid, "--no-mon-config")
        stack.enter_context(process(["ceph-osd", "-i", number, "-f"], folder / "osd.out", config))
        wait_for(lambda: answers("osd", "stat", text="1 up"), "ceph-osd")
        stack.enter_context(process(["radosgw", "-n", "client.admin", "-f"], folder / "rgw.out", config))
        wait_for(lambda: listens(node.port), "radosgw")
        user = ["--uid=test", "--display-name=test", f"--access-key={access_key}", f"--secret-key={secret_key}"]
        ceph("radosgw-admin", "user", "create", "--admin-socket=", "--max-buckets=0", *user)
        yield node


def _prepared(folder: Path, node: Node, monitor_port: int) -> dict[str, str]:
    """Write certificate and configuration; returns the environment that names it."""
    for name in ("mon", "osd", "rgw", "run", "log"):
        (folder / name).mkdir()
    _make_certificate(folder)
    places: dict[str, dict[str, object]] = {
        "global": {
            "fsid": uuid.uuid4(),
            "mon host": f"v2:127.0.0.1:{monitor_port}",
            "keyring": folder / "keyring",
            "run dir": folder / "run",
            "admin socket": folder / "run" / "$name.sock",
            "log file": folder / "log" / "$name.log",
        },
        "mon": {"mon data": folder / "mon", "mon initial members": "a"},
        "osd": {"osd data": folder / "osd"},
        "client": {
            "rgw data": folder / "rgw",
            "rgw frontends": f"beast tcp_nodelay=1 endpoint=127.0.0.1:{node.port}"
            f" ssl_endpoint=127.0.0.1:{node.tls_port} ssl_certificate={folder / 'tls.pem'}",
        },
    }
    lines = []
    for section, own in places.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {value}" for name, value in {**_SETTINGS.get(section, {}), **own}.items()]
    config = folder / "ceph.conf"
    config.write_text("\n".join(lines) + "\n")
    return {**os.environ, "CEPH_CONF": str(config)}


def _make_certificate(folder: Path) -> None:
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", *subject]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (folder / "tls.pem").write_bytes(key.read_bytes() + certificate.read_bytes())


def _make_monitor(folder: Path, ceph: Callable[..., str]) -> None:
    lines = (folder / "ceph.conf").read_text().splitlines()
    settings = dict(line.split(" = ", 1) for line in lines if " = " in line)
    keyring, map_file = str(folder / "keyring"), str(folder / "monmap")
    everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"]
    ceph("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    ceph("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", *everything)
    ceph("monmaptool", "--create", "--fsid", settings["fsid"], "--addv", "a", f"[{settings['mon host']}]", map_file)
    ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", keyring)
