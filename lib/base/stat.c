/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small statistics. */
#include "base/stat.h"

#include <stdlib.h>

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
