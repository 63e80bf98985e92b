# SPDX-License-Identifier: GPL-3.0-or-later
#
# make test            everything that CI runs; make test STEPS="unit sanity-dev" only these
# make test-all        all stories, cells, scenarios and ansible-cores, and guests also without snapshots (many hours)
# make demo            upgrade real guests by kexec and show the proof
# make bench           how long things take compared with others, on a real guest
# make matrix          compare every prediction of the plan with a real kexec (about two hours)
# make lab-kernels     the matrix of your own kernels; DEBS="FILE..." names packages, or IMAGE:MODULES (docs/howto/own_kernels.md)
# make stories         bad days on real guests, all of them (some hours); STORIES="NAME..." only these
# make lint|contract|unit|artefact|sanity|integration|guests|molecule
# make steps           the names of all steps
# make prepare         Debian packages and Python environments, nothing else
# make clean           remove build/ (the lab's cache stays: `make lab ARGS=clean` removes it)

.DEFAULT_GOAL := help
.PHONY: help test test-all demo bench matrix lab-kernels stories lint contract unit artefact sanity integration guests molecule steps packages prepare link lab format clean

STEPS ?=
STORIES ?=
DEBS ?=
ARGS ?= --help
# Always after `exec env`: the driver ends with its parent, which has to be make and not a shell of make's.
TOOLS = PYTHONPATH=tests PYTHONPYCACHEPREFIX=build/cache/pycache python3 -m tools --end-with-parent

help:
	@sed -n 's/^# \(make\)/\1/p' Makefile

test:
	@exec env $(TOOLS) test $(STEPS)

test-all:
	@exec env $(TOOLS) test --all $(STEPS)

lint contract unit artefact sanity integration guests molecule:
	@exec env $(TOOLS) test $@

demo bench matrix prepare link:
	@exec env $(TOOLS) $@

stories:
	@exec env $(TOOLS) $@ $(STORIES)

lab-kernels:
	@exec env $(TOOLS) $@ $(if $(STRICT),--strict) $(DEBS)

steps packages:
	@exec env $(TOOLS) show-$@

lab:
	@exec env $(TOOLS) prepare guests
	@PYTHONPATH=tests exec build/venv/dev/bin/python -m lab $(ARGS)

format:
	@exec env $(TOOLS) prepare ruff
	@build/venv/dev/bin/ruff check --fix .; build/venv/dev/bin/ruff format .

clean:
	rm -rf build
