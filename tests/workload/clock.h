/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two clocks of the truth log, in nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)

static inline uint64_t clock_ns(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Sleeps until this CLOCK_MONOTONIC time, or until a signal comes. */
static inline void clock_sleep_until(uint64_t ns)
{
        struct timespec ts = {
                .tv_sec = (time_t)(ns / NSEC_PER_SEC),
                .tv_nsec = (long)(ns % NSEC_PER_SEC),
        };

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}
