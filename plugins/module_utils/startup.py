# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lets a task speak to its engine sooner. A module imports this before its other rooms, and needs no more of it.

On a target all rooms come out of one zip, and Python would compile each of them twice: it asks `zipimporter` for the
file name of a module that it has found, and that compiles the module to tell (CPython 3.9 to 3.14, `zipimport.py`:
`find_spec`, `get_filename`, `_get_module_code`), and once more to run it. Where the rooms lie is known without it.

And it would look for cycles among all objects whenever a few hundred new ones are there, while imports make tens of
thousands that stay.
"""

from __future__ import annotations

import gc
import os
import sys
from zipimport import zipimporter

_HOUSE = __name__.rpartition(".")[0] + "."
_OBJECTS = 50_000  # new ones before Python looks for cycles; with those of a large context, some 10 MB

gc.set_threshold(_OBJECTS)


class Importer(zipimporter):
    """For the rooms of this collection, and for all else what it was made of."""

    def get_filename(self, fullname: str) -> str:
        if not fullname.startswith(_HOUSE):
            return super().get_filename(fullname)
        name = fullname.rpartition(".")[2]
        inside = os.path.join(name, "__init__.py") if self.is_package(fullname) else name + ".py"
        return os.path.join(self.archive, self.prefix + inside)


sys.path_hooks[:] = [Importer if hook is zipimporter else hook for hook in sys.path_hooks]
