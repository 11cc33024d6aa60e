/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded memory of past snapshots: what the working set was, without the regions. */
#pragma once

#include <stddef.h>

#include "monitor/snapshot.h"

typedef struct HistoryPoint {
        uint64_t sequence;
        nsec_t time; /* CLOCK_MONOTONIC */
        nsec_t window;
        WorkingSet working_set;
        uint64_t resident; /* bytes, all targets */
        uint32_t n_regions;
} HistoryPoint;

/* At 2 s per aggregation a quarter of an hour; 40 KiB. */
#define HISTORY_MAX 450

typedef struct History {
        HistoryPoint points[HISTORY_MAX];
        size_t n;
        size_t next;
} History;

void history_add(History *history, const Snapshot *snapshot);

/* The i-th oldest point; i < n. */
const HistoryPoint *history_at(const History *history, size_t i);
