"""Extensions that everybody knows, and no format here parses: such a name is a file of text or bytes, as it is.

A key that ends in one names a file under exactly that name, so that `store["report.pdf"] = content` is what
any other program would have saved. They answer to no bare key: `fig.svg` may lie beside `fig`.
A format that holds a value or the file as it is (`NotedHandler`) has its extension for itself: what it refuses
nobody takes.
"""

from __future__ import annotations

__all__ = ["BINARY", "TEXT"]

_TEXT = """
    .bib .conf .css .diff .dot .gpx .graphql .htm .ics .js .kml .log .patch .properties .proto
    .py .r .rst .sh .sql .srt .svg .tex .topojson .ts .vcf .vtt .xsd .xsl
"""
_BINARY = """
    .3gp .7z .aac .accdb .aiff .avi .bz2 .db .dbf .doc .docx .dta .duckdb .epub .fits .flac .gpkg .grib .grib2 .gz
    .h5 .hdf .hdf5 .he5 .heic .ico .iso .jar .kmz .las .laz .m4a .m4v .mat .mdb .mid .mkv .mov .mp3 .mp4 .mpg .odp
    .ods .odt .ogg .opus .orc .otf .pcap .pdf .ppt .pptx .psd .rar .rds .sas7bdat .sav .shp .sqlite .sqlite3 .tar
    .tfrecord .tgz .ttf .wasm .wav .webm .whl .wmv .woff .woff2 .xls .xlsb .xlsm .xpt .xz .zip .zst
"""

TEXT = tuple(_TEXT.split())
"""A str, in UTF-8."""

BINARY = tuple(_BINARY.split())
"""Bytes."""
