# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real releases of distributions: which are of one flavour, and which are not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kho.kexec.plugins.module_utils._kernel.flavour import flavour_of
from ansible_collections.kho.kexec.plugins.module_utils._kernel.releases import release_key

# Each row is one flavour, oldest release first; no two rows are the same flavour.
FLAVOURS = {
    # Ubuntu, its kernels for clouds and boards, and its builds of mainline
    "generic": ["5.15.0-91-generic", "6.8.0-45-generic", "6.12.0-061200rc7-generic", "6.12.0-061200-generic"],
    "generic-64k": ["6.8.0-31-generic-64k", "7.3.4-2-generic-64k"],
    "lowlatency": ["6.8.0-31-lowlatency"],
    "lowlatency-64k": ["6.8.0-31-lowlatency-64k"],
    "aws": ["6.8.0-1008-aws", "6.14.0-1011-aws"],
    "azure": ["6.8.0-1015-azure"],
    "azure-fde": ["6.8.0-1015-azure-fde"],
    "raspi": ["6.8.0-1015-raspi"],
    "realtime": ["6.8.1-1012-realtime"],
    "nvidia": ["6.8.0-1013-nvidia"],
    "nvidia-64k": ["6.8.0-1013-nvidia-64k"],
    # Debian, its backports and its derivatives
    "amd64": [
        "6.1.0-9-amd64",
        "6.1.0-22-2-amd64",
        "6.8.0-kali3-amd64",
        "6.12.9+bpo-amd64",
        "6.12.9+deb13-amd64",
        "6.12.43+deb13+1-amd64",
        "7.3~rc7+deb14-amd64",
    ],
    "cloud-amd64": ["6.1.0-31-cloud-amd64", "7.2.13+deb14-cloud-amd64"],
    "rt-amd64": ["6.1.0-31-rt-amd64", "7.3.5+deb13-rt-amd64"],
    "arm64": ["6.12.9+deb13-arm64"],
    "arm64-16k": ["6.12.9+deb13-arm64-16k"],
    "686": ["6.1.0-31-686", "6.11.2-686"],
    "686-pae": ["6.1.0-31-686-pae", "6.11.2-686-pae"],
    "5kc-malta": ["6.1.0-31-5kc-malta"],
    "4kc-malta": ["6.1.0-31-4kc-malta"],
    # Raspberry Pi OS
    "rpi-v6": ["6.6.51+rpt-rpi-v6"],
    "rpi-v8": ["6.1.0-rpi7-rpi-v8", "6.1.0-rpi8-rpi-v8", "6.6.51+rpt-rpi-v8", "6.12.25+rpt-rpi-v8"],
    "rpi-2712": ["6.6.51+rpt-rpi-2712", "6.12.25+rpt-rpi-2712"],
    "rpi-v7": ["6.6.51+rpt-rpi-v7"],
    "v7l": ["5.4.79-v7l+"],
    "liquorix-amd64": ["4.15.0-15.1-liquorix-amd64"],
    "un-def-alt": ["4.8.5-un-def-alt1", "4.8.6-un-def-alt1", "4.8.6-un-def-alt2"],
    "v8": ["6.1.21-v8+"],
    "v8-16k": ["6.6.31-v8-16k+"],
    # Fedora, RHEL and what is made of them
    "x86_64": [
        "5.14.0-70.13.1.el9_0.x86_64",
        "5.14.0-503.11.1.el9_5.x86_64",
        "5.14.0-686.el9.x86_64",
        "6.1.112-122.189.amzn2023.x86_64",
        "6.11.4-301.fc41.x86_64",
        "6.12.0-0.rc3.20241018git4d939780b705.34.fc42.x86_64",
        "6.12.0-55.9.1.el10_0.x86_64",
        "7.3.4-24.4.v2101.ky10.x86_64",
    ],
    "x86_64-debug": ["5.14.0-503.11.1.el9_5.x86_64+debug"],
    "x86_64-rt": ["4.18.0-372.rt7.162.el8.x86_64", "5.14.0-503.el9.x86_64+rt"],
    "x86_64-rt-debug": ["7.3.4-2.el10.x86_64+rt-debug"],
    "x86_64-uek": ["5.15.0-300.163.18.1.el9uek.x86_64"],
    "x86_64-elrepo": ["6.11.0-1.el9.elrepo.x86_64"],
    "x86_64-qubes": ["6.6.54-1.qubes.fc37.x86_64"],
    "aarch64": ["5.14.0-503.el9.aarch64"],
    "aarch64-64k": ["5.14.0-503.el9.aarch64+64k"],
    "aarch64-64k-debug": ["7.3.4-2.el10.aarch64+64k-debug"],
    "asahi": ["6.11.8-400.asahi.fc41.aarch64+16k"],
    # SUSE
    "default": ["4.12.14-lp151.28.36-default", "6.4.0-150600.23.25-default", "6.13.0-1.g0123abc-default"],
    "64kb": ["6.4.0-150600.23.25-64kb"],
    "rt": ["6.4.0-150600.10.5-rt"],
    # Arch and its derivatives
    "arch": ["6.11.5-arch1-1", "6.11.5-arch2-1", "6.12.arch1-1"],
    "lts": ["6.6.58-1-lts", "6.6.58-2-lts", "6.6.59-0-lts"],
    "zen": ["6.11.5-zen1-1-zen", "6.11.6-zen2-1-zen"],
    "hardened": ["6.11.5-hardened1-1-hardened"],
    "rt-lts": ["6.6.52-rt43-1-rt-lts"],
    "manjaro": ["6.6.54-2-MANJARO"],
    "cachyos": ["6.11.5-2-cachyos", "7.3.4-cachyos"],
    "cachyos-lts": ["7.4.0-cachyos-lts"],
    # Others
    "gentoo-x86_64": ["7.3.4-gentoo-x86_64", "7.3.4-gentoo-r1-x86_64", "7.3.4-gentoo-r10-x86_64"],
    "gentoo": ["6.6.58-gentoo", "6.6.58-gentoo-r1"],
    "gentoo-dist": ["6.6.58-gentoo-dist", "6.6.58-gentoo-r1-dist"],
    "virt": ["6.6.58-0-virt"],
    "pve": ["6.8.4-2-pve", "6.8.12-4-pve", "6.8.12-10-pve"],
    "esx": ["6.1.112-1.ph5-esx"],
    "desktop": ["6.6.58-desktop-1.mga9"],
    "xanmod": ["6.11.5-x64v3-xanmod1", "6.11.5-x64v3-xanmod2"],
    "xanmod-v2": ["6.11.5-x64v2-xanmod1"],
    "tegra": ["5.15.136-tegra"],
    "rk35xx": ["6.1.75-vendor-rk35xx"],
    "talos": ["6.18.1-talos"],
    "": ["6.6.58", "6.6.58_1", "6.6.58_2", "6.12.0-rc3", "6.12.0-rc3-00123-gabcdef123456", "6.12.0", "6.12.0+"],
    "kho": ["7.2.13-kho", "7.3.4-kho"],
}


@pytest.mark.parametrize("name", FLAVOURS)
def test_releases_of_one_flavour_are_ordered(name):
    releases = FLAVOURS[name]
    assert len({flavour_of(release).key for release in releases}) == 1
    assert sorted(releases, key=release_key) == releases


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FLAVOURS, 2)))
def test_other_flavours(one, other):
    assert flavour_of(FLAVOURS[one][0]).key != flavour_of(FLAVOURS[other][0]).key


@pytest.mark.parametrize(
    ("release", "shown", "rest"),
    [
        ("7.3.4-2-generic-64k", "generic-64k", "7.3.4-2"),
        ("6.11.5-zen1-1-zen", "zen", "6.11.5-1"),
        ("7.3.0-rc7", "without a name", "7.3.0-rc7"),
        ("6.6.58", "without a name", "6.6.58"),
    ],
)
def test_what_is_shown_and_what_is_left(release, shown, rest):
    assert (str(flavour_of(release)), flavour_of(release).rest) == (shown, rest)
    assert flavour_of(release).age == release_key(rest)


@given(st.text())
def test_any_text_has_a_flavour(text):
    assert str(flavour_of(text))
