/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots and what they say about the working set. */
#include "monitor/snapshot.h"

#include <math.h>

const char *target_state_name(TargetState state) {
        switch (state) {
        case TARGET_RUNNING:
                return "running";
        case TARGET_ENDED:
                return "ended";
        case TARGET_DENIED:
                return "denied";
        case TARGET_LEFT:
                return "left";
        }
        return "unknown";
}

Snapshot *snapshot_new(size_t n_targets, size_t n_regions) {
        Snapshot *snapshot = calloc(1, sizeof(*snapshot));

        if (!snapshot)
                return NULL;

        snapshot->n_ref = 1;
        snapshot->targets = calloc(MAX(n_targets, (size_t) 1), sizeof(*snapshot->targets));
        snapshot->regions = calloc(MAX(n_regions, (size_t) 1), sizeof(*snapshot->regions));
        if (!snapshot->targets || !snapshot->regions)
                return snapshot_unref(snapshot);

        snapshot->n_targets = n_targets;
        snapshot->n_regions = n_regions;
        return snapshot;
}

Snapshot *snapshot_ref(Snapshot *snapshot) {
        if (snapshot)
                snapshot->n_ref++;
        return snapshot;
}

Snapshot *snapshot_unref(Snapshot *snapshot) {
        if (!snapshot || --snapshot->n_ref > 0)
                return NULL;

        for (size_t i = 0; i < snapshot->n_targets; i++)
                address_map_unref(snapshot->targets[i].map);
        free(snapshot->targets);
        free(snapshot->regions);
        free(snapshot);
        return NULL;
}

/* Variance of size × rate, in bytes squared. Where all samples agreed, the rate is still not known
 * for certain: Laplace's rule of succession gives it the spread that so few samples allow. */
static double variance(double size, double hits, double n) {
        double p = (hits + 0.5) / (n + 1);

        return size * size * p * (1 - p) / n;
}

/* What changed within the window had another rate before. */
static double in_window(const Snapshot *snapshot, const SnapshotRegion *region, double rate) {
        double share;

        if (!snapshot->by_average || region->age >= snapshot->window || region->newest < snapshot->window)
                return rate;
        share = (double) region->age / (double) snapshot->window;
        return rate * share + region->before * (1 - share);
}

uint64_t working_set_trackable(const WorkingSet *set) {
        uint64_t apart = 0;

        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                apart += set->apart[use];
        return set->total - MIN(apart, set->total);
}

void snapshot_estimate(Snapshot *snapshot) {
        double bytes = 0, square = 0, apart[_USE_MAX] = {};
        WorkingSet set = {};

        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];
                double all = (double) (region->end - region->start), share = page_use_trackable(region->apart);
                double size = all * share;
                double n = (double) region->samples, hits = (double) region->hits;

                set.total += region->end - region->start;
                for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                        apart[use] += all * region->apart[use];
                if (size < 1)
                        continue;
                if (region->samples == 0 && region->untrackable > 0) {
                        set.untrackable += (uint64_t) (size + 0.5);
                        continue;
                }
                if (region->samples == 0 || (snapshot->by_average && region->weight >= 1)) {
                        /* not asked in this window: as it was before */
                        n = region->weight;
                        hits = region->rate * n;
                }
                if (n < 1)
                        continue;
                if (hits > 0)
                        set.touched += (uint64_t) (size + 0.5);
                bytes += size * in_window(snapshot, region, hits / n);
                /* what is apart was drawn, too: a sample of the whole found an access, or did not */
                square += variance(all, hits, n / share);
        }
        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                set.apart[use] = (uint64_t) (apart[use] + 0.5);

        set.bytes = (uint64_t) (bytes + 0.5);
        set.error = (uint64_t) (sqrt(square) + 0.5);
        snapshot->working_set = set;
}
