"""E-mails: Python's own messages as .eml files, which any mail program opens."""

from pathlib import Path
from typing import Any

from autostore.plugins import Again, DataHandler, Preview, UnsupportedFormatError, loaded_type, same

__all__ = ["EmailHandler"]


def _same_mail(first: Any, second: Any, again: Again) -> bool:
    return again(list(map(str, first.values())), list(map(str, second.values()))) and bytes(first) == bytes(second)


class EmailHandler(DataHandler):
    """Exact `email.message.EmailMessage` objects as .eml."""

    equality = {"email.message.EmailMessage": _same_mail}
    media_types = {".eml": "message/rfc822"}

    @property
    def extensions(self) -> list[str]:
        """Only .eml."""
        return [".eml"]

    @property
    def priority(self) -> int:
        """A type of its own."""
        return 10

    def can_handle_data(self, data: Any) -> bool:
        """Asked for every value that is written, so it imports nothing."""
        return type(data) is loaded_type("email.message", "EmailMessage")

    def read_from_file(self, file_path: Path, file_extension: str) -> Any:
        """The message, its headers parsed by the modern policy."""
        import email
        from email import policy

        return email.message_from_bytes(file_path.read_bytes(), policy=policy.default)

    def write_to_file(self, data: Any, file_path: Path, file_extension: str) -> None:
        """Write the message if it reads back the same."""
        file_path.write_bytes(bytes(data))
        if not same(self.read_from_file(file_path, file_extension), data):
            raise UnsupportedFormatError("This message would come back changed. Set its headers and content again.")

    def preview(self, data: Any) -> Preview:
        """Subject, sender and the first lines."""
        body = data.get_body(("plain",))
        text = body.get_content()[:300] if body is not None else ""
        return {"subject": str(data["subject"]), "from": str(data["from"]), "head": text}
