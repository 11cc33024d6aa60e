/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, durations and shares as people read them; what comes out can be parsed back (parse.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define FORMAT_MAX 48

/* Writes into buf (FORMAT_MAX bytes are always enough) and returns it. Three significant digits or
 * so: "9.77MiB", "100MiB", "1.23GiB", "0B"; UINT64_MAX is "max". */
char *format_size(char buf[static FORMAT_MAX], uint64_t bytes);

/* "0s", "350us", "1.25s", "2min 5s", "3h 20min"; NSEC_INFINITY is "max". */
char *format_duration(char buf[static FORMAT_MAX], nsec_t t);

/* 0.123 is "12.3%". A share that is not zero is never printed as "0%" ("<0.1%" instead). */
char *format_share(char buf[static FORMAT_MAX], double share);
