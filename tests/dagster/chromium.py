"""Debian's Chromium without a window, driven over the DevTools protocol: opens pages, reads them, takes pictures.

https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import itertools
import json
import shutil
import time
import urllib.request
from contextlib import contextmanager

from websockets.sync.client import connect

from tests.servers import process, wait_for

PROGRAM = shutil.which("chromium")

# As root there is no sandbox; the rest keeps it from talking to anybody but the page.
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--remote-debugging-port=0",
]  # fmt: skip


class Page:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self._ids = itertools.count(1)

    def call(self, method, **parameters):
        """One command of the protocol, and its result; events that arrive in between are passed over."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=30))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url, *, width=1200, height=900):
        """Go to this address, in a window of this size."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)

    def evaluate(self, script):
        """The value of an expression of JavaScript."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self):
        """What a reader sees; whitespace of the layout is one space."""
        return " ".join((self.evaluate("document.body ? document.body.innerText : ''") or "").split())

    def wait(self, *texts, seconds=30):
        """The page's text, once it holds all of these."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self.text()
            missing = [text for text in texts if text not in seen]
            if not missing:
                return seen
            assert time.monotonic() < deadline, f"{missing} not on the page after {seconds} s: {seen[:3000]}"
            time.sleep(0.1)

    def wait_until(self, script, seconds=30):
        """The value of an expression of JavaScript, once it is true."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"Not true after {seconds} s: {script}. The page: {self.text()[:3000]}"
            time.sleep(0.1)
        return value

    def click(self, label):
        """Click the innermost element that says exactly this."""
        innermost = (
            f"[...document.querySelectorAll('*')].filter(e => e.innerText?.trim() === {json.dumps(label)}).pop()"
        )
        self.wait_until(f"!!{innermost}")
        self.evaluate(f"{innermost}.click()")

    def picture(self, file):
        """Save what is in the window as PNG, once nothing has changed on the page for half a second."""
        before = None
        for _ in range(10):
            before, now = self.text(), before
            if before == now:
                break
            time.sleep(0.5)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(folder):
    """A tab of a Chromium of its own, which is ended with the block; its profile and log go to the folder."""
    profile = folder / "profile"
    port_file = profile / "DevToolsActivePort"
    command = [PROGRAM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
    with process(command, folder / "chromium.log"):
        wait_for(lambda: port_file.exists() and port_file.read_text().count("\n") > 0, "Chromium")
        port = port_file.read_text().splitlines()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
            tab = next(target for target in json.load(answer) if target["type"] == "page")
        with connect(tab["webSocketDebuggerUrl"], max_size=None, compression=None) as socket:
            yield Page(socket)
