# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the place of get-pip.py in ansible-test's cache: installs pip from the wheel that lies beside this file.

Its name tells the version: get_pip_24_2.py wants pip-24.2-*.whl. tests/tools/sanity.py puts both there.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Understood by the real script only.
ONLY_GET_PIP = ("--no-setuptools", "--no-wheel")

version = Path(__file__).stem.replace("get_pip_", "").replace("_", ".")
(wheel,) = Path(__file__).resolve().parent.glob(f"pip-{version}-*.whl")
arguments = [argument for argument in sys.argv[1:] if argument not in ONLY_GET_PIP]

sys.path.insert(0, str(wheel))
from pip._internal.cli.main import main  # noqa: E402

sys.exit(main(["install", "--upgrade", "--force-reinstall", *arguments]))
