# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a release: `make release VERSION=1.2.0`.

Everything happens in a work tree beside the checkout. Only when the tarball has passed every check is the checkout
moved to the finished commit, and the tag set; a failure before that leaves both, and the branch, as they were. Nothing
leaves this machine. docs/releasing.md has the rules.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import yaml
from ansible.utils.version import SemanticVersion

CHECKOUT = Path(__file__).resolve().parents[2]
SHELF = Path(".cache") / "release"
SECTIONS = {
    "major": {"breaking_changes", "removed_features"},
    "minor": {"major_changes", "minor_changes", "deprecated_features"},
}
Fragments = t.Mapping[str, t.Any]  # sections of all fragments, with the last text of each


def main(version: str) -> None:
    judge(version)
    with worktree() as tree, tempfile.TemporaryDirectory() as scratch:
        commit = prepare(tree, version)
        tarball = build(tree, Path(scratch))
        try_out(tarball)
        shelved = adopt(version, commit, tarball)
    print(f"released {version}: commit {commit[:12]}, tag {version}, {shelved}; nothing was pushed or published")
    print(f"next: git push --follow-tags && ansible-galaxy collection publish {shelved}")


def judge(version: str) -> None:
    """That there may be such a release; touches nothing."""
    wanted = SemanticVersion()
    try:
        wanted.parse(version)
    except ValueError:
        raise SystemExit(f"VERSION={version}: not a semantic version (1.2.3, 1.2.3-rc.1)") from None
    if wanted.buildmetadata:
        raise SystemExit(f"VERSION={version}: Galaxy knows no build metadata")
    if git("status", "--porcelain"):
        raise SystemExit("the work tree has changes that no commit holds; commit or stash them")
    if git("tag", "--list", version):
        raise SystemExit(f"the tag {version} is there already")
    past = (yaml.safe_load((CHECKOUT / "changelogs" / "changelog.yaml").read_text()) or {}).get("releases", {})
    latest = max(map(SemanticVersion, past), default=None)
    if latest is not None and not latest < wanted:
        raise SystemExit(f"VERSION={version} does not follow {latest.vstring}, the latest release")
    files = sorted((CHECKOUT / "changelogs" / "fragments").glob("*.y*ml"))
    fragments = {key: text for path in files for key, text in yaml.safe_load(path.read_text()).items()}
    allow(wanted, fragments)


def allow(wanted: SemanticVersion, fragments: Fragments) -> None:
    """The version goes with what the fragments tell of; before 1.0.0 a minor one may do what later takes a major."""
    if "release_summary" not in fragments:
        raise SystemExit("no fragment has a release_summary: say in one what this release is")
    broken, grown = (sorted(SECTIONS[kind] & fragments.keys()) for kind in ("major", "minor"))
    if broken and wanted.major and (wanted.minor or wanted.patch):
        raise SystemExit(f"{', '.join(broken)} in the fragments: that takes a major version")
    if (broken or grown) and wanted.patch:
        raise SystemExit(f"{', '.join(broken + grown)} in the fragments: that takes a minor version at least")


@contextlib.contextmanager
def worktree() -> t.Iterator[Path]:
    """The last commit, checked out where Ansible looks for a collection; gone afterwards, whatever happened."""
    root = Path(tempfile.mkdtemp(prefix="slipway-release-"))
    tree = root / "ansible_collections" / "slipway" / "images"
    try:
        git("worktree", "add", "--quiet", "--detach", str(tree))
        yield tree
    finally:
        shutil.rmtree(root)
        git("worktree", "prune")


def prepare(tree: Path, version: str) -> str:
    """Write version and changelog; gives the commit, which no branch has yet."""
    galaxy = tree / "galaxy.yml"
    text, found = re.subn(r"(?m)^version: .*$", f"version: {version}", galaxy.read_text())
    if found != 1:
        raise SystemExit("galaxy.yml has no version, or several")
    galaxy.write_text(text)
    run("antsibull-changelog", "release", cwd=tree)
    run("antsibull-changelog", "lint", cwd=tree)
    git("add", "--all", tree=tree)
    git("commit", "--quiet", "--no-verify", "--message", f"Release {version}", tree=tree)
    return git("rev-parse", "HEAD", tree=tree)


def build(tree: Path, scratch: Path) -> Path:
    run("ansible-galaxy", "collection", "build", "--output-path", str(scratch), ".", cwd=tree)
    (tarball,) = scratch.glob("*.tar.gz")
    return tarball


def try_out(tarball: Path) -> None:
    support = CHECKOUT / "tests" / "support"
    run(str(support / "importer.sh"), str(tarball))
    run(str(support / "fresh.sh"), str(tarball))


def adopt(version: str, commit: str, tarball: Path) -> Path:
    """All or nothing: the branch moves last, and only forward."""
    git("tag", "--annotate", "--message", f"slipway.images {version}", version, commit)
    shelved = SHELF / tarball.name
    try:
        (CHECKOUT / SHELF).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tarball, CHECKOUT / shelved)
        git("merge", "--quiet", "--ff-only", commit)
    except BaseException:
        git("tag", "--delete", version)
        (CHECKOUT / shelved).unlink(missing_ok=True)
        raise
    return shelved


def git(*words: str, tree: Path = CHECKOUT) -> str:
    done = subprocess.run(["git", "-C", str(tree), *words], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def run(*command: str, cwd: Path = CHECKOUT) -> None:
    print("+", Path(command[0]).name, *command[1:], flush=True)
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of every `finally`
    try:
        main(sys.argv[1])
    except subprocess.CalledProcessError as failure:
        words = " ".join(map(str, failure.cmd))
        raise SystemExit(f"no release: `{words}` ended with {failure.returncode}; everything is as it was") from None
