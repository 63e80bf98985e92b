# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger is asked: the risk of one transition, all that crash, the report of the fleet. Needs SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.kho.kexec.plugins.plugin_utils._common.files import replace_file
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.correlate import correlate
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.counts import count_fleet
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.ledger import Ledger
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.report import render_reports, transition_as_dict
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risk import TOO_FEW
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.risks import crash_risks
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_risks import own_symptoms
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.symptom_words import own_as_dict
from ansible_collections.kho.kexec.plugins.plugin_utils._ledger.words import sentence, summary


def query(ledger: Ledger, previous_release: str, release: str) -> dict[str, Any]:
    """Return what is known of the crashes after one handover."""
    found = correlate(count_fleet(ledger)).of(previous_release, release)
    if found is None:
        message = f"The ledger knows no handover from {previous_release} to {release}, so nothing is known of its risk."
        return {"changed": False, "finding": TOO_FEW, "risk": None, "msg": message}
    return {
        "changed": False,
        "finding": found.risk.finding,
        "risk": transition_as_dict(found),
        "msg": sentence(found),
    }


def assess(ledger: Ledger) -> dict[str, Any]:
    """Return the transitions that crash, for the plans of hosts that are still to take them.

    And what kernels complain about after cold boots, for judging the health of hosts that have taken one.
    """
    counts = count_fleet(ledger)
    fleet = correlate(counts)
    risks = crash_risks(fleet)
    own = [own_as_dict(one) for one in own_symptoms(counts.symptoms, fleet.symptoms)]
    found = f"Transitions that crash more often than cold boots of their release: {len(risks) or 'none was found'}."
    return {
        "changed": False,
        "risks": risks,
        "own_troubles": own,
        "msg": " ".join([found, *(risk["sentence"] for risk in risks)]),
    }


def report(ledger: Ledger, directory: Path, now: int, keep: bool) -> dict[str, Any]:
    """Write the reports of the whole fleet into a directory of the controller."""
    fleet = correlate(count_fleet(ledger))
    texts = {directory / name: text for name, text in render_reports(fleet, now).items()}
    if keep:
        write(texts, directory)
    said = [*summary(fleet), *map(sentence, fleet.transitions)]
    return {"changed": True, "paths": [str(path) for path in texts], "summary": said, "msg": said[0]}


def write(texts: Mapping[Path, str], directory: Path) -> None:
    """Write files, each of which is the old or the new one at any time. Raises LedgerError ``report_unwritable``."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            replace_file(path, text)
    except OSError as error:
        raise LedgerError(
            "report_unwritable",
            f"The report cannot be written to {directory}: {error.strerror}. Reports that are there already stay as "
            "they are. Name a `directory` of the controller that this user may write to.",
        ) from error
