# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.kho.kexec.plugins.module_utils._host.errors import Note
from ansible_collections.kho.kexec.plugins.module_utils._installed.choice import Choice, Rejected
from ansible_collections.kho.kexec.tests.unit.support.transitions import NEW, OLD, candidate, image, situation, target


def test_candidates_the_chosen_one_first():
    why = Note("not_newest", "It is older.")
    choice = Choice(candidate(), (Rejected(candidate(OLD), why),), None)
    chosen, other = situation(choice=choice).candidates()
    assert (chosen["release"], chosen["chosen"], chosen["code"], chosen["message"]) == (NEW, True, None, None)
    assert (other["release"], other["chosen"], other["code"]) == (OLD, False, "not_newest")
    assert set(chosen) == set(other)


def test_target_is_told_from_a_later_one_with_the_same_names():
    one = target()
    path, identity = one.files[0]
    later = one._replace(files=((path, identity._replace(inode=identity.inode + 1)), *one.files[1:]))
    assert one.release == later.release == NEW
    assert one.fingerprint != later.fingerprint


def test_initrds_beside_the_image_count():
    assert target().has_initrd
    assert not target(candidate=candidate(initrds=()), image=image(uki=None)).has_initrd
    assert not target(candidate=candidate(initrds=()), image=None).has_initrd


def test_target_as_modules_return_it():
    shown = target(command_line="kho=on \x1b", image=None).as_dict()
    assert (shown["release"], shown["command_line"], shown["kernel"]) == (NEW, "kho=on ?", None)
