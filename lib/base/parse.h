/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict parsing of what people write: integers, sizes, durations, percentages. No silent default
 * unit, no trailing text, no overflow. All return 0, -EINVAL (not of this form), -ERANGE (does not
 * fit) or PARSE_E_NO_UNIT (a bare number where a unit is required; 0 alone needs none). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

enum {
        PARSE_E_NO_UNIT = 1,
};

/* Decimal digits only: no sign, no space, no leading +. */
int parse_u64(const char *s, uint64_t *ret);
int parse_pid(const char *s, pid_t *ret);

/* "4096B", "4KiB", "1.5GiB", "128MiB", "10TiB", K/M/G/T/P/E with or without i and B, all powers of
 * two; "max" is UINT64_MAX. Result in bytes. */
int parse_size(const char *s, uint64_t *ret);

/* "5ms", "2s", "1.5min", "2h", "1d", "100us", "10ns", several parts in a row ("1min 30s", "1m30s");
 * "max" is NSEC_INFINITY. Result in nanoseconds. */
int parse_duration(const char *s, nsec_t *ret);

/* "4%", "0.5%", "12bp", "5permil", "max" (100 %). Result as a share 0.0 to 1.0; above 100 % is
 * -ERANGE. */
int parse_share(const char *s, double *ret);

/* "true" or "false", nothing else. */
int parse_bool(const char *s, bool *ret);
