# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._image.cache import CACHE_PATH
from ansible_collections.kho.kexec.plugins.module_utils._plan.policy import Policy
from ansible_collections.kho.kexec.plugins.module_utils._record.transition import RECORD_PATH
from ansible_collections.kho.kexec.plugins.module_utils._transition.preview import preview
from ansible_collections.kho.kexec.plugins.module_utils._transition.stage import load
from ansible_collections.kho.kexec.tests.unit.support.kexec_host import LOADED
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, RUN


def test_what_was_seen_of_an_image_is_kept_only_when_something_may_be_changed(host):
    preview(host, Policy(), RUN)
    load(host, Policy(), RUN, True)
    assert not host.exists(CACHE_PATH)
    load(host, Policy(), RUN, False)
    assert host.exists(CACHE_PATH)


def test_a_preview_is_the_plan_and_changes_nothing(host):
    before = host.snapshot()
    seen = preview(host, Policy(), RUN)
    assert (host.snapshot(), host.steps) == (before, [])
    assert (seen["plan"]["action"], seen["transition"]) == ("handover", None)
    assert [(one["release"], one["chosen"], one["code"]) for one in seen["candidates"]] == [
        (NEW, True, None),
        (OLD, False, "not_latest"),
    ]
    staged = load(host, Policy(), RUN, False)
    assert {name: seen[name] for name in ("running", "target", "plan")} == {
        name: staged[name] for name in ("running", "target", "plan")
    }


def test_a_refusal_is_an_answer_of_a_preview(host):
    host.add(LOADED, "1\n")
    assert preview(host, Policy(), RUN)["plan"]["reasons"][0]["code"] == "image_already_loaded"
    host.add(RECORD_PATH, "broken")
    seen = preview(host, Policy(), RUN)
    assert (seen["plan"]["action"], seen["plan"]["reasons"][0]["code"]) == ("refuse", "record_unreadable")
    assert (seen["running"]["release"], seen["target"], seen["candidates"], seen["transition"]) == (OLD, None, [], None)
