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

void snapshot_estimate(Snapshot *snapshot) {
        double bytes = 0, square = 0;
        WorkingSet set = {};

        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];
                uint64_t size = region->end - region->start;
                double n = (double) region->samples, hits = (double) region->hits;

                set.total += size;
                if (region->samples == 0 && region->untrackable > 0) {
                        set.untrackable += size;
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
                        set.touched += size;
                bytes += (double) size * in_window(snapshot, region, hits / n);
                square += variance((double) size, hits, n);
        }

        set.bytes = (uint64_t) (bytes + 0.5);
        set.error = (uint64_t) (sqrt(square) + 0.5);
        snapshot->working_set = set;
}
