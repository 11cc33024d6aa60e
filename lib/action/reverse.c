/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of the pages that lie in certain ranges of physical memory. */
#include "action/reverse.h"

#include "base/macro.h"

void reverse_clear(Reverse *reverse) {
        free(reverse->ranges);
        free(reverse->states);
        free(reverse->runs);
        free(reverse->owners);
        *reverse = (Reverse) {};
}

uint8_t *reverse_state(const Reverse *reverse, uint64_t pfn) {
        size_t low = 0, high = reverse->n_ranges;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const ReverseRange *range = &reverse->ranges[middle];

                if (pfn < range->first)
                        high = middle;
                else if (pfn >= range->first + range->n)
                        low = middle + 1;
                else
                        return &reverse->states[range->states + (pfn - range->first)];
        }
        return NULL;
}

size_t reverse_find(const Reverse *reverse, uint64_t pfn) {
        size_t low = 0, high = reverse->n_runs;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (reverse->runs[middle].pfn + reverse->runs[middle].n <= pfn)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}
