"""Extensions that everybody knows, and no format here parses: such a name is a file of text or bytes, as it is.

A key that ends in one names a file under exactly that name, so that `store["report.pdf"] = content` is what
any other program would have saved. They answer to no bare key: `fig.svg` may lie beside `fig`.
A format that holds a value or the file as it is (`NotedHandler`) has its extension for itself: what it refuses
nobody takes.
"""

from __future__ import annotations

__all__ = ["BINARY", "TEXT"]

_TEXT = """
    .bib .cfg .conf .css .diff .dot .graphql .htm .ics .ipynb .js .log .patch .properties .proto .py .r .rst .sh
    .sql .srt .svg .tex .ts .vcf .vtt .xml .xsd .xsl
"""
_BINARY = """
    .3gp .7z .aac .aiff .avi .bz2 .db .dbf .doc .docx .duckdb .epub .flac .gpkg .gz .h5 .hdf5 .heic .ico .iso .jar .las
    .laz .m4a .m4v .mid .mkv .mov .mp3 .mp4 .mpg .odp .ods .odt .ogg .opus .otf .pcap .pdf .ppt .pptx .psd .rar .shp
    .sqlite .sqlite3 .tar .tfrecord .tgz .ttf .wasm .wav .webm .whl .wmv .woff .woff2 .xls .xz .zip .zst
"""

TEXT = tuple(_TEXT.split())
"""A str, in UTF-8."""

BINARY = tuple(_BINARY.split())
"""Bytes."""
