# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a host has, lacks, or has without their names: the judgement of the role `distribute`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: image_standing
short_description: Which images of a list a host has
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Compares images that are pinned by digest with what M(slipway.images.image_info) found on a host.
  - An image that came in an archive is not known to its engine by a digest, and engines do not call the same image by
    the same id. Such an image is recognised by what it is made of, its layers and its configuration, when another host
    has the digest and tells what that is (O(known)).
  - What an engine has by the digest alone, without what the image is made of, is not there. Docker's containerd store
    comes to that when it pulls an image that it has from an archive already.
options:
  _input:
    description: The images, each as V(name:tag@digest).
    type: list
    elements: str
    required: true
  looked:
    description:
      - What M(slipway.images.image_info) returned, asked for all images as they are written, and then for all without
        their digests.
    type: dict
    required: true
  known:
    description: What other hosts say of their images, each the C(fingerprints) that this returned for them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Is it here?
  slipway.images.image_info:
    name: ["{{ pinned }}", shop/app:1]
  register: looked
  vars:
    pinned: shop/app:1@sha256:{{ app_digest }}

- name: Say so
  ansible.builtin.debug:
    msg: "{{ [pinned] | slipway.images.image_standing(looked) }}"
  vars:
    pinned: shop/app:1@sha256:{{ app_digest }}
"""

RETURN = r"""
_value:
  description:
    - C(ready), images that are there under their name, C(untagged), those that are there and whose name means another
      image or none, and C(missing).
    - C(hollow), those of the missing ones of which the engine has the digest without the content of the layers.
    - C(ids), image to the id by which this host's engine calls it, and C(made_of), image to what it is made of, as one
      text that is the same on all engines.
    - C(fingerprints), that of C(made_of) for which the engine has the digest, and can vouch to others.
  type: dict
"""

import hashlib
import json
import typing as t

Attrs = t.Mapping[str, t.Any]

# What is in an image's own config, and comes back from every engine.
MADE_OF = ("Architecture", "Os", "Variant", "Author")
CONFIG = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")
NEVER = "0001-01-01T00:00:00Z"  # how some engines write that there is no time


def image_standing(
    images: t.Sequence[str], looked: t.Mapping[str, t.Any], known: t.Sequence[t.Mapping[str, str]] = ()
) -> dict[str, t.Any]:
    ready: list[str] = []
    untagged: list[str] = []
    missing: list[str] = []
    hollow: list[str] = []
    ids: dict[str, str] = {}
    made_of: dict[str, str] = {}
    fingerprints: dict[str, str] = {}
    found = _found([*images, *map(_name, images)], looked)
    for image in images:
        named, pinned = found.get(_name(image), {}), found.get(image, {})
        if _whole(pinned):
            fingerprints[image] = fingerprint(pinned)
        elif _whole(named) and fingerprint(named) in [told.get(image) for told in known]:
            pinned = named
        else:
            missing.append(image)
            hollow += [image] if pinned else []
            continue
        ids[image], made_of[image] = pinned["Id"], fingerprint(pinned)
        (ready if named.get("Id") == pinned["Id"] else untagged).append(image)
    return {
        "ready": ready,
        "untagged": untagged,
        "missing": missing,
        "hollow": hollow,
        "ids": ids,
        "made_of": made_of,
        "fingerprints": fingerprints,
    }


def _whole(attrs: Attrs) -> bool:
    """Every configuration of an image tells an operating system; an engine that has none tells of none."""
    return bool(attrs.get("Os"))


def _name(image: str) -> str:
    return image.partition("@")[0]


def _found(asked: t.Iterable[str], looked: t.Mapping[str, t.Any]) -> dict[str, Attrs]:
    """Not from the facts: what in check mode an earlier task only would have brought is no fact."""
    missing = set(looked["missing"])
    return dict(zip((name for name in dict.fromkeys(asked) if name not in missing), looked["images"]))


def fingerprint(attrs: Attrs) -> str:
    """The same for one image on all engines, whatever they call it, and whatever they leave out because it is empty."""
    config = attrs.get("Config") or {}
    created = attrs.get("Created")
    made_of = {
        **{key: attrs.get(key) or None for key in MADE_OF},
        "Created": None if created in (None, "", NEVER) else created,
        "Layers": (attrs.get("RootFS") or {}).get("Layers") or [],
        "Config": {key: config.get(key) or None for key in CONFIG},
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"image_standing": image_standing}
