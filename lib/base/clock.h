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

/* Reads CLOCK_MONOTONIC or CLOCK_REALTIME. */
static inline nsec_t clock_nsec(clockid_t id) {
        struct timespec ts = {};

        (void) clock_gettime(id, &ts);
        return (nsec_t) ts.tv_sec * NSEC_PER_SEC + (nsec_t) ts.tv_nsec;
}

/* CPU time of the process or of the calling thread. Kernels without POSIX timers have no clock for it:
 * there it is as coarse as getrusage(2). */
typedef enum CpuTimeOf {
        CPU_TIME_PROCESS,
        CPU_TIME_THREAD,
} CpuTimeOf;

nsec_t clock_cpu_nsec(CpuTimeOf what);
