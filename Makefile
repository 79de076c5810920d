# Each target is one line to a script; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test build models install uninstall bench soak record clean-run
export PREFIX ?= /usr/local
export DESTDIR ?=
export DIR ?=
export FEATURES ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: ## set up, get the models, build, and show hob on examples/home (or DIR=/a/folder)
	@scripts/run.sh

test: ## every test and check
	@scripts/test.sh

build: ## release binaries and built-in skills in target/release (FEATURES=vulkan or cuda for a GPU)
	@scripts/build.sh

models: ## the default models into $XDG_DATA_HOME/hob/models
	@scripts/get-models.sh

install: ## install under PREFIX (default /usr/local), inside DESTDIR if given
	@scripts/install.sh

uninstall: ## remove what `make install` put there
	@scripts/install.sh --remove

bench: ## the engine against llama.cpp, retrieval and asking over HOB_DATA; results in bench/results
	@scripts/bench.sh

soak: ## ten minutes of everything at once, with children killed; then 200 kills of the index
	@scripts/bench.sh soak

record: ## record docs/demo.svg from a real run
	@scripts/record.sh

clean-run: ## forget the state of earlier `make run`s
	@rm -rf run
