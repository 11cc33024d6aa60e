/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict numbers: the whole string or nothing, no sign, no base prefix, no overflow. */
#pragma once

#include <stdint.h>

/* All return 0, -EINVAL (not such a number) or -ERANGE (too large); ret is untouched on failure. */

int number_parse_count(const char *s, uint64_t *ret);

/* Bytes: 100000000, 4096B, 100MiB, 100M (K, M, G, T are powers of 1024, with or without "iB"). */
int number_parse_size(const char *s, uint64_t *ret);

/* Time: masim's bare milliseconds, or 2500ms, 5s. */
int number_parse_time(const char *s, uint64_t *ret_ns);

/* A decimal fraction such as 0.5 or 12; no exponent, no inf, no nan. */
int number_parse_fraction(const char *s, double *ret);
