# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory of blobs by their digests, and an index that names some: an OCI layout, in which buildx keeps a cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.disk import replacement
from ansible_collections.slipway.images.plugins.module_utils.disk.tree import PIECE
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

NAME = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Blob(t.NamedTuple):
    """One that is being written: `sha` is that of what is in `file` so far."""

    file: t.BinaryIO
    sha: t.Any
    path: str


@dataclass(frozen=True)
class BlobStore:
    root: str

    def named(self, name: str) -> str:
        """The digest that bears the name; `""`: none does, or there is no such directory."""
        found = [each for each in self._index()["manifests"] if _name(each) == name]
        return str(found[0].get("digest", "")) if found else ""

    def give(self, name: str, descriptor: t.Mapping[str, t.Any]) -> None:
        index = self._index()
        others = [each for each in index["manifests"] if _name(each) != name]
        named = {**descriptor, "annotations": {**(descriptor.get("annotations") or {}), NAME: name}}
        self._put("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self._put("index.json", {**index, "manifests": [*others, named]})

    def size(self, digest: str) -> int | None:
        """Bytes of the blob, `None` when it is not here."""
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            return None

    def pieces(self, digest: str, offset: int, size: int) -> t.Iterator[bytes]:
        """`size` bytes from `offset` on, as far as there are so many."""
        with open(self.path(digest), "rb") as file:
            file.seek(offset)
            while size > 0 and (piece := file.read(min(size, PIECE))):
                size -= len(piece)
                yield piece

    @contextlib.contextmanager
    def blob(self) -> t.Iterator[Blob]:
        """A new one; gone when the block ends, unless it was kept. `UsageError` when it cannot be written."""
        folder = os.path.join(self.root, "blobs/sha256")
        try:
            os.makedirs(folder, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=folder, prefix=".new-")
            try:
                with open(handle, "wb") as file:
                    yield Blob(file, hashlib.sha256(), path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as exc:
            said = (exc.strerror or str(exc)).lower()
            raise UsageError("cannot write a cache into %s: %s" % (self.root, said), path=self.root) from exc

    def keep(self, blob: Blob) -> str:
        """Under its digest, which it gives."""
        digest = f"sha256:{blob.sha.hexdigest()}"
        blob.file.flush()
        os.fchmod(blob.file.fileno(), 0o644)
        os.replace(blob.path, self.path(digest))
        return digest

    def path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise FormatError("%r is no digest of a blob" % digest)
        return os.path.join(self.root, "blobs/sha256", digest[7:])

    def _index(self) -> dict[str, t.Any]:
        place = os.path.join(self.root, "index.json")
        try:
            with open(place, encoding="utf-8") as file:
                index = json.load(file)
            return {**index, "manifests": [dict(each) for each in index["manifests"]]}
        except FileNotFoundError:
            kind = "application/vnd.oci.image.index.v1+json"
            return {"schemaVersion": 2, "mediaType": kind, "manifests": []}
        except OSError as exc:
            raise UsageError("cannot read %s: %s" % (place, (exc.strerror or str(exc)).lower()), path=place) from exc
        except (ValueError, KeyError, TypeError) as exc:
            raise FormatError("%s is no index of an OCI layout; give the cache another directory" % place) from exc

    def _put(self, name: str, content: t.Mapping[str, t.Any]) -> None:
        with replacement.of(os.path.join(self.root, name)) as new:
            new.file.write(json.dumps(content).encode())
            os.fchmod(new.file.fileno(), 0o644)


def _name(descriptor: t.Mapping[str, t.Any]) -> t.Any:
    return (descriptor.get("annotations") or {}).get(NAME)
