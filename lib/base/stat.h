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

/* Wilson's interval for a share that was `rate` of n samples, n > 0: its bounds are where the share that z standard
 * errors of chance turn into `rate` lies. z is 1.96 for 95 %. */
void rate_interval(double rate, double n, double z, double *ret_low, double *ret_high);

/* How sure it is that the share lies in [low, high], 0.5 to 1, or 0 where `rate` does not: the highest one-sided
 * confidence at which both bounds of Wilson's interval do. Bounds of 0 and 1 are certain. */
double rate_confidence(double rate, double n, double low, double high);

/* What is taken to be right: a rate that is off by no more than this. */
#define RATE_SLACK 0.05
