# SPDX-License-Identifier: MIT
# Everything: `make help`. Generated files are below $(OUTPUT) only.

OUTPUT	?= .output
CC	?= gcc
CLANG	?= clang
BPFTOOL	?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON	?= /usr/bin/python3
ARCH	:= $(shell uname -m | sed -e s/x86_64/x86/ -e s/aarch64/arm64/)
VERSION	:= 0.1.0

LIBS	:= libbpf libcap-ng libsystemd
CFLAGS	?= -O2 -g
WARN	:= -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wpointer-arith -Wswitch-enum -Wno-unused-parameter
ALL_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS) -Iinclude -Iuser -I$(OUTPUT) -D_GNU_SOURCE \
	      -DRAWTAP_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(LIBS))
LDLIBS	:= $(shell pkg-config --libs $(LIBS))
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -D__TARGET_ARCH_$(ARCH) -Iinclude -Ivmlinux -Ibpf \
	      -Wall -Wextra -Werror -Wno-unused-parameter

# Only these see libbpf; without them the rest is the engine, which tests link.
KERNEL_SIDE := bpf_load source_bpf backend check main
BPF_OBJS := $(patsubst bpf/%.bpf.c,$(OUTPUT)/%.bpf.o,$(wildcard bpf/*.bpf.c))
SRCS	:= $(wildcard user/*.c)
OBJS	:= $(SRCS:user/%.c=$(OUTPUT)/%.o)
LIB_OBJS := $(filter-out $(KERNEL_SIDE:%=$(OUTPUT)/%.o),$(OBJS))

ifeq ($(V),1)
Q =
msg =
else
Q = @
msg = @printf '  %-8s %s\n' "$(1)" "$(notdir $(2))";
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all
all: $(OUTPUT)/rawtap

$(OUTPUT)/rawtap: $(OBJS)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OUTPUT)/%.o: user/%.c | $(OUTPUT)
	$(call msg,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(KERNEL_SIDE:%=$(OUTPUT)/%.o): $(OUTPUT)/rawtap.skel.h

$(OUTPUT)/%.bpf.o: bpf/%.bpf.c | $(OUTPUT)
	$(call msg,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(OUTPUT)/$*.bpf.d -c -o $@ $<

$(OUTPUT)/rawtap.linked.o: $(BPF_OBJS)
	$(call msg,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(OUTPUT)/rawtap.skel.h: $(OUTPUT)/rawtap.linked.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name rawtap_bpf > $@

$(OUTPUT):
	$(Q)mkdir -p $@

.PHONY: clean
clean:
	$(Q)rm -rf $(OUTPUT) .output-*

-include $(wildcard $(OUTPUT)/*.d)
