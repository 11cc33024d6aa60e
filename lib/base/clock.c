/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU time. */
#include "base/clock.h"

#include <sys/resource.h>

static nsec_t timeval_nsec(const struct timeval *tv) {
        return (nsec_t) tv->tv_sec * NSEC_PER_SEC + (nsec_t) tv->tv_usec * NSEC_PER_USEC;
}

nsec_t clock_cpu_nsec(CpuTimeOf what) {
        struct rusage usage = {};
        struct timespec ts;

        if (clock_gettime(what == CPU_TIME_PROCESS ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &ts) == 0)
                return (nsec_t) ts.tv_sec * NSEC_PER_SEC + (nsec_t) ts.tv_nsec;

        (void) getrusage(what == CPU_TIME_PROCESS ? RUSAGE_SELF : RUSAGE_THREAD, &usage);
        return timeval_nsec(&usage.ru_utime) + timeval_nsec(&usage.ru_stime);
}
