# SPDX-License-Identifier: BSD-3-Clause
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-test onboard demo test bench torture docs lint format clean

help:
	@echo "make demo      simulate a flight, fly the shipped model on it, say how good it was (out/demo)"
	@echo "make test      unit, ROS and integration tests, and lint; some: make test SUITES=\"unit lint\""
	@echo "make bench     every job beside its limit: benchmarks/RESULTS.md (QUICK=1: tiny; BEFORE=CHECKOUT: an older build too)"
	@echo "make torture   break it on purpose for half an hour: kills, full disks, changed inputs, a live node in chaos"
	@echo "make docs      the documentation as a site, in site/"
	@echo "make setup     only install what these two need"
	@echo "make onboard   only install what flies, without torch (RUNTIME=gpu: onnxruntime-gpu, RUNTIME=system: JetPack's)"
	@echo "make lint | format | clean"

setup:
	@bash setup/setup.sh full

setup-test:
	@bash setup/setup.sh test

onboard:
	@bash setup/setup.sh onboard

demo: setup
	@. ./env.sh && reloc demo -o out/demo --overwrite

test:
	@test/run_all.sh $(SUITES)

bench: setup
	@. ./env.sh && python benchmarks/bench.py $(if $(QUICK),--quick) $(if $(BEFORE),--before $(BEFORE)) --results benchmarks/RESULTS.md

torture: setup-test
	@. ./env.sh && python test/torture/torture.py

# an environment of its own: the site needs nothing of what trains or flies
docs: .setup/docs/.installed
	@PYTHONPATH=. .setup/docs/bin/mkdocs build --quiet && echo site/index.html

.setup/docs/.installed: requirements/docs.txt
	@python3 -m venv .setup/docs && .setup/docs/bin/pip install --quiet --no-compile -r $< && touch $@

lint: setup
	@. ./env.sh && test/lint.sh

format: setup
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

clean:
	rm -rf .catkin_ws .venv .setup out build site
