"""Files: an address to upload to, the upload, and sharing it into a conversation; what people give in forms.

A file is downloaded from a private address of its own, by whoever has a token that may read files. Everybody
else is sent to the page where people sign in.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any

from sandbox.company import TEAM_ID
from sandbox.slack_arguments import Refused, number, parsed, required
from sandbox.slack_channels import Channels
from sandbox.slack_people import BOT_USER

Json = dict[str, Any]
_LONGEST_ALT = 1000


@dataclass(slots=True)
class File:
    """One file; `channel` is where it was shared, None before that."""

    id: str
    name: str
    length: int
    path: str  # where its bytes are posted to
    content: bytes | None = None
    title: str = ""
    alt: str = ""  # what a screen reader says of a picture
    channel: str | None = None
    user_id: str = ""  # who gave it; "" for the app's own

    def as_json(self, host: str) -> Json:
        """Return the file as forms and files.info show it."""
        kind = self.name.rpartition(".")[2]
        address = f"http://{host}/files-pri/{TEAM_ID}-{self.id}"
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "filetype": kind,
            "mimetype": {"csv": "text/csv", "txt": "text/plain"}.get(kind, "application/octet-stream"),
            "user": self.user_id or BOT_USER.id,
            "user_team": TEAM_ID,
            "mode": "hosted",
            "size": self.length,
            "url_private": f"{address}/{self.name}",
            "url_private_download": f"{address}/download/{self.name}",
        }


@dataclass(slots=True)
class Files:
    """The files of one workspace."""

    channels: Channels
    files: dict[str, File] = field(default_factory=dict)

    def shared(self) -> list[File]:
        """Return the files that were shared, oldest first."""
        return [file for file in self.files.values() if file.channel is not None]

    def give(self, user_id: str, name: str, content: bytes) -> File:
        """Take a file that somebody puts into a form."""
        file_id = f"F{len(self.files):010d}"
        self.files[file_id] = File(file_id, name, len(content), "", content, user_id=user_id)
        return self.files[file_id]

    def info(self, args: Json) -> Json:
        """files.info. The addresses are paths; the application knows its own host."""
        file = self.files.get(required(args, "file"))
        if file is None or file.content is None:
            raise Refused("file_not_found")
        return {"file": file.as_json("")}

    def begin(self, args: Json) -> Json:
        """files.getUploadURLExternal. The address is a path; the application knows its own host."""
        name, length = required(args, "filename"), number(args, "length")
        alt = str(args.get("alt_txt") or "")
        if length <= 0:
            raise Refused("invalid_arguments")
        if len(alt) > _LONGEST_ALT:
            raise Refused("alt_txt_too_large")
        file_id = f"F{len(self.files):010d}"
        self.files[file_id] = File(file_id, name, length, f"/upload/v1/{secrets.token_urlsafe(24)}", alt=alt)
        return {"upload_url": self.files[file_id].path, "file_id": file_id}

    def upload(self, path: str, content: bytes) -> int:
        """Take the bytes posted to an address; returns the HTTP status."""
        file = next((one for one in self.files.values() if one.path == path), None)
        if file is None:
            return 404
        if len(content) != file.length:
            return 400
        file.content = content
        return 200

    def complete(self, args: Json) -> Json:
        """files.completeUploadExternal: into a conversation when one is named."""
        wanted = parsed(args.get("files"))
        channel = args.get("channel_id")
        if not wanted or not all(isinstance(one, dict) and one.get("id") for one in wanted):
            raise Refused("invalid_arguments")
        found = [self.files.get(str(one["id"])) for one in wanted]
        if any(file is None or file.content is None for file in found):
            raise Refused("file_not_found")
        if channel and self.channels.user_of(str(channel)) is None:
            known = self.channels.channels.get(str(channel))
            if known is None:
                raise Refused("channel_not_found")
            if not known.bot_in:  # chat:write.public is for messages alone
                raise Refused("not_in_channel")
        for file, one in zip(found, wanted, strict=True):
            if file is not None:
                file.title, file.channel = (
                    str(one.get("title") or file.name),
                    str(channel) if channel else None,
                )
        return {"files": [{"id": file.id, "title": file.title} for file in found if file is not None]}
