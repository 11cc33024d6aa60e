/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pressure stall information: how long tasks had to wait for memory or I/O, of the machine or of a cgroup. */
#pragma once

#include <stdint.h>

#include "base/file.h"

typedef enum PressureResource {
        PRESSURE_MEMORY,
        PRESSURE_IO,
} PressureResource;

/* Percentages, and the total stall time in microseconds. */
typedef struct PressureLine {
        double avg10;
        double avg60;
        double avg300;
        uint64_t total;
} PressureLine;

typedef struct Pressure {
        PressureLine some; /* at least one task waits */
        PressureLine full; /* all of them do */
        bool has_full;     /* not so for the CPU on kernels before 5.13 */
} Pressure;

/* Takes the file's text, NUL-terminated. 0 or -EBADMSG. */
int pressure_parse(const char *text, Pressure *ret);

/* Of a cgroup (see cgroup.h), or of the machine where that is NULL. -ENOENT: this kernel has none;
 * -EOPNOTSUPP: it is switched off. */
int pressure_read(const RootFds *roots, PressureResource resource, const char *cgroup, Pressure *ret);
