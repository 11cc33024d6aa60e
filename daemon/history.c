/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded memory of past snapshots. */
#include "history.h"

void history_add(History *history, const Snapshot *snapshot) {
        HistoryPoint *point = &history->points[history->next];

        *point = (HistoryPoint) {
                .sequence = snapshot->sequence,
                .time = snapshot->time,
                .window = snapshot->window,
                .working_set = snapshot->working_set,
                .n_regions = (uint32_t) snapshot->n_regions,
        };
        for (size_t i = 0; i < snapshot->n_targets; i++)
                point->resident += snapshot->targets[i].resident;

        history->next = (history->next + 1) % HISTORY_MAX;
        history->n = MIN(history->n + 1, (size_t) HISTORY_MAX);
}

const HistoryPoint *history_at(const History *history, size_t i) {
        assert(i < history->n);
        return &history->points[(history->next + HISTORY_MAX - history->n + i) % HISTORY_MAX];
}
