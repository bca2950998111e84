# meshplan. `make help` lists the targets. Needs Go, make, gcc and git; everything else comes through Go modules.

# The build, the tests and the checks name -trimpath alike, so that they share what is compiled.
BIN     := bin
GO      ?= go
VERSION ?=
LDFLAGS := -s -w $(if $(VERSION),-X github.com/meshplan/meshplan/internal/cli.release=$(VERSION))
SOURCES := $(shell find cmd engine plans state providers internal -name '*.go' ! -name '*_test.go' ! -path 'internal/sandbox/*') go.mod go.sum

GORELEASER ?= $(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1

.DEFAULT_GOAL := help

.PHONY: help build docs release-files snapshot demo test test-sandbox race bench chaos conformance check fmt tidy generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile internal/sandbox/build.mk

build: $(BIN)/meshplan ## build bin/meshplan

$(BIN)/meshplan: $(SOURCES)
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/meshplan

include internal/sandbox/build.mk

demo: $(BIN)/meshplan $(BIN)/sandbox ## run the reference rollout on a throw-away cluster, there and back
	examples/mtls-rollout/demo.sh

test: $(BIN)/meshplan $(BIN)/sandbox ## run every test, those that need a cluster included
	$(GO) test -trimpath -count=1 -timeout 30m ./...
	cd internal/sandbox && $(GO) test -count=1 -timeout 20m ./...

race: $(BIN)/sandbox ## run the tests with the race detector
	$(GO) test -race -timeout 40m ./...

bench: $(BIN)/meshplan $(BIN)/sandbox ## measure against the budgets: ratios side by side, medians
	MESHPLAN_BENCH=1 $(GO) test -trimpath -count=1 -timeout 60m -v ./internal/bench

conformance: ## compare the language with the terraform or tofu on this machine (TERRAFORM=path), if there is one
	MESHPLAN_CONFORMANCE=1 $(GO) test -trimpath -count=1 -v -run '^TestTerraform' ./internal/conformance

chaos: $(BIN)/sandbox ## kill hundreds of runs at random instructions and at every boundary of the journal (MESHPLAN_CHAOS=random kills)
	MESHPLAN_CHAOS=$(or $(MESHPLAN_CHAOS),300) $(GO) test -trimpath -count=1 -timeout 60m -v -run '^(TestChaos|TestFailpoints.*|TestRotationUnderKills|TestMigrationUnderKills|TestRollbackRestoresTheCluster)$$' ./examples
	MESHPLAN_CHAOS=1 $(GO) test -trimpath -count=1 -timeout 30m -v -run '^(TestKilledAtEveryBoundary|TestRollbackUnderKills)$$' ./engine

check: ## formatting, vet, staticcheck, tidy and generate: everything but the tests
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run make fmt"; exit 1; }
	$(GO) vet -trimpath ./...
	cd internal/sandbox && $(GO) vet ./...
	for os in darwin windows; do GOOS=$$os CGO_ENABLED=0 $(GO) vet ./state/boltstore || exit 1; done # the only package with files for one system
	GOFLAGS=-trimpath $(GO) tool -modfile=internal/tools/go.mod staticcheck ./...
	$(GO) mod tidy -diff
	cd internal/sandbox && $(GO) mod tidy -diff
	cd internal/tools && $(GO) mod tidy -diff
	$(GO) generate ./...
	@git diff --exit-code -- . || { echo "generated files are out of date: run make generate and commit"; exit 1; }

docs: $(BIN)/meshplan ## write the reference into bin/docs and manual pages into bin/man
	$(BIN)/meshplan docs --out $(BIN)/docs
	$(BIN)/meshplan docs --out $(BIN)/man/man1 --format man

release-files: $(BIN)/meshplan # what packages hold beside the program
	@mkdir -p $(BIN)/release/completions
	$(BIN)/meshplan docs --out $(BIN)/release/man --format man
	$(BIN)/meshplan completion bash > $(BIN)/release/completions/meshplan.bash
	$(BIN)/meshplan completion zsh > $(BIN)/release/completions/_meshplan
	$(BIN)/meshplan completion fish > $(BIN)/release/completions/meshplan.fish
	$(BIN)/meshplan completion powershell > $(BIN)/release/completions/meshplan.ps1

snapshot: ## build a release here without publishing it (GORELEASER=path)
	$(GORELEASER) check
	$(GORELEASER) release --snapshot --clean --skip=publish,sign,sbom,docker

fmt: ## format Go and HCL
	gofmt -w $$(git ls-files '*.go')
	$(BIN)/meshplan fmt --recursive examples

tidy: ## tidy all three modules
	$(GO) mod tidy
	cd internal/sandbox && $(GO) mod tidy
	cd internal/tools && $(GO) mod tidy

generate: ## rewrite generated files and golden files
	$(GO) generate ./...
	MESHPLAN_UPDATE=1 $(GO) test -trimpath ./...

clean: ## remove what was built
	rm -rf $(BIN) dist
