#!/usr/bin/python
# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install the fact script by which plain setup brings ansible_local.kho: kho_fact_script."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kho_fact_script
short_description: Install a script with which plain setup brings ansible_local.kho
version_added: 0.1.0
description:
  - Writes one executable file, C(kho.fact), into the directory from which M(ansible.builtin.setup) takes local facts.
    From then on C(ansible_facts.ansible_local.kho) has what C(ansible_facts.kho) of M(kho.kexec.kho_facts) has, also
    for those who cannot change which modules gather facts, and for programs other than Ansible.
  - "The file is whole in itself: the same code as in M(kho.kexec.kho_facts), packed as a Python zip application. It
    needs no collection and no network, prints one JSON object whatever happens, and changes nothing on the host."
  - It is written only when its bytes, its owner or its mode are not as they should be. The same version of this
    collection writes the same bytes everywhere.
options:
  state:
    description:
      - With V(present), the script is there, in the version of this collection.
      - With V(absent), it is not. The directory stays.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description:
      - The directory of local facts, which is the option O(ansible.builtin.setup#module:fact_path) of
        M(ansible.builtin.setup).
      - When it is missing it is made, with those above it, with the mode 0755.
      - Nobody but root may be able to write it, or a directory above it.
    type: path
    default: /etc/ansible/facts.d
  interpreter:
    description:
      - The Python that runs the script, 3.8 or newer, as an absolute path of at most 100 characters without spaces.
      - Nobody but root may be able to write it, or a directory above it.
    type: path
    default: /usr/bin/python3
notes:
  - Anybody may run the script, and without root it learns as little as M(kho.kexec.kho_facts) does then. Gather facts
    with C(become=true).
  - A C(kho.fact) that somebody else put there is neither replaced nor removed.
  - The facts of a play are those of the last C(setup). After the script is installed, run it again to see them.
requirements:
  - root
seealso:
  - module: kho.kexec.kho_facts
  - module: ansible.builtin.setup
extends_documentation_fragment:
  - kho.kexec.attributes
  - action_common_attributes
  - action_common_attributes.flow
attributes:
  diff_mode:
    support: full
    details: Shows the SHA-256 and the interpreter, not the bytes.
author:
  - Contributors to the kho.kexec collection (@kho-kexec)
"""

EXAMPLES = r"""
- name: Let setup bring ansible_local.kho
  kho.kexec.kho_fact_script:
  become: true

- name: Gather local facts
  ansible.builtin.setup:
    gather_subset: [local]
  become: true

- name: Show how the kernel was started
  ansible.builtin.debug:
    msg: "{{ ansible_facts.ansible_local.kho.boot }}"

- name: Take the script away
  kho.kexec.kho_fact_script:
    state: absent
  become: true
"""

RETURN = r"""
path:
  description: The script's path.
  returned: success
  type: str
  sample: /etc/ansible/facts.d/kho.fact
sha256:
  description: The SHA-256 of the script; V(null) with O(state=absent).
  returned: success
  type: str
  sample: b597ef1e20e40f3ee8171f456998a1b71e7179bdb4ac64e3742db87197dd1dfb
size:
  description: The size of the script in bytes; V(null) with O(state=absent).
  returned: success
  type: int
  sample: 94290
diff:
  description: The script before and after.
  returned: success
  type: dict
  sample:
    before: {path: /etc/ansible/facts.d/kho.fact, state: absent}
    after:
      path: /etc/ansible/facts.d/kho.fact
      state: present
      interpreter: /usr/bin/python3
      sha256: b597ef1e20e40f3ee8171f456998a1b71e7179bdb4ac64e3742db87197dd1dfb
code:
  description: Stable name of what went wrong, for programs.
  returned: failure
  type: str
  sample: fact_script_foreign
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kho.kexec.plugins.module_utils._fact_script.install import install, remove
from ansible_collections.kho.kexec.plugins.module_utils._host.errors import KhoError
from ansible_collections.kho.kexec.plugins.module_utils._host.port import LocalHost
from ansible_collections.kho.kexec.plugins.module_utils._options.fail import fail


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "directory": {"type": "path", "default": "/etc/ansible/facts.d"},
            "interpreter": {"type": "path", "default": "/usr/bin/python3"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        if options["state"] == "absent":
            result = remove(LocalHost(), options["directory"], module.check_mode)
        else:
            result = install(LocalHost(), options["directory"], options["interpreter"], module.check_mode)
    except KhoError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
