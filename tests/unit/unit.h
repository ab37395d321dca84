/* SPDX-License-Identifier: MIT */
/* What every unit test includes first: cmocka wants these headers before its own. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* A string literal, which may hold NULs, as bytes and their number. */
#define BYTES(literal) (literal), sizeof(literal) - 1

#endif
