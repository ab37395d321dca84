# SPDX-License-Identifier: MIT
# Everything: `make help`. Generated files are below $(OUTPUT) only.

OUTPUT	?= .output
CLANG	?= clang
BPFTOOL	?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON	?= /usr/bin/python3
ARCH	:= $(shell uname -m | sed -e s/x86_64/x86/ -e s/aarch64/arm64/)
VERSION	:= 0.1.0

LIBS	:= libbpf libcap-ng libelf nettle zlib
CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wpointer-arith -Wswitch-enum -Wno-unused-parameter
ALL_CFLAGS := -std=gnu11 -pthread $(WARN) $(CFLAGS) -Iinclude -Iuser -I$(OUTPUT) -D_GNU_SOURCE \
	      -DRAWTAP_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(LIBS))
LDLIBS	:= $(shell pkg-config --libs $(LIBS))
BPF_EXTRA ?=
BPF_CFLAGS := $(BPF_EXTRA) -target bpf -mcpu=v3 -O2 -g -D__TARGET_ARCH_$(ARCH) -Iinclude -Ivmlinux -Ibpf \
	      -Wall -Wextra -Werror -Wno-unused-parameter

# The maps first: libbpf 1.1 loses their offsets when it has seen only the declarations yet.
BPF_OBJS := $(patsubst bpf/%.bpf.c,$(OUTPUT)/%.bpf.o,bpf/maps.bpf.c \
	      $(filter-out bpf/maps.bpf.c,$(sort $(wildcard bpf/*.bpf.c))))
SRCS	:= $(wildcard user/*.c user/*/*.c)
OBJS	:= $(SRCS:user/%.c=$(OUTPUT)/%.o)

ifeq ($(V),1)
Q =
msg =
else
Q = @
msg = @printf '  %-8s %s\n' "$(1)" "$(notdir $(2))";
endif

.DELETE_ON_ERROR:
.PHONY: all
all: $(OUTPUT)/rawtap	## the program (default)

$(OUTPUT)/rawtap: $(OBJS)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUTPUT)/%.o: user/%.c | $(OUTPUT)
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# They alone include it: check_includes.py.
$(filter $(OUTPUT)/kernel/%,$(OBJS)): $(OUTPUT)/rawtap.skel.h

$(OUTPUT)/%.bpf.o: bpf/%.bpf.c | $(OUTPUT)
	$(call msg,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(OUTPUT)/$*.bpf.d -c -o $@ $<

$(OUTPUT)/rawtap.linked.o: $(BPF_OBJS)
	$(call msg,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(OUTPUT)/rawtap.skel.h: $(OUTPUT)/rawtap.linked.o
	$(call msg,SKEL,$@)
	$(Q){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name rawtap_bpf && \
		echo '/* NOLINTEND */'; } > $@

$(OUTPUT):
	$(Q)mkdir -p $@

# The manifest of kernel types: needs a kernel with BTF, no privileges.
.PHONY: kernel-deps kernel-deps-update
kernel-deps: $(OUTPUT)/rawtap.linked.o	## compare the kernel types in use with their manifest
	$(call msg,DEPS,$<)
	$(Q)$(PYTHON) scripts/kernel_deps.py --check $<

kernel-deps-update: $(OUTPUT)/rawtap.linked.o	## update the manifest of the kernel types in use
	$(Q)$(PYTHON) scripts/kernel_deps.py --update $<

.PHONY: bench
bench: $(OUTPUT)/rawtap	## what recording costs Dovecot, as ratios (root; a quiet machine)
	$(Q)$(PYTHON) scripts/bench.py

# Lint: `make -k lint` shows everything at once.

PREFIX	?= /usr/local
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
TIDY_CFLAGS := -std=gnu11 -Iinclude -Iuser -I$(OUTPUT) -D_GNU_SOURCE -DRAWTAP_VERSION=__FILE__
C_FILES	:= $(wildcard bpf/*.[ch] user/*.[ch] user/*/*.[ch] include/*.h vmlinux/*.h tests/*/*.[ch] tests/*/*/*.[ch])
PY_FILES := $(wildcard scripts/*.py tests/*.py tests/*/*.py tests/*/*/*.py)
CPPCHECK := cppcheck -q --std=c11 --error-exitcode=1 --enable=warning,performance,portability \
	    --inline-suppr --suppress=normalCheckLevelMaxBranches --library=posix --library=scripts/cppcheck.cfg -Iinclude -D_GNU_SOURCE
LINTS	:= format includes objects style rules headers cppcheck tidy shell python man

.PHONY: lint $(LINTS:%=lint-%)
lint: $(LINTS:%=lint-%)	## all static checks

lint-format:
	$(call msg,LINT,format)
	$(Q)$(CLANG_FORMAT) --dry-run --Werror $(C_FILES)

lint-includes lint-style lint-rules: lint-%:
	$(call msg,LINT,$*)
	$(Q)$(PYTHON) scripts/check_$*.py

# Purity, and who calls whom: as compiled.
lint-objects: $(OBJS)
	$(call msg,LINT,objects)
	$(Q)$(PYTHON) scripts/check_objects.py $(OUTPUT) $(OBJS)

# Each header compiles alone.
lint-headers: | $(OUTPUT)
	$(call msg,LINT,headers)
	$(Q)for header in $(patsubst user/%,%,$(notdir $(wildcard include/*.h)) $(wildcard user/*/*.h)); do \
		echo "#include \"$$header\"" | \
			$(CC) $(ALL_CFLAGS) -fsyntax-only -x c - || exit 1; \
	done
	$(Q)for header in $(notdir $(wildcard vmlinux/*.h bpf/*.h)); do \
		echo "#include \"$$header\"" | \
			$(CLANG) $(BPF_CFLAGS) -Wno-unused -fsyntax-only -x c - || exit 1; \
	done

# It takes `return fd < 0 ? -errno : fd` for a leak, does not know that mmap() has no descriptor
# with MAP_ANONYMOUS and does not fail with NULL, and in the kernel's programs it does not see
# through the macros that reserve memory. 2.17 says of each long function that it does not try
# all branches.
lint-cppcheck:
	$(call msg,LINT,cppcheck)
	$(Q)$(CPPCHECK) -Iuser --suppress=resourceLeak --suppress=readdirCalled \
		--suppress=invalidFunctionArg:user/output/*.c \
		--suppress=nullPointerArithmeticOutOfMemory:user/output/blocks.c user
	$(Q)$(CPPCHECK) -Ivmlinux -Ibpf -D__TARGET_ARCH_$(ARCH) --suppress=uninitvar \
		$(wildcard bpf/*.c)

# Eight files for each process, as many of these as there are CPUs.
lint-tidy: $(OUTPUT)/rawtap.skel.h
	$(call msg,LINT,tidy)
	$(Q)printf '%s\n' $(SRCS) | xargs -n 8 -P "$$(nproc)" sh -c \
		'exec $(CLANG_TIDY) --quiet "$$@" -- $(TIDY_CFLAGS) 2>/dev/null' tidy

lint-shell:
	$(call msg,LINT,shell)
	$(Q)shellcheck $(wildcard scripts/*.sh tests/*.sh tests/*/*.sh .ci/run)

lint-python: | $(OUTPUT)
	$(call msg,LINT,python)
	$(Q)PYTHONPYCACHEPREFIX=$(OUTPUT)/pycache $(PYTHON) -m py_compile $(PY_FILES)

lint-man:
	$(call msg,LINT,man)
	$(Q)mandoc -T lint -W warning docs/rawtap.8

.PHONY: format install uninstall help tools
format:	## format the C files, as lint wants them
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

install: $(OUTPUT)/rawtap	## into $(DESTDIR)$(PREFIX)
	$(Q)install -D -m 755 $< $(DESTDIR)$(PREFIX)/sbin/rawtap
	$(Q)install -D -m 644 docs/rawtap.8 $(DESTDIR)$(PREFIX)/share/man/man8/rawtap.8

uninstall:	## remove what install put there
	$(Q)rm -f $(DESTDIR)$(PREFIX)/sbin/rawtap $(DESTDIR)$(PREFIX)/share/man/man8/rawtap.8

help:	## this list
	@echo 'Targets (V=1: show the commands; CC, CLANG, BPFTOOL, PYTHON, OUTPUT, PREFIX, DESTDIR can be set):'
	@sed -n 's/^\([a-z0-9-]*\):.*## *\(.*\)/  \1\t\2/p' Makefile | expand -t 22

# A missing tool is named before a compiler complains.
$(OUTPUT): | tools
tools:
	@for tool in $(firstword $(CC)) $(firstword $(CLANG)) $(BPFTOOL) pkg-config; do \
		command -v $$tool >/dev/null || { \
			echo "make: $$tool is missing: as root, ./scripts/install-deps.sh build" >&2; exit 1; }; \
	done
	@pkg-config --exists $(LIBS) || { \
		echo "make: one of these libraries is missing: $(LIBS): as root, ./scripts/install-deps.sh build" >&2; exit 1; }

# Tests that need neither root nor a kernel: the engine once more, with sanitizers, in a tree
# for each compiler. A test is a file: tests/unit/test_NAME.c, tests/fuzz/fuzz_NAME.c.

SAN	?= address,undefined
SAN_CFLAGS := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
SAN_OUTPUT := .output-san/$(lastword $(notdir $(CC)))-$(SAN)
UNITS	:= $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS	:= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

PYTEST	:= $(PYTHON) -B -m pytest -q -p no:cacheprovider
JOBS	:= $(shell nproc)
SAN_MAKE = $(MAKE) -k $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS)) -O --no-print-directory \
	   OUTPUT=$(SAN_OUTPUT) CFLAGS='$(SAN_CFLAGS) -fsanitize=$(SAN)'

.PHONY: check unit replay consistency corpus sanitized fuzz
.PHONY: run-check run-unit run-replay run-consistency run-corpus run-fuzz
check:	## unit, replay, consistency and corpus
unit:	## the unit tests, with sanitizers (SAN=address,undefined)
replay:	## saved streams to files, with sanitizers: T= goes to pytest
consistency:	## what stands in two places is the same: T= goes to pytest
corpus:	## the fuzz targets over their corpora, with sanitizers
check unit replay consistency corpus:
	$(Q)$(SAN_MAKE) run-$@

sanitized:	## build rawtap with sanitizers, and print where it is
	$(Q)$(SAN_MAKE) $(SAN_OUTPUT)/rawtap >&2
	@echo $(SAN_OUTPUT)/rawtap

fuzz run-fuzz: TIME ?= 60
fuzz:	## look for inputs that break a parser: T=name, TIME=60 (seconds)
	$(if $(filter $(FUZZERS),$(T)),,$(error T= one of: $(FUZZERS)))
	$(Q)$(MAKE) --no-print-directory OUTPUT=.output-fuzz CC=$(CLANG) \
		CFLAGS='$(SAN_CFLAGS) -fsanitize=fuzzer-no-link,$(SAN)' run-fuzz

run-check: run-unit run-replay run-consistency run-corpus
run-unit: $(UNITS:%=run-%)
run-corpus: $(FUZZERS:%=run-corpus-%)

.PHONY: $(UNITS:%=run-%) $(FUZZERS:%=run-corpus-%)
$(UNITS:%=run-%): run-%: $(OUTPUT)/%
	$(Q)$<

$(FUZZERS:%=run-corpus-%): run-corpus-%: $(OUTPUT)/corpus_%
	$(Q)$< tests/fuzz/corpus/$*

run-replay run-consistency: run-%: $(OUTPUT)/rawtap
	$(Q)CC='$(CC)' $(PYTEST) -n $(JOBS) --rawtap=$< tests/$* $(T)

# What it finds stays in the first folder, across runs.
run-fuzz: $(OUTPUT)/fuzz_$(T)
	$(Q)mkdir -p $(OUTPUT)/corpus/$(T)
	$(Q)$< -max_total_time=$(TIME) -timeout=10 -print_final_stats=1 \
		-artifact_prefix=$(OUTPUT)/$(T)- $(OUTPUT)/corpus/$(T) tests/fuzz/corpus/$(T)

# An archive of all but main(), of which a test takes what it needs.
$(OUTPUT)/librawtap.a: $(filter-out $(OUTPUT)/main.o,$(OBJS))
	$(call msg,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUTPUT)/test_%: tests/unit/test_%.c $(OUTPUT)/librawtap.a
	$(call msg,TEST,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $< \
		$(OUTPUT)/librawtap.a -lcmocka $(LDLIBS)

$(OUTPUT)/replay_corpus.o: tests/fuzz/replay_corpus.c | $(OUTPUT)
	$(call msg,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OUTPUT)/corpus_%: tests/fuzz/fuzz_%.c $(OUTPUT)/replay_corpus.o $(OUTPUT)/librawtap.a
	$(call msg,CORPUS,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $< \
		$(OUTPUT)/replay_corpus.o $(OUTPUT)/librawtap.a $(LDLIBS)

$(OUTPUT)/fuzz_%: tests/fuzz/fuzz_%.c $(OUTPUT)/librawtap.a
	$(call msg,FUZZ,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -fsanitize=fuzzer -o $@ $< \
		$(OUTPUT)/librawtap.a $(LDLIBS)

# For another architecture: with the libraries of its Debian packages, which are the root of a
# VM as well, where tests/vm tries it.

ARM64_ROOT := $(abspath $(or $(RAWTAP_KERNELS),.kernels))/root-arm64
ARM64_PACKAGES = libc6-dev libgcc-$(shell gcc -dumpversion)-dev libbpf-dev libcap-ng-dev zlib1g-dev \
		 uthash-dev nettle-dev bash python3-pytest python3-pytest-timeout \
		 dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-submissiond openssl

.PHONY: arm64 check-arm64
arm64:	## .output-arm64/rawtap, with Debian's arm64 packages unpacked below .kernels
	$(Q)scripts/vm.sh root arm64 $(ARM64_PACKAGES)
	$(Q)PKG_CONFIG_SYSROOT_DIR=$(ARM64_ROOT) \
	PKG_CONFIG_LIBDIR=$(ARM64_ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig \
	$(MAKE) --no-print-directory ARCH=arm64 OUTPUT=.output-arm64 LDFLAGS=-fuse-ld=lld \
		CC='$(CLANG) --target=aarch64-linux-gnu --sysroot=$(ARM64_ROOT)'

check-arm64:	## both backends and a Dovecot on an arm64 kernel, in a VM (root; minutes)
	$(Q)$(PYTEST) tests/vm/test_arm64.py $(T)

# What verifying the programs costs; tests/vm runs it.
$(OUTPUT)/verifier_cost: tests/programs/verifier_cost.c $(OUTPUT)/kernel/backend.o $(OUTPUT)/host/preemption.o
	$(call msg,TEST,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LDLIBS)

.PHONY: verifier-cost-update goldens
verifier-cost-update: $(OUTPUT)/rawtap	## update the golden file of what verification costs (root; VMs)
	$(Q)RAWTAP=$(abspath $<) CLANG='$(CLANG)' $(PYTHON) -B scripts/update_cost.py

goldens: kernel-deps-update verifier-cost-update	## the two updates: after an intended change in bpf/

KERNELS	?= bookworm/linux-image-rt-amd64 trixie/linux-image-rt-amd64

.PHONY: check-kernels
check-kernels: $(OUTPUT)/rawtap	## the backends on other kernels (root): KERNELS=Debian packages, T= goes to pytest
	$(Q)RAWTAP_VM_KERNELS='$(KERNELS)' RAWTAP=$(abspath $<) $(PYTEST) -ra \
		tests/vm/test_backends.py $(T)

# Files of tests side by side. Tests that must be alone are marked so.
.PHONY: e2e
e2e: $(OUTPUT)/rawtap	## the end-to-end tests, with the Dovecot that is installed (root): T= goes to pytest
	$(Q)RAWTAP=$(abspath $<) $(PYTEST) -ra -n $$(($(JOBS) + 1)) --dist loadfile tests/e2e $(T)

RELEASES ?= bullseye bookworm trixie sid

# The table is written when tests fail, too.
.PHONY: check-dovecots
check-dovecots:	## the same in Debian's RELEASES, for docs/DOVECOT.md (root; half an hour each): T= goes to pytest
	$(Q)failed=; runs=; for release in $(RELEASES); do \
		out=.output-$$release; rm -f $$out/e2e.xml; \
		echo "== $$release" && scripts/root.sh make $$release && scripts/root.sh run $$release \
			make -s -j$(JOBS) e2e OUTPUT=$$out \
			T='--junitxml='$$out'/e2e.xml -o junit_family=xunit1 $(T)' || failed="$$failed $$release"; \
		[ ! -e $$out/e2e.xml ] || runs="$$runs $$release=$$out/e2e.xml"; \
	done; $(PYTHON) -B scripts/update_dovecots.py $$runs; \
	[ -z "$$failed" ] || { echo "make: failed in:$$failed" >&2; exit 1; }

LEAKS	?= 100000,100000

.PHONY: check-leaks
check-leaks: $(OUTPUT)/rawtap	## nothing stays of many processes and connections (root; hours): LEAKS=PROCESSES,CONNECTIONS
	$(Q)RAWTAP=$(abspath $<) $(PYTEST) -ra tests/e2e/test_leaks.py --leaks $(LEAKS) $(T)

.PHONY: soak
soak: TIME ?= 600
soak: $(OUTPUT)/rawtap	## clients and chaos (root): TIME=600 (seconds), SEED=N repeats a run
	$(Q)RAWTAP=$(abspath $<) $(PYTEST) -s tests/e2e/test_soak.py --soak $(TIME) \
		$(if $(SEED),--seed $(SEED)) $(T)

CLANGS	?= clang-14 clang-16 clang-19

.PHONY: check-clangs
check-clangs:	## programs of several compilers on all kernels (root): CLANGS=clang-14..., T= goes to pytest
	$(Q)RAWTAP_CLANGS='$(CLANGS)' $(PYTEST) -ra tests/vm/test_clangs.py $(T)

.PHONY: clean
clean:	## remove all that was built
	$(Q)rm -rf $(OUTPUT) .output-*

-include $(wildcard $(OUTPUT)/*.d $(OUTPUT)/*/*.d)
