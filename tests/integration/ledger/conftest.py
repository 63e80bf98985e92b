# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both databases that a ledger may be in, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.postgres import Cluster, private_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_cluster() as running:
        yield running


@pytest.fixture
def postgresql(cluster: Cluster) -> str:
    cluster.sql("DROP SCHEMA public CASCADE")
    cluster.sql("CREATE SCHEMA public")
    cluster.sql("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return cluster.url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    # Others may come here, for the test of what they may not do.
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    address: str = request.getfixturevalue(request.param)
    return address
