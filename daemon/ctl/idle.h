/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For how long the memory of a frame has been idle. */
#pragma once

#include "base/clock.h"
#include "base/stat.h"
#include "frame.h"

/* Fewer checks than this make a rate that deserves a '~'. */
#define SAMPLES_CONFIDENT 10

/* Idle times of all regions that could be checked, by bytes. */
typedef struct IdleTimes {
        WeightedValue *values; /* ns, sorted */
        size_t n;
        uint64_t bytes;
        uint64_t blind_bytes;
        uint64_t blind_regions;
        uint64_t few_bytes; /* rest on fewer than SAMPLES_CONFIDENT checks in this window */
} IdleTimes;

/* 0 or -ENOMEM. */
int idle_times_init(IdleTimes *idle, const Frame *frame);
void idle_times_deinit(IdleTimes *idle);

/* Bytes in which nothing was accessed for at least so long; 0: all that was checked. */
uint64_t idle_times_at_least(const IdleTimes *idle, nsec_t t);
