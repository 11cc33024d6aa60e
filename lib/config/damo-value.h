/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How DAMO spells values. All take commas between digits and the words "min" (0) and "max"; a bare number is in
 * `unit`, as the suffix of its key says. All return 0, -EINVAL (not of this form) or -ERANGE (does not fit). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* "4096", "4 KiB", "100 MB" (powers of two, all of them), in bytes. "max" is UINT64_MAX. */
int damo_size_parse(const char *text, uint64_t *ret);

/* "5 ms", "1 m 30 s". "max", and what is beyond counting, is NSEC_INFINITY. */
int damo_time_parse(const char *text, const char *unit, nsec_t *ret);

/* "4 %" or with the unit "%", "permil" or "bp". "max", and everything above 100 %, is DAMO_SHARE_MAX. */
int damo_share_parse(const char *text, const char *unit, double *ret);

#define DAMO_SHARE_MAX 2.0 /* more than a share can be */

/* Digits. "max" is UINT64_MAX. */
int damo_count_parse(const char *text, uint64_t *ret);

/* Digits and a fraction. "max" does not fit. */
int damo_number_parse(const char *text, double *ret);

/* "12 samples", where that is the word. */
int damo_counted_parse(const char *text, const char *word, uint64_t *ret);

/* "true", "yes", "y", "false", "no", "n", in any case. */
int damo_bool_parse(const char *text, bool *ret);
