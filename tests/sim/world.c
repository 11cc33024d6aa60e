/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated world. */
#include "world.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

/* Any moment will do, but zero would hide arithmetic on unset times. */
#define WORLD_START (1000 * NSEC_PER_SEC)

static nsec_t world_clock(void *userdata) {
        return ((World *) userdata)->now;
}

static void must(int r, const char *what, const char *why) {
        if (r == 0)
                return;
        (void) fprintf(stderr, "%s: %s\n", what, why ?: error_text(r));
        abort();
}

void world_init(World *world, const char *pattern, const MonitorAttrs *attrs, const AdaptPolicy *policy,
                uint64_t seed) {
        _cleanup_free_ char *error = NULL;
        Space *space;
        int r;

        *world = (World) { .now = WORLD_START, .next = WORLD_START };

        r = monitor_attrs_validate(attrs, &error);
        must(r, "attributes", error);
        r = sim_source_new(pattern, &world->source, &error);
        must(r, "pattern", error);
        sim_source_set_clock(world->source, world_clock, world);
        sim_source_set_seed(world->source, seed ^ 0x5eed);
        must(monitor_new(attrs, policy, world->source, seed, world->now, &world->monitor), "monitor", NULL);
        must(world->source->ops->attach(world->source, 1, &space), "attach", NULL);
        must(monitor_add_target(world->monitor, 1, "sim", space, &world->target), "target", NULL);
}

void world_deinit(World *world) {
        monitor_free(world->monitor);
        source_free(world->source);
}

static void world_tick(World *world) {
        world->now = MAX(world->now, world->next);
        must(monitor_step(world->monitor, world->now, &world->next), "step", NULL);
}

const Snapshot *world_next_snapshot(World *world) {
        uint64_t before = monitor_counters(world->monitor)->aggregations;

        while (monitor_counters(world->monitor)->aggregations == before)
                world_tick(world);
        return monitor_snapshot(world->monitor);
}

void world_run(World *world, nsec_t duration) {
        nsec_t end = world->now + duration;

        while (world->next <= end)
                world_tick(world);
        world->now = end;
}

static nsec_t middle(const Snapshot *snapshot) {
        return snapshot->time - snapshot->window / 2 - WORLD_START;
}

uint64_t world_truth(const World *world, const Snapshot *snapshot) {
        return sim_source_truth(world->source, middle(snapshot));
}

/* Counts pages on a grid fine enough for every pattern in use. */
static void count_region(const World *world, const SnapshotRegion *region, nsec_t at, double theta, double *both,
                         double *hot) {
        uint64_t size = region->end - region->start, step = MAX(size / 512 / 4096 * 4096, UINT64_C(4096));
        bool called = region->samples > 0 && (double) region->hits >= theta * (double) region->samples;

        for (uint64_t addr = region->start; addr < region->end; addr += step) {
                double part = (double) MIN(step, region->end - addr);

                if (sim_source_share(world->source, addr, at) < theta)
                        continue;
                *hot += part;
                if (called)
                        *both += part;
        }
}

Score world_score(const World *world, const Snapshot *snapshot, double theta) {
        double both = 0, hot = 0, called = 0, truth = (double) world_truth(world, snapshot);
        Score score = {};

        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];

                count_region(world, region, middle(snapshot), theta, &both, &hot);
                if (region->samples > 0 && (double) region->hits >= theta * (double) region->samples)
                        called += (double) (region->end - region->start);
        }

        score.precision = called > 0 ? both / called : 1;
        score.recall = hot > 0 ? both / hot : 1;
        if (score.precision + score.recall > 0)
                score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
        score.wss_error = truth > 0 ? fabs((double) snapshot->working_set.bytes - truth) / truth : 0;
        return score;
}
