# make test   everything, as root, on a fresh Debian or Ubuntu machine with Node.js
# make demo   the whole system in network namespaces; KEEP=1 leaves it running
# make help   the rest

SHELL := /bin/bash
BIN := node_modules/.bin

.PHONY: help demo test unit net chaos fuzz build addon check crds bundle sbom audit prebuilds clean install-build install-demo install-test

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: install-demo ## run the whole system in namespaces and show it (KEEP=1 leaves it running)
	@$(MAKE) --no-print-directory -s build
	@KEEP=$(KEEP) node test/support/run.mjs test/lab/demo.ts

test: install-test ## install what is missing, build, check and run every test
	@$(MAKE) --no-print-directory -s build check
	@node test/support/runTests.mjs

unit: build ## the tests that need neither root nor a peer
	@$(BIN)/vitest run --project unit

net: build ## the tests in network namespaces, against real peers and a real kube-apiserver
	@$(BIN)/vitest run --project net
	@$(BIN)/vitest run --project timed

chaos: build ## kill things at random for some minutes; not part of `make test`
	@$(BIN)/vitest run --project chaos

fuzz: ## mutated messages against the BGP and BFD machines: COUNT=10000000, SEED, WORKERS; not part of `make test`
	@node --expose-gc test/support/run.mjs test/fuzz/main.ts $(or $(COUNT),10000000) $(SEED) $(WORKERS)

build: addon dist/.built ## compile to dist/ and build the addon

dist/.built: package.json tsconfig.json tsconfig.build.json docs/troubleshoot.md $(shell find src controller speaker -type f -not -path '*/build/*' 2>/dev/null)
	@$(BIN)/tsc -p tsconfig.build.json
	@node controller/glass/page/build.mjs
	@touch $@

addon: speaker/native/build/Release/heraldlb.node

speaker/native/build/Release/heraldlb.node: $(wildcard speaker/native/*.c speaker/native/*.h speaker/native/binding.gyp)
	@node speaker/native/build.mjs

check: ## types, purity, lint, format, dead code
	@$(BIN)/tsc -p tsconfig.json --noEmit
	@$(BIN)/tsc -p tsconfig.pure.json --noEmit
	@$(BIN)/tsc -p controller/glass/page/tsconfig.json --noEmit
	@$(BIN)/oxlint --type-aware --deny-warnings
	@$(BIN)/oxfmt --check
	@$(BIN)/knip

crds: build ## write manifests/crds from the schemas, and what manifests/chart shares with manifests/base
	@node dist/src/cli/crds.js manifests/crds

bundle: build ## what the container image holds, in dist/image
	@node test/setup/bundle.mjs

sbom: ## what ships, as SPDX, in dist/heraldlb.spdx.json
	@mkdir -p dist
	@node test/setup/sbom.mjs >dist/heraldlb.spdx.json
	@echo 'dist/heraldlb.spdx.json'

audit: ## ask the registry for known weaknesses of what ships; exit code 3 where it does not answer that
	@node test/setup/audit.mjs

prebuilds: ## the addon for x64 and arm64, as the package carries it (needs g++-aarch64-linux-gnu)
	@node speaker/native/build.mjs --prebuild
	@node speaker/native/build.mjs --arch=arm64

install-build:
	@test/setup/install.sh build
install-demo:
	@test/setup/install.sh demo
install-test:
	@test/setup/install.sh test

clean: ## remove what the build made
	@rm -rf dist speaker/native/build speaker/native/prebuilds
