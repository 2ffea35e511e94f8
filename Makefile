# Everything here needs only Go; `make tools` says what the tests need besides.

# Passed to every test run, -v or -json for one.
TESTFLAGS ?=
# A count, since go test may take the end of a time for a failure.
FUZZTIME ?= 30000x
# Of make bench: -rounds 9 -duration 5s, for one.
BENCHFLAGS ?=
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs cgo, and Go has cgo where there is a C compiler.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

.PHONY: test test-weir test-demo test-compose demo tools lint fuzz

test: test-weir test-demo

test-weir: tools
	go test $(RACE) $(TESTFLAGS) ./...

# Uncached: these tests run programs built from files that the go command does
# not watch for them. Without the race detector, which only slows Yaegi down.
test-demo: tools
	go test -count=1 $(TESTFLAGS) ./demo/...

# The stack of docker-compose.yml, in containers: needs an engine and its ports.
test-compose:
	go test -count=1 -tags compose -run '^TestCompose' -timeout 40m $(TESTFLAGS) ./demo/e2e

# 127.0.0.1:8080 is the plugin, 127.0.0.1:8081 is Caddy.
demo:
	go run ./demo

# The real Traefik and Caddy, built once into the user's cache directory, and
# what else is missing.
tools:
	go run ./demo/cmd/tools

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w needed:"; echo "$$unformatted"; exit 1; fi
	go vet ./... ./demo/...
	go run $(STATICCHECK) ./... ./demo/...

# A short run of each fuzz target; longer with FUZZTIME=3000000x.
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's|/[^/]*:func | |' | sort | \
	while read -r package target; do \
		go test $(TESTFLAGS) -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

# What the limiters cost in the real proxies, beside none and the built-in one;
# it wants a machine that has nothing else to do. The limiters alone, in memory,
# beside other Go limiters: go test -bench . ./demo/bench
bench: tools
	go run ./demo/bench $(BENCHFLAGS)
