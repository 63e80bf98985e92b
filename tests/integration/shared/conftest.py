# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server that rollouts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.postgres import Cluster, private_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_cluster() as running:
        yield running


@pytest.fixture
def url(cluster: Cluster) -> str:
    """The address of an empty database."""
    cluster.sql("DROP SCHEMA public CASCADE")
    cluster.sql("CREATE SCHEMA public")
    return cluster.url
