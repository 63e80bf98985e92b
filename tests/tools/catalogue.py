# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of `make test` and of `make test-all`, in their order.

On guests `make test` runs the main job, the facts of each kind of boot and a few of the stories. `make test-all` does
everything, and everything on guests once more without snapshots.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from . import artefact, environments, packages, sanity
from .interpreters import MODULE_VERSIONS, spell
from .layout import BUILD, COLLECTION, COLLECTIONS, ROOT
from .runner import WHOLE_MACHINE, Context, Step, StepFailed
from .venvs import Environment, ensure_all

TESTS = ROOT / "tests"
UNIT = TESTS / "unit"
INTEGRATED = TESTS / "integration"
# The folder of integration tests whose stand-in hosts are late when they have to share; last, as others wait for it.
MEASURING = "reboot"
# Those that take longest begin first: what is left for the end is short, and keeps all processors busy.
LONGEST = ("rollout", "soak", "play_options", "attacks", "shared", "ledger", "inventories", "docs", "report")
# Folders with many runs of playbooks, of what ansible-cores have in common: `make test` takes the newest alone.
WITH_ONE_CORE = ("play_options", "report", "soak")
# Tests that show for one more case what others show have this mark: `make test` leaves them out.
WITHOUT_MORE_CASES = ("-m", "not only_in_all")
# Runs side by side that die and begin again, long soaks, each mistake by itself: minutes, only in `make test-all`.
FOLDERS_ONLY_IN_ALL = ("slices", "soaks", "typed")
MODULE_UTILS = Path("plugins", "module_utils")
MOLECULE = ROOT / "molecule"
# Those that the tests on real guests use.
DRGN = "KHO_LAB_DRGN"
"""Names the Python that has drgn, for the test of the post-mortem."""
KERNELS = ("old", "new", "kho-v9", "metadata-v2", "tiny-log", "pstore", "debian")

# Scenarios that only `make test-all` runs, because they take long.
ONLY_IN_ALL = ("facts_chain", "facts_refused", "other_ways", "own_kernels", "prepare")
# The scenario for kernels that somebody has built, and the lab's own that are given to it as if they were.
OWN_KERNELS = "own_kernels"
AS_SOMEBODYS = ("new", "kho-v9")
GIVEN = BUILD / "own_kernels" / "given"
ALL_CORES = tuple(environments.CORES)
WITHOUT_SNAPSHOTS = {"KHO_LAB_COLD": "1"}

PYTHON = frozenset({"python"})
CORE = PYTHON | {"unit"}
LAB = PYTHON | {"lab"}
INTEGRATION = LAB | {"integration"}

Action = Callable[[Context], None]
Chosen = TypeVar("Chosen")


def tool(name: str, *arguments: str | os.PathLike[str]) -> Action:
    """Return an action that runs one program of the step's environment."""
    return lambda context: context.tool(name, *arguments)


# --- lint ---------------------------------------------------------------------------------------------------------


def ruff(context: Context) -> None:
    """Lint and check the format of all Python files."""
    context.tool("ruff", "check", ".")
    context.tool("ruff", "format", "--check", ".")


def mypy(context: Context) -> None:
    """Check the types of the pure core, of the controller's helpers, and of what tests have as programs."""
    plugins = COLLECTIONS / COLLECTION / "plugins"
    folders = [plugins / "module_utils", plugins / "plugin_utils"]
    folders += [TESTS / name for name in ("bench", "crashes", "lab", "matrix", "pages", "stories", "tools")]
    context.tool("mypy", *(os.path.relpath(folder, ROOT) for folder in folders))


def docs(context: Context) -> None:
    """Check the change log's fragments and the plugins' documentation."""
    context.tool("antsibull-changelog", "lint")
    context.tool("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", ".")


def lint(dev: Environment) -> Iterator[Step]:
    """Yield the linters."""
    for name, title, action in (
        ("ruff", "Python style and complexity (ruff)", ruff),
        ("mypy", "types (mypy --strict)", mypy),
        ("yamllint", "YAML style (yamllint)", tool("yamllint", "--strict", ".")),
        ("ansible-lint", "Ansible rules (ansible-lint, profile production)", tool("ansible-lint", "--offline")),
        ("docs", "change log and plugin documentation (antsibull)", docs),
    ):
        yield Step(name, "lint", title, action, PYTHON, (dev,))


# --- without guests -----------------------------------------------------------------------------------------------


def module_unit_tests(context: Context) -> None:
    """Compile what runs on managed hosts, then test its pure core."""
    context.tool("python", "-m", "compileall", "-q", "-f", ROOT / MODULE_UTILS, ROOT / "plugins" / "modules")
    context.tool("pytest", UNIT / MODULE_UTILS)


def ends(versions: Sequence[Chosen]) -> list[Chosen]:
    """Return the oldest and the newest of the versions, which are in their order."""
    return [versions[0], versions[-1]]


def unit(dev: Environment, everything: bool = False) -> Iterator[Step]:
    """Yield the unit tests: the core on Pythons of managed hosts, plugins with ansible-cores, tools on one Python.

    Of everything with each of them, and plugins on the tools' Python, too; else with the oldest and the newest.
    """
    choose = list if everything else ends
    for version in choose(MODULE_VERSIONS):
        wanted = environments.for_modules(version)
        yield unit_step(wanted, f"unit tests on Python {spell(version)}", module_unit_tests)
    without_core = f"--ignore={UNIT / MODULE_UTILS}"
    elsewhere = without_core if everything else f"--ignore={UNIT / 'plugins'}"
    title = "unit tests on the tools' Python"
    some = () if everything else WITHOUT_MORE_CASES
    yield Step("unit-tools", "unit", title, tool("pytest", *some, UNIT, elsewhere), PYTHON, (dev,))
    for core in choose(ALL_CORES):
        action = tool("pytest", UNIT / "plugins", without_core)
        yield unit_step(environments.for_core(core), f"unit tests with ansible-core {core}", action, "unit-")


def unit_step(wanted: environments.Wanted, title: str, action: Action, prefix: str = "") -> Step:
    """Return the step of one environment, with the reason when this machine cannot have that environment."""
    made = (wanted.environment,) if wanted.environment else ()
    return Step(prefix + wanted.name, "unit", title, action, CORE, made, wanted.absent)


def integration(dev: Environment, everything: bool) -> Iterator[Step]:
    """Yield the integration tests, a step a folder: with all ansible-cores, or with the oldest and the newest."""
    versions = ALL_CORES if everything else ends(ALL_CORES)
    made = (dev, *cores(versions))
    names = {path.parent.name for path in INTEGRATED.glob("*/test_*.py")}
    names -= set() if everything else set(FOLDERS_ONLY_IN_ALL)
    for name in [*LONGEST, *sorted(names - {*LONGEST, MEASURING}), MEASURING]:
        processors = WHOLE_MACHINE if name == MEASURING else 1
        some = versions[-1:] if name in WITH_ONE_CORE and not everything else versions
        action = partial(integrate, name, some, () if everything else WITHOUT_MORE_CASES)
        title = f"integration tests, {name.replace('_', ' ')}"
        yield Step(f"integration-{name}", "integration", title, action, INTEGRATION, made, processors=processors)


def integrate(folder: str, versions: Sequence[str], options: Sequence[str], context: Context) -> None:
    """Run the integration tests of a folder."""
    context.variables = {environments.SOME_CORES: " ".join(versions)}
    context.tool("pytest", *options, INTEGRATED / folder)


def sanity_steps(everything: bool) -> Iterator[Step]:
    """Yield ansible-test sanity with the newest ansible-core, which knows the most rules."""
    newest = ALL_CORES[-1]
    wanted = environments.for_core(newest)
    made = (wanted.environment,) if wanted.environment else ()
    title = f"ansible-test sanity, ansible-core {newest}"
    yield Step(f"sanity-{wanted.name}", "sanity", title, partial(sanity.check, everything), PYTHON, made, wanted.absent)


# --- with real guests ---------------------------------------------------------------------------------------------


def build_lab(context: Context) -> None:
    """Build what the guests need, with its progress in sight; nothing to do when it is there."""
    context.tool("python", "-m", "lab", "build", *KERNELS)


def with_cores(context: Context) -> None:
    """Upgrade real guests with the other ansible-cores."""
    build_lab(context)
    context.tool("pytest", TESTS / "guests" / "test_cores.py")


def snapshots(context: Context) -> None:
    """Compare guests that went on from snapshots."""
    build_lab(context)
    context.tool("pytest", TESTS / "guests" / "test_snapshots.py")


def by_hand(context: Context) -> None:
    """Use molecule as somebody does in a terminal."""
    build_lab(context)
    context.tool("pytest", TESTS / "guests" / "test_molecule.py")


def post_mortem(debugger: Environment, context: Context) -> None:
    """Read the dump of a guest; the kernel with debug information is built for that alone."""
    context.tool("python", "-m", "lab", "build", "debug-info")
    context.variables = {DRGN: str(debugger.tool("python"))}
    context.tool("pytest", TESTS / "guests" / "test_post_mortem.py")


def cores(versions: Iterable[str] = ALL_CORES) -> tuple[Environment, ...]:
    """Return the environments of ansible-cores, of all if not told otherwise, that this machine can have."""
    wanted = [environments.for_core(core) for core in versions]
    return tuple(one.environment for one in wanted if one.environment)


def matrix(context: Context) -> None:
    """Compare all predictions with real kexecs, whatever an earlier run has found."""
    build_lab(context)
    context.tool("python", "-m", "matrix", "--afresh")


def stories(context: Context, *words: str) -> None:
    """Tell bad days."""
    build_lab(context)
    context.tool("python", "-m", "stories", *words)


def with_guests(
    name: str, group: str, title: str, action: Action, made: tuple[Environment, ...], absent: str | None = None
) -> Step:
    """Return a step that runs guests or builds kernels, which want the machine for themselves."""
    return Step(name, group, title, action, LAB, made, absent, WHOLE_MACHINE)


def cold(step: Step) -> Step:
    """Return the step once more, on guests that are switched on."""

    def action(context: Context) -> None:
        context.variables = WITHOUT_SNAPSHOTS
        step.action(context)

    return replace(step, name=f"{step.name}-cold", title=f"{step.title}, without snapshots", action=action)


def guests(dev: Environment, everything: bool) -> Iterator[Step]:
    """Yield the building of the lab and the stories; of everything, also the matrix, a terminal and each core."""
    some = () if everything else ("--representative",)
    yield with_guests("lab", "guests", "kernels and disks of the guests", build_lab, (dev,))
    title = "bad days that hosts come back from"
    told = with_guests("stories", "guests", title, lambda context: stories(context, *some), (dev,))
    yield told
    if not everything:
        return
    wanted = [environments.for_core(core) for core in environments.CORES]
    absent = "; ".join(one.absent for one in wanted if one.absent) or None
    each = with_guests("cores", "guests", "upgrade with each ansible-core", with_cores, (dev, *cores()), absent)
    cells = with_guests("matrix", "guests", "predictions against real kexecs", matrix, (dev,))
    yield from (each, cells, cold(told), cold(each), cold(cells))
    yield with_guests("snapshots", "guests", "guests from snapshots are machines of their own", snapshots, (dev,))
    debugger = environments.debugger()
    reading = partial(post_mortem, debugger)
    yield with_guests("post-mortem", "guests", "a dump names the transition", reading, (dev, debugger))
    yield with_guests("by-hand", "guests", "molecule, typed in a terminal", by_hand, (dev,))


def no_scenario(_context: Context) -> None:
    """Fail: a run without a scenario has shown nothing."""
    raise StepFailed("molecule/ holds no scenario (no folder with a molecule.yml)")


def molecule_test(scenario: str, context: Context) -> None:
    """Run one scenario from nothing to nothing."""
    build_lab(context)
    if scenario == OWN_KERNELS:
        context.tool("python", "-m", "lab", "kernels", "--copy-to", GIVEN, *AS_SOMEBODYS)
        given = shlex.join(str(GIVEN / f"{name}.deb") for name in AS_SOMEBODYS)
        context.variables = {**context.variables, "KHO_LAB_DEBS": given}
    try:
        context.tool("molecule", "test", "--scenario-name", scenario)
    except StepFailed:
        context.tool("python", "-m", "lab", "report", "--run", f"molecule-{scenario}")
        raise


def scenarios(everything: bool) -> list[str]:
    """Return the names of molecule's scenarios."""
    found = {path.parent.name for path in MOLECULE.glob("*/molecule.yml")}
    return sorted(found if everything else found - set(ONLY_IN_ALL))


def guests_of(scenario: str) -> int:
    """Return how many guests a scenario has: each is named where its platforms are listed."""
    text = (MOLECULE / scenario / "molecule.yml").read_text(encoding="utf-8")
    return len(re.findall(r"^  - name: ", text.partition("\nplatforms:\n")[2], re.MULTILINE))


def molecule(dev: Environment, everything: bool = False) -> Iterator[Step]:
    """Yield a step for each scenario, side by side; of everything, one after the other, each also without snapshots."""
    names = scenarios(everything)
    if not names:
        yield with_guests("molecule", "molecule", "molecule", no_scenario, (dev,))
    for name in names:
        step = with_guests(
            f"molecule-{name}", "molecule", f"molecule scenario {name}", partial(molecule_test, name), (dev,)
        )
        if everything:
            # A scenario is not run twice at the same time.
            yield from (step, cold(step))
        else:
            yield replace(step, processors=1, guests=count) if (count := guests_of(name)) else step


def steps(everything: bool = False) -> list[Step]:
    """Return the steps of `make test`, or of `make test-all`, which does everything."""
    dev = environments.controller()
    return [
        *lint(dev),
        # The longest of those that run side by side begins first.
        *sanity_steps(everything),
        Step(
            "contract",
            "contract",
            "documentation, specs and defaults agree",
            tool("pytest", TESTS / "contract"),
            PYTHON,
            (dev,),
        ),
        *unit(dev, everything),
        Step(
            "artefact",
            "artefact",
            "build, install and look at the artefact",
            partial(artefact.check, everything),
            CORE,
            (dev,),
        ),
        *integration(dev, everything),
        *guests(dev, everything),
        *molecule(dev, everything),
    ]


# --- preparation --------------------------------------------------------------------------------------------------


def install_packages(purposes: frozenset[str], context: Context) -> None:
    """Make sure of the Debian packages."""
    try:
        packages.ensure(purposes, context.run, context.say)
    except packages.PackagesMissing as error:
        raise StepFailed(str(error)) from error


def make_environments(wanted: Iterable[Environment], context: Context) -> None:
    """Make sure of the Python environments."""
    failures = ensure_all(wanted, context.run, context.say)
    if failures:
        raise StepFailed("; ".join(failures))


def prepare(wanted: Iterable[Step]) -> list[Step]:
    """Return the steps that prepare the machine for the wanted ones."""
    runnable = [step for step in wanted if step.absent is None]
    purposes = frozenset(purpose for step in runnable for purpose in step.packages)
    made = dict.fromkeys(environment for step in runnable for environment in step.environments)
    return [
        Step("packages", "prepare", "Debian packages", partial(install_packages, purposes)),
        Step("environments", "prepare", f"Python environments ({len(made)})", partial(make_environments, made)),
    ]
