# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the pages of rollouts and of ledgers, for 24 and for 4,000 hosts, to be looked at in build/pages.

With --pictures also as pictures, as Debian's chromium shows them: light, dark, at 500 pixels, and printed (PDF).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports
from ansible_collections.kho.kexec.plugins.plugin_utils._rollout.page import render_html
from pages.ledgers import few, many
from pages.rollouts import BAD, long_name, rollout
from tools.layout import ROOT

FOLDER = ROOT / "build" / "pages"
NOW = 1795392000
SHORT = [f"web{number:02}" for number in range(1, 25)]
CANARY = [1, "10%", "25%", "100%"]
DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")
LOOKS = {"light": (1280, 2400, ()), "dark": (1280, 2400, DARK), "narrow": (500, 2400, ())}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    long = [long_name(number) for number in range(24)]
    fleet = [f"node{number:04}" for number in range(4000)]
    mixed = dict(zip(long[3:7], BAD, strict=True))
    scattered = {host: BAD[at % 4] for at, host in enumerate(fleet[401::37])}
    for name, results in (
        ("rollout-24-good", rollout(SHORT, CANARY, {})),
        ("rollout-24-stopped", rollout(long, [1, 12, "100%"], mixed)),
        ("rollout-24-plan", rollout(long, CANARY, dict.fromkeys(long[3:6], "refused"), check_mode=True)),
        ("rollout-4000-good", rollout(fleet, CANARY, {})),
        ("rollout-4000-stopped", rollout(fleet, CANARY, scattered)),
        ("rollout-4000-plan", rollout(fleet, CANARY, dict.fromkeys(fleet[::37], "refused"), check_mode=True)),
    ):
        yield name, render_html(results)
    yield "ledger-24", render_reports(few(), NOW)["report.html"]
    yield "ledger-4000", render_reports(many(), NOW)["report.html"]


def picture(page: Path) -> None:
    """Let chromium show a page. Raises CalledProcessError, or FileNotFoundError without chromium."""
    with tempfile.TemporaryDirectory() as profile:
        usual = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        usual += [f"--user-data-dir={profile}"]
        wanted = [
            [f"--window-size={width},{height}", f"--screenshot={page.with_suffix('')}-{look}.png", *flags]
            for look, (width, height, flags) in LOOKS.items()
        ]
        wanted.append(["--no-pdf-header-footer", f"--print-to-pdf={page.with_suffix('.pdf')}", *DARK])
        for options in wanted:
            subprocess.run([*usual, *options, page.as_uri()], check=True, capture_output=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pages whose names hold one of the words, or all."""
    parser = argparse.ArgumentParser(prog="pages", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the pages wanted, such as rollout or 4000; default: all")
    parser.add_argument("--pictures", action="store_true", help="let chromium show them")
    given = parser.parse_args(argv)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        if all(word in name for word in given.words):
            path = FOLDER / f"{name}.html"
            path.write_text(text, encoding="utf-8")
            print(path, flush=True)
            if given.pictures:
                picture(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
