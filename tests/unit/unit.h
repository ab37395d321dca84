/* SPDX-License-Identifier: MIT */
/* Every unit test includes this first: cmocka.h needs these headers before it. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* cmocka 2 has it by this name. That of cmocka 1 is deprecated there. */
#ifndef assert_int_in_range
#define assert_int_in_range assert_in_range
#endif

/* A string literal, which may hold NULs, as two arguments: the bytes and their number. */
#define BYTES(literal) (literal), sizeof(literal) - 1

#endif
