/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small statistics, shared by the daemon's estimates and the client's tables. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A value that stands for `weight` units (bytes, snapshots). */
typedef struct WeightedValue {
        double value;
        uint64_t weight;
} WeightedValue;

/* Sorts by value, ascending. */
void weighted_sort(WeightedValue *values, size_t n);

/* The percentile of sorted values, nearest rank: the smallest value such that at least percent % of
 * the weight is at or below it. percent in [0, 100]; 0.0 where there is no weight. */
double weighted_percentile(const WeightedValue *sorted, size_t n, double percent);
