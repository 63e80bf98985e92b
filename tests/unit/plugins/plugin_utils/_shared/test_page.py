# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shared rollout as a page."""

from __future__ import annotations

from unit.plugins.plugin_utils._shared.known import FOUND

from ansible_collections.kho.kexec.plugins.plugin_utils._shared.page import render_html


def test_page_tells_all_and_escapes_what_people_wrote():
    page = render_html(FOUND)
    assert "<title>Rollout spring</title>" in page
    assert "web2" in page
    assert "unreachable" in page
    assert "ann@east" in page
    assert "&lt;the spring update&gt;" in page
    assert "kexec_upgrade_target" in page
    assert "As of 2026-11-23 00:01:30 UTC" in page


def test_rollout_that_nobody_joined_has_a_page():
    page = render_html({**FOUND, "terms": None, "runs": [], "hosts": [], "canaries": [], "canaries_proven": None})
    assert "none yet: not proven yet." in page
    assert "<p>None.</p>" in page
