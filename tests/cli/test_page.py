"""docs/cli.md says what happens: its commands are typed in order, and print what stands there."""

import re
import subprocess
import sys

from tests.cli.child import open_door, run_block
from tests.cli.conftest import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()
KNOCK = ROOT / "tests" / "cli" / "knock.py"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(block):
    """Each command with the lines that it prints; `…` stands for anything."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, re.escape(output).replace("…", ".*")


def test_the_page_is_true(shell, tmp_path):
    """A reader who types the page gets what it says."""
    (tmp_path / "bin").mkdir()
    script, socket = tmp_path / "bin" / "autostore", f"{tmp_path}/door"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {KNOCK} {socket} "$@"\n')
    script.chmod(0o755)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    environment = {**shell.environment, "PATH": f"{script.parent}:{shell.environment['PATH']}"}
    door = shell.nursery.start(open_door, socket)
    try:
        assert door.hear(60) == "open"
        for kind, block in BLOCK.findall(PAGE):
            if kind == "python":
                assert shell.nursery.start(run_block, block, str(shell.folder), environment).last_words() == ["done"]
            else:
                check(block, shell.folder, environment)
    finally:
        door.kill()


def check(block, folder, environment):
    """Type a block's commands, in order."""
    for command, expected in typed(block):
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (command, done.stderr)
        printed = re.sub(r"\t+$", "", done.stdout, flags=re.MULTILINE)  # an empty last column, which no reader sees
        assert re.fullmatch(expected, printed, re.DOTALL), (command, done.stdout)


def test_the_page_names_every_command_and_code():
    """No command is left out, and the table of exit codes is that of the code."""
    import autostore.cli.boundary
    from autostore.cli.commands import app

    for command in app.registered_commands:
        assert f"`{command.callback.__name__}" in PAGE or f"autostore {command.callback.__name__}" in PAGE
    codes = re.findall(r"^ *(\d+) ", autostore.cli.boundary.__doc__, re.MULTILINE)
    assert codes == re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)


def test_the_picture_is_of_these_commands():
    """What the README shows of a terminal names nothing but commands that there are, and no folder of a machine."""
    from tests.cli.pictures import COMMANDS

    picture = (ROOT / "docs" / "images" / "cli.svg").read_text()
    for words in COMMANDS:
        assert f"autostore&#160;{words.replace(' ', '&#160;')}" in picture
    assert "polars.DataFrame&#160;3&#160;x&#160;3" in picture
    assert "/tmp/" not in picture
