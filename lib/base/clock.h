/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: nanoseconds on CLOCK_MONOTONIC. Only daemon/ and the sources read a clock; the rest is told. */
#pragma once

#include <stdint.h>
#include <time.h>

typedef uint64_t nsec_t;

#define NSEC_PER_USEC ((nsec_t) 1000)
#define NSEC_PER_MSEC ((nsec_t) 1000000)
#define NSEC_PER_SEC ((nsec_t) 1000000000)
#define NSEC_PER_MINUTE (60 * NSEC_PER_SEC)
#define NSEC_INFINITY UINT64_MAX

/* Reads a clock (CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID …). */
static inline nsec_t clock_nsec(clockid_t id) {
        struct timespec ts;

        (void) clock_gettime(id, &ts);
        return (nsec_t) ts.tv_sec * NSEC_PER_SEC + (nsec_t) ts.tv_nsec;
}
