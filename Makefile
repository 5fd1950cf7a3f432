# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := bash
PYTHON := $(shell command -v python3)
CACHE := $(CURDIR)/.cache
SUPPORT := tests/support
# Two views of this checkout as a collection: a link to it, and (for what refuses links) a copy outside of it.
LINKED := $(CACHE)/linked
STAGED := $(CACHE)/staged

export ANSIBLE_COLLECTIONS_PATH := $(LINKED)
export ANSIBLE_LOCALHOST_WARNING := false
export PYTHONPATH := $(LINKED)
export PYTHONDONTWRITEBYTECODE := 1
.NOTPARALLEL:
.PHONY: help demo test lint unit sanity integration molecule coverage booted fleet truth diffcopy build matrix versions bench docs release format clean setup stage machine

help:  ## this list
	@grep -hoP '^[a-z]+:.*?## .*' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(CACHE)/demo/.ready $(LINKED)  ## real images on a real engine, told as a story
	@$(SUPPORT)/demo.sh

test: setup  ## lint, unit, sanity, integration, molecule, build; ends with "N passed, N failed"
	@$(SUPPORT)/suite.sh lint unit sanity integration molecule build

lint unit sanity integration molecule coverage booted fleet truth diffcopy build matrix bench docs release: export PATH := $(CACHE)/venv/bin:$(PATH)
lint unit sanity integration molecule coverage booted fleet truth diffcopy build matrix bench docs release: $(CACHE)/venv/.ready $(LINKED)

lint: stage  ## every linter, over a copy
	@$(SUPPORT)/lint.sh

unit:  ## the pure rooms, the floors and the contract; seconds
	@pytest -n 2 tests/unit

sanity: stage  ## ansible-test sanity, over a copy
	@$(SUPPORT)/sanity.sh

integration:  ## each module against a private engine and registry
	@pytest -n 2 --dist loadgroup tests/integration

molecule:  ## each role on a private engine: foretold, converged, nothing left to do, verified
	@pytest -n 2 tests/molecule

booted: machine  ## the roles on a Debian that systemd has booted, with packages from the network; 3 minutes
	@$(SUPPORT)/need.sh debootstrap systemd-nspawn
	@pytest -v tests/booted

coverage: machine  ## which branches unit and integration tests take; five floors at 95 % or more
	@python $(SUPPORT)/branches.py

fleet:  ## three hosts that fail in the middle of it get their images all the same; 90 seconds
	@pytest -s tests/integration/test_fleet.py

truth:  ## 5,000 tasks in random lives of an engine, other ones each time, each held to the law; 15 minutes
	@SLIPWAY_TRUTH_STEPS=5000 pytest -s tests/integration/test_truth_engine.py

diffcopy:  ## 12,000 asks for files of random trees, other ones each time: we answer as docker's own client; 5 minutes
	@SLIPWAY_DIFFCOPY_TREES=2000 pytest -s tests/integration/test_diffcopy_oracle.py

build: stage  ## the tarball, installed into an empty path, and a module run from there
	@$(SUPPORT)/build.sh

matrix: machine  ## the engines that we know, old and new, rootless, by TLS and ssh (CELLS='docker-2* podman-5': some); hours
	@$(SUPPORT)/need.sh debootstrap
	@python $(SUPPORT)/matrix.py

versions: machine stage $(LINKED)  ## every ansible-core, Python and age of libraries (CELLS='2.17-* py3.9-*': some); an hour or two
	@$(PYTHON) $(SUPPORT)/versions.py

bench:  ## speed and memory against the rival's
	@pip install -qq -r tests/benchmarks/requirements.txt
	@python $(SUPPORT)/engine.py run --registry -- python tests/benchmarks/run.py

docs:  ## the site: guides, and a page for each module and role
	@pip install -qq -r docs/site/requirements.txt
	@$(SUPPORT)/docs.sh

release:  ## commit, tag and tarball of VERSION=x, tried out where nothing is installed; publishes nothing
	@python $(SUPPORT)/release.py "$(VERSION)"

format: $(CACHE)/venv/.ready  ## put the code into ruff's form
	@$(CACHE)/venv/bin/ruff check --fix -q . ; $(CACHE)/venv/bin/ruff format -q .

clean:  ## remove what the targets above made
	@rm -rf $(shell readlink -f $(STAGED)) $(CACHE) .ansible .hypothesis .pytest_cache

setup: machine $(CACHE)/venv/.ready

machine:
	@$(SUPPORT)/need.sh git venv dockerd docker docker-registry busybox ip iptables locales shellcheck skopeo htpasswd openssl \
		bzip2 podman ssh-agent sshd xz zstd

stage:
	@$(PYTHON) $(SUPPORT)/stage.py

$(LINKED):
	@mkdir -p $@/ansible_collections/slipway
	@ln -sfn $(CURDIR) $@/ansible_collections/slipway/images

$(CACHE)/venv/.ready: tests/requirements.txt
	@$(SUPPORT)/need.sh venv
	@echo "setting up $(@D) (about a minute)"
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D) && $(@D)/bin/pip install -qq --disable-pip-version-check -r $<
	@touch $@

# The demo shows what a user needs, and no more.
$(CACHE)/demo/.ready: requirements.txt
	@$(SUPPORT)/need.sh venv
	@echo "setting up $(@D)"
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install -qq --disable-pip-version-check 'ansible-core>=2.17' -r $<
	@touch $@
