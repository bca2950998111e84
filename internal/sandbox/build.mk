# Builds bin/sandbox. From the root: `include internal/sandbox/build.mk`, target `sandbox`.
# From here: `make -f build.mk`. The binary is replaced in one step, so that running sandboxes are not disturbed.

SANDBOX_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
BIN ?= $(SANDBOX_DIR)/../../bin

# The version that clients see; without it the server calls itself v0.0.0.
SANDBOX_K8S := $(shell sed -n 's/^.*k8s.io\/kubernetes v/v/p' $(SANDBOX_DIR)/go.mod | head -n 1)
sandbox_version = -X $(1).gitVersion=$(SANDBOX_K8S) \
	-X $(1).gitMajor=$(word 1,$(subst ., ,$(SANDBOX_K8S:v%=%))) \
	-X $(1).gitMinor=$(word 2,$(subst ., ,$(SANDBOX_K8S:v%=%))) \
	-X $(1).gitTreeState=clean -X $(1).gitCommit=
SANDBOX_LDFLAGS := -s -w \
	$(call sandbox_version,k8s.io/component-base/version) \
	$(call sandbox_version,k8s.io/client-go/pkg/version)

SANDBOX_SOURCES := $(shell find $(SANDBOX_DIR) -name '*.go' ! -name '*_test.go' -o -name '*.yaml' ! -path '*/testdata/*') \
	$(SANDBOX_DIR)/go.mod $(SANDBOX_DIR)/go.sum $(SANDBOX_DIR)/build.mk

.PHONY: sandbox
sandbox: $(BIN)/sandbox ## build the sandbox: a Kubernetes control plane for demonstrations and tests

$(BIN)/sandbox: $(SANDBOX_SOURCES)
	@mkdir -p $(@D)
	cd $(SANDBOX_DIR) && go build -ldflags '$(SANDBOX_LDFLAGS)' -o $(abspath $@).new .
	mv -f $(abspath $@).new $(abspath $@)
