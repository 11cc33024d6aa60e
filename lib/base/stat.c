/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small statistics. */
#include "base/stat.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"

static int compare_values(const void *a, const void *b) {
        double x = ((const WeightedValue *) a)->value, y = ((const WeightedValue *) b)->value;

        return (x > y) - (x < y);
}

void weighted_sort(WeightedValue *values, size_t n) {
        qsort(values, n, sizeof(*values), compare_values);
}

double weighted_percentile(const WeightedValue *sorted, size_t n, double percent) {
        double total = 0, seen = 0, last = 0;

        for (size_t i = 0; i < n; i++)
                total += (double) sorted[i].weight;

        for (size_t i = 0; i < n; i++) {
                if (sorted[i].weight == 0)
                        continue;
                seen += (double) sorted[i].weight;
                last = sorted[i].value;
                if (seen >= total * percent / 100)
                        return last;
        }
        return last;
}

void rate_interval(double rate, double n, double z, double *ret_low, double *ret_high) {
        double square = z * z, middle = (rate + square / (2 * n)) / (1 + square / n);
        double half = z / (1 + square / n) * sqrt(rate * (1 - rate) / n + square / (4 * n * n));

        *ret_low = MAX(middle - half, 0.0);
        *ret_high = MIN(middle + half, 1.0);
}

/* So many standard errors of a share that is `bound` lie between it and the rate. */
static double errors_between(double rate, double bound, double n) {
        return bound <= 0 || bound >= 1 ? INFINITY : fabs(rate - bound) * sqrt(n / (bound * (1 - bound)));
}

double rate_confidence(double rate, double n, double low, double high) {
        double z;

        if (rate < low || rate > high)
                return 0;
        z = MIN(errors_between(rate, low, n), errors_between(rate, high, n));
        return 0.5 * erfc(-z / sqrt(2));
}
