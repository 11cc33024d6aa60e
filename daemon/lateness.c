/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How late steps came. */
#include "lateness.h"

#include "base/macro.h"

void lateness_add(Lateness *l, nsec_t late) {
        l->late[l->next] = late;
        l->next = (l->next + 1) % LATENESS_MAX;
        l->n = MIN(l->n + 1, (size_t) LATENESS_MAX);
}

static int compare(const void *a, const void *b) {
        nsec_t x = *(const nsec_t *) a, y = *(const nsec_t *) b;

        return x < y ? -1 : x > y;
}

nsec_t lateness_quantile(const Lateness *l, double share) {
        nsec_t sorted[LATENESS_MAX];

        if (l->n == 0)
                return 0;
        memcpy(sorted, l->late, l->n * sizeof(*sorted));
        qsort(sorted, l->n, sizeof(*sorted), compare);
        return sorted[(size_t) (share * (double) (l->n - 1) + 0.5)];
}
