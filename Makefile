# Floorwalker. `make help` lists the targets. Needed: Go; for the demo and the tests also npm (the ClickHouse library);
# for the tests also Java 17 and Maven (Apache Kafka), and Chromium (the wallboard). Nothing is installed outside the user's caches and bin/.

GO       ?= go
BIN      := bin/floorwalker
# Packages whose tests start servers: too slow under the race detector for every run. `make test-long` races them too.
HEAVY    := /(cmd|bench|internal/clickhouse|internal/kafkatest|internal/compose|internal/setup)(/|$$)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0
VULNDB      ?= https://vuln.go.dev

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## fetch everything that building, the demo and the tests need (once)
	$(GO) mod download
	$(GO) run ./internal/setup

.PHONY: build
build: ## build bin/floorwalker, without cgo
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/floorwalker

.PHONY: run
run: build ## run the demo: broker, ClickHouse, simulator and APIs on this machine
	@$(GO) run ./internal/setup clickhouse
	$(BIN) demo

.PHONY: test
test: vet fmt-check ## vet, format, all tests, and the race detector where it is quick
	$(GO) test -timeout 20m ./...
	$(GO) test -race -short -timeout 20m $$($(GO) list ./... | grep -vE '$(HEAVY)')

.PHONY: test-long
test-long: ## all tests, raced, with the long runs (up to an hour)
	FLOORWALKER_LONG=1 $(GO) test -race -count=1 -timeout 60m ./...

DURATION ?= 30m

.PHONY: soak
soak: ## simulator, workers and a replica under random faults for DURATION (30m), then audit and a report
	FLOORWALKER_SOAK=$(DURATION) $(GO) test -count=1 -timeout 24h -v -run 'TestSoak$$' ./internal/faults

# QUICK=1: three minutes, orders of magnitude. DOCS=1: docs/benchmarks.md and docs/capacity.md get the tables and plots, too.
QUICK ?=
DOCS  ?=

.PHONY: bench
bench: ## throughput, growth, freshness, push, answers, recovery, peers (half an hour), into data/bench; QUICK=1, DOCS=1
	$(GO) run ./bench/run $(if $(QUICK),--quick) $(if $(DOCS),--docs docs)

.PHONY: bench-micro
bench-micro: ## micro-benchmarks of all packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

BASE ?=

.PHONY: bench-compare
bench-compare: ## chosen micro-benchmarks of the revision BASE against the working directory, by benchstat
	$(GO) run ./bench/revisions --base "$(BASE)"

# PEERS names some of them (flink-1,clickhouse, see `go run ./bench/compare --help`); empty: all.
PEERS  ?=
ROUNDS ?= 5

.PHONY: bench-peers
bench-peers: ## Floorwalker beside Flink, Kafka Streams and ClickHouse alone: one job, ROUNDS (5) rounds, PEERS (all)
	$(GO) run ./bench/compare --rounds $(ROUNDS) --peers "$(PEERS)"

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: fmt-check
fmt-check: ## fail if a file is not gofmt'ed
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not formatted (run make fmt):"; echo "$$files"; exit 1; fi

.PHONY: fmt
fmt: ## gofmt everything
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

.PHONY: lint
lint: vet fmt-check ## vet, format and staticcheck
	$(GO) run $(STATICCHECK) ./...

.PHONY: vulncheck
vulncheck: ## known vulnerabilities in what the code calls (asks vuln.go.dev, or VULNDB)
	$(GO) run $(GOVULNCHECK) -db $(VULNDB) ./...

.PHONY: clean
clean: ## remove what was built (data/ and the caches stay)
	rm -rf bin
