/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is one file, fuzz_NAME.c, that defines this function, and a
 * folder of first inputs, corpus/NAME. It asserts what must hold for any
 * input. `make check` runs each target over its folder, with any compiler;
 * `make fuzz T=NAME` searches for new inputs.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
