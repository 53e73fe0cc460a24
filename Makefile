# A thin front for meson and ninja: each target installs what is missing, builds, and does its job.
#   make run      the counting guest on MODEL (a guest that passes ends with status 1)
#   make test     the whole test suite
#   make test-kernel  KERNEL_OPERATIONS per family of models, on the kernels' own code and on vpmu
#   make test-qemu  Debian's Linux under Debian 13's QEMU with the plugin: perf stat, perf record
#   make test-tools  test suites of PAPI, libpfm4, perf and rr in a Linux guest of QEMU with the plugin
#   make test-nested  guests of guests/ under Debian's KVM, which is a guest of QEMU with the plugin
#   make test-selftests  KVM's own selftests of the PMU, under vpmu watch --emulate --count
#   make bench    the speed of the machine and of the library, as ratios
#   make fuzz     every fuzzer for FUZZ_SECONDS (FUZZERS: some of them, by name)
#   make coverage  which lines of src/ and tool/ the test suite reaches
#   make soak     what takes too long for the test suite: random guests, faults, kills
#   make install  into DESTDIR and PREFIX (LIBDIR: below it); make uninstall takes it away again
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= lib
MODEL ?= intel-v2
FUZZ_SECONDS ?= 10
KERNEL_OPERATIONS ?= 10000000

all: build

deps:
	@scripts/install-deps

configured: deps
	@test -f $(BUILD)/build.ninja || meson setup --prefix='$(PREFIX)' --libdir='$(LIBDIR)' $(BUILD)

build: configured
	@ninja -C $(BUILD)

# Half of a build is tests, which a run does not need.
run: configured
	@ninja -C $(BUILD) used
	@$(BUILD)/tool/vpmu run --model $(MODEL) $(BUILD)/guests/count.elf; status=$$?; \
		test $$status -eq 1 || { echo "the guest ended with status $$status"; exit 1; }

# 450 MB of kernel sources, for tests that are skipped without them.
deps-kernel: deps
	@scripts/install-deps --kernel || \
		echo 'make: going on without kernel sources: the tests against them are skipped'
	@tests/kernel/fetch-source $(BUILD)/tests/kernel/reference 7.3 trixie-backports || \
		echo 'make: going on without Linux 7.3: the tests against it are skipped'

test: build deps-kernel
	@scripts/run-tests $(BUILD)

test-kernel: build deps-kernel
	@tests/kernel/differential --families $(BUILD)/tests/kernel/reference $(BUILD)/tool/vpmu \
		$(KERNEL_OPERATIONS)
	@for version in 6.1 6.12 7.3; do tests/kernel/check-kernel.sh $(BUILD)/tool/vpmu \
		$(BUILD)/tests/kernel/reference $$version --scope between=3 || exit 1; done

# A Debian 13 root is made where there is none (root and a network needed).
DEBIAN13 ?= scripts/debian13 --with qemu
test-qemu: build
	@$(DEBIAN13) tests/qemu/linux/make-guest $(CURDIR)/$(BUILD)/tests/qemu/linux
	@VPMU_QEMU="$(DEBIAN13) qemu-system-x86_64" scripts/run-tests $(BUILD) \
		--benchmark --suite qemu-linux

test-tools: build
	@$(DEBIAN13) tests/qemu/linux/make-guest $(CURDIR)/$(BUILD)/tests/qemu/linux
	@$(DEBIAN13) tests/qemu/suites/make-suites $(CURDIR)/$(BUILD)/tests/qemu/suites
	@VPMU_QEMU="$(DEBIAN13) qemu-system-x86_64" scripts/run-tests $(BUILD) \
		--benchmark --suite qemu-suites

test-nested: build
	@$(DEBIAN13) tests/qemu/nested/make-guest $(CURDIR)/$(BUILD)/tests/qemu/nested
	@VPMU_QEMU="$(DEBIAN13) qemu-system-x86_64" scripts/run-tests $(BUILD) \
		--benchmark --suite qemu-nested

# The sources are those that the kernels' code is taken from.
test-selftests: build deps-kernel
	@for version in 6.12 7.3; do tests/selftests/selftests $(BUILD)/tool/vpmu $$version \
		$(BUILD)/tests/selftests $(BUILD)/tests/kernel/reference/sources || exit 1; done

bench: build
	@tests/kernel/build-reference $(BUILD)/tests/kernel/reference || true
	@$(BUILD)/bench/bench $(BUILD)

fuzz:
	@scripts/install-deps --fuzz
	@scripts/run-fuzzers build-fuzz $(FUZZ_SECONDS) $(FUZZERS)

coverage: deps
	@scripts/coverage build-coverage

soak: build
	@scripts/run-tests $(BUILD) --benchmark --suite soak

# The tool holds paths of its prefix: it is linked anew for another one.
install: build
	@meson configure --prefix='$(PREFIX)' --libdir='$(LIBDIR)' $(BUILD)
	@ninja -C $(BUILD)
	@scripts/install $(BUILD)

uninstall:
	@scripts/install --remove '$(PREFIX)'

clean:
	rm -rf --one-file-system build build-fuzz build-coverage build-mutants build-ci build-bare build-debian

.PHONY: all deps deps-kernel configured build run test test-kernel test-qemu test-tools test-nested test-selftests bench fuzz coverage soak install \
	uninstall clean
