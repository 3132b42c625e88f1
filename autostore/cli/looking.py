"""Commands that look: ls, tree, info, cat, head, du, formats."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from autostore.cli.matching import matching, nothing
from autostore.cli.places import Place
from autostore.cli.session import Session, command
from autostore.cli.words import Keys, Long, OneKey, Over, Recursive, Version, Where, switch
from autostore.errors import InvalidConfigError, StorageError, StorageFileNotFoundError
from autostore.info import text
from autostore.info.text import kept
from autostore.info.values import Entry
from autostore.telling import units

__all__ = ["add"]

Rows = Annotated[int, typer.Option("--rows", "-n", min=1, help="How many rows, lines or entries.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for function in (ls, tree, info, cat, head, du, formats):
        command(app)(function)


def ls(
    session: Session, where: Where = None, *, recursive: Recursive = False, long: Long = False, base: Over = None
) -> None:
    """One level of keys and folders (which end in /); -r lists all keys."""
    place = session.find(where, base, may_be_store=True)
    rows = map(_row, matching(place, recursive=True)) if recursive or place.is_pattern else _level(session, place)
    shown = {"size": _size, "modified": _moment, "format": _text, "key": _text}
    piped = ("size", "modified", "format", "key") if long else ("key",)
    session.out.rows(rows, shown, piped=piped)


def tree(
    session: Session,
    where: Where = None,
    *,
    headers: Annotated[bool, switch("--headers", help="Look into each file for type and shape.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many keys.")] = None,
    base: Over = None,
) -> None:
    """All keys in their folders."""
    place = session.find(where, base, may_be_store=True)
    found = place.store.tree(place.folder, limit=limit, headers=headers)
    if not len(found):
        raise nothing(place)
    if session.out.as_json:
        for entry in found:
            session.out.value(_row(entry))
    else:
        for line in str(found).splitlines():
            session.out.line(line)


def info(session: Session, keys: Keys) -> None:
    """Type, shape, columns, size and time, from the files' headers."""
    for number, (store, entry) in enumerate(_each(session, keys)):
        try:
            found = store.info(entry.key)
        except StorageError as error:
            session.failed(error)
            continue
        if session.out.as_json:
            session.out.value(found.as_dict())
        else:
            for line in ([""] if number else []) + str(found).splitlines():
                session.out.line(line)


def cat(session: Session, keys: Keys, *, version: Version = None, base: Over = None) -> None:
    """The bytes of files, as they are, or of one key as it was."""
    if version is not None and len(keys) == 1:
        with session.one(keys[0], base) as place:
            session.out.content(place.key, place.store.read(place.key, as_type=bytes, version=version))
        sys.stdout.flush()
        return
    if version is not None:
        raise InvalidConfigError("--version is of one key. Name that alone.")
    for store, entry in _each(session, keys, base):
        try:
            session.out.content(entry.key, store.read(entry.key, as_type=bytes))
        except StorageError as error:
            session.failed(error)
    sys.stdout.flush()


def head(session: Session, key: OneKey, *, rows: Rows = 10, version: Version = None, base: Over = None) -> None:
    """The first rows, lines or entries of a value, or of one that it had."""
    from autostore.cli.heads import head_of, head_of_value

    with session.one(key, base) as place:
        if version is None:
            shown = head_of(place.store, place.key, rows)
        else:
            shown = head_of_value(place.store, place.store.read(place.key, version=version), rows)
    if session.out.as_json:
        session.out.value(shown.as_json())
    else:
        shown.print(session.out)


def du(session: Session, where: Where = None) -> None:
    """Keys and bytes of each folder one level below, the largest first."""
    place = session.find(where, may_be_store=True)
    totals: dict[str, list[int]] = {}
    for entry in matching(place, recursive=True):
        name, slash, _ = entry.key[len(place.folder) :].partition("/")
        total = totals.setdefault(name + slash if not place.is_pattern else entry.key, [0, 0])
        total[0] += 1
        total[1] += entry.size
    prefix = "" if place.is_pattern else place.folder
    rows = [{"size": size, "keys": keys, "key": prefix + name} for name, (keys, size) in totals.items()]
    rows.sort(key=lambda row: -int(str(row["size"])))
    both = {"size": sum(size for _, size in totals.values()), "keys": sum(keys for keys, _ in totals.values())}
    session.out.rows(
        [*rows, {**both, "key": "total"}] if session.out.is_terminal and not session.out.as_json else rows,
        {"size": _size, "keys": lambda count: f"{count:,}", "key": _text},
        piped=("size", "keys", "key"),
    )


def formats(session: Session) -> None:
    """The formats, in the order in which they are asked for a value."""
    place = session.find(None)
    rows = [
        {"extensions": " ".join(one.extensions), "chosen": "by value" if one.is_inferred else "by name",
         "holds": one.types, "exact": kept(one), "install": one.install, "installed": one.is_available,
         "read_by": one.read_by, "preview": one.preview}
        for one in place.store.formats()
    ]  # fmt: skip
    shown = dict.fromkeys(("extensions", "chosen", "holds", "exact", "install", "read_by", "preview"), _text)
    session.out.rows(rows, shown, piped=tuple(shown))


def _each(session: Session, words: Iterable[str], base: str | None = None) -> Iterator[tuple[Any, Entry]]:
    for word in words:
        place = session.find(word, base)
        try:
            for entry in matching(place, recursive=None):
                yield place.store, entry
        except StorageFileNotFoundError as error:
            session.failed(error)


def _level(session: Session, place: Place) -> Iterator[Mapping[str, Any]]:
    """Keys and folders one level below; the key itself where it is one."""
    found = False
    if not place.is_folder:
        try:
            yield from map(_row, matching(place))
            found = True
        except StorageFileNotFoundError:
            pass
    last = None
    for entry in place.store.entries(place.folder):
        found = True
        end = entry.key.find("/", len(place.folder))
        folder = entry.key[: end + 1]
        if end < 0:
            yield _row(entry)
        elif folder != last:
            last = folder
            yield {"key": folder}
    if not found and not place.key:
        session.out.note(f"Nothing is stored in {place.store.uri}.")
    elif not found:
        raise nothing(place)


def _row(entry: Entry) -> dict[str, Any]:
    told = {
        "key": entry.key, "path": entry.path, "format": entry.format, "size": entry.size,
        "modified": entry.modified_time.isoformat(), "etag": entry.etag,
    }  # fmt: skip
    if entry.header is not None:
        told["type"] = entry.header.type or ""
        told["header"] = text.of_header(entry.header)
    return told if entry.problem is None else {**told, "problem": entry.problem}


def _size(number: int | None) -> str:
    return "" if number is None else units.size(number)


def _moment(told: str | None) -> str:
    from datetime import datetime

    return "" if told is None else units.moment(datetime.fromisoformat(told))


def _text(said: object) -> str:
    return "" if said is None else str(said)
