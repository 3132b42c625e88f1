"""Where a store begins, which words are keys, and what the settings say."""

import pytest

from autostore import AutoStore


def test_a_store_begins_at_the_nearest_autostore_folder(tmp_path, shell):
    """A copy deep below writes its mark at the root that holds `.autostore/`, so that the library finds it."""
    store = AutoStore(shell.folder / "data")
    store["a/b/c"] = {"x": 1}
    shell("cp", "data/a/b/c", "data/a/b/d")
    store["a/b/d"] = "another format"
    assert sorted(store.list_files()) == ["a/b/c.json", "a/b/d.txt"]
    assert not list((shell.folder / "data" / "a").rglob(".autostore"))


def test_without_one_the_folder_of_the_key_is_the_store(tmp_path, shell):
    """Plain files of other programs are looked at where they lie, and nothing is written beside them."""
    (shell.folder / "plain").mkdir()
    (shell.folder / "plain" / "t.json").write_text("[1]")
    assert shell("ls", "plain").lines == ["t"]
    assert shell("cat", "plain/t.json").out == "[1]"
    assert shell("info", "./plain/t", "--json").json[0]["type"] == "list"
    assert [file.name for file in (shell.folder / "plain").iterdir()] == ["t.json"]


def test_the_longest_configured_store_wins(tmp_path, shell):
    """Of an address the store is the longest of -s, AUTOSTORE_URI and the settings that is its beginning."""
    folder = shell.folder
    (folder.parent / "settings.toml").write_text(
        f'uri = "{folder}/data"\n[profiles.deep]\nuri = "{folder}/data/deep"\ncache_enabled = true\n'
    )
    AutoStore(folder / "data")["x"] = 1
    shell("cp", "x", f"{folder}/data/deep/y")
    assert (folder / "data" / "deep" / ".autostore").is_dir()
    shell("cp", "x", f"{folder}/data/other/y")
    assert not (folder / "data" / "other" / ".autostore").exists()
    assert shell("ls", "-p", "deep").lines == ["y"]
    assert shell("ls", "-s", f"{folder}/data/other").lines == ["y"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[settings]\naws_secret_access_key = "hunter2"', "secret"),
        ('[profiles.x]\nuri = "s3://b/"\npickle_key = "hunter2"', "secret"),
        ("[settings]\ntimeouts = 3", "timeouts is no setting. Did you mean timeout?"),
        ("[settings]\naws_secret_acess_key = 'hunter2'", "is no setting"),
        ("[profiles.x]\n", "uri"),
        ("colour = 3", "colour"),
        ("= 3", "TOML"),
        ("[settings]\ntimeout = 0", "timeout"),
    ],
)
def test_wrong_settings_are_named(tmp_path, shell, settings, said):
    """A secret, an unknown name or a wrong value in the file is an error that names it, and never shows it."""
    (tmp_path / "settings.toml").write_text(settings)
    done = shell("ls", code=2)
    assert said in done.err
    assert "hunter2" not in done.err


def test_variables_win(tmp_path, shell):
    """AUTOSTORE_... variables are settings, and a wrong one is named."""
    AutoStore(shell.folder / "d")["k"] = 1
    (tmp_path / "settings.toml").write_text("[settings]\nread_only = true")
    assert "read-only" in shell("rm", "d/k", code=4).err
    shell.environment["AUTOSTORE_READ_ONLY"] = "false"
    shell("rm", "d/k")
    shell.environment["AUTOSTORE_TIMEOUT"] = "soon"
    assert "AUTOSTORE_TIMEOUT" in shell("ls", "d", code=2).err
    del shell.environment["AUTOSTORE_TIMEOUT"]
    shell.environment |= {"AUTOSTORE_UI": "1", "AUTOSTORE_HISTROY": "true"}
    assert "Did you mean AUTOSTORE_HISTORY?" in shell("ls", "d", code=2).err


def test_common_options_stand_before_the_command_too(tmp_path, shell):
    """`autostore -p lab ls` is `autostore ls -p lab`; a store in which nothing is says so, and is no error."""
    AutoStore(shell.folder / "d")["k"] = 1
    (tmp_path / "settings.toml").write_text(f'[profiles.lab]\nuri = "{shell.folder}/d"\n')
    for words in (["-p", "lab", "ls"], ["ls", "-p", "lab"], ["-s", "d", "ls"]):
        assert shell(*words).lines == ["k"]
    assert shell("--json", "-s", "d", "ls").json[0]["key"] == "k"
    assert "lab" in shell("-p", "other", "ls", code=2).err
    assert "Nothing is stored in" in shell("-s", "empty", "ls").err


def test_init_writes_settings_once(tmp_path, shell):
    """The file says what can be set, is valid, and is never overwritten."""
    assert shell("init").lines == [str(tmp_path / "settings.toml")]
    assert "[settings]" in (tmp_path / "settings.toml").read_text()
    shell("formats")
    assert "exists already" in shell("init", code=6).err


def test_completion_of_keys(filled, place, shell):
    """A shell completes the next level of keys, of an address as of a key, and nothing where nobody answers."""
    shell.environment["AUTOSTORE_URI"] = place
    assert "flights/" in shell.complete("ls", "fl")
    assert "flights/monday" in shell.complete("info", "flights/m")
    assert "numbers" not in shell.complete("info", "flights/m")
    shell.environment["AUTOSTORE_URI"] = "s3://nowhere-at-all/"
    shell.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    assert shell.complete("ls", "fl").strip() in ("", "_arguments '*: :(())'", "_files")
