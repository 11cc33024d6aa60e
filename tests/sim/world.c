/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated world. */
#include "world.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
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

/* The operations are part of their world. */
static World *world_of(const Source *source) {
        return (World *) ((char *) source->ops - offsetof(World, ops));
}

static int world_map(Source *source, Space *space, AddressMap **ret) {
        _cleanup_(address_map_unrefp) AddressMap *all = NULL, *map = NULL;
        const World *world = world_of(source);
        int r;

        r = world->real->map(source, space, &all);
        if (r != 0)
                return r;
        map = address_map_new();
        if (!map)
                return -ENOMEM;
        for (size_t i = 0; i < all->n_mappings; i++) {
                const Mapping *mapping = &all->mappings[i];

                if (world->is_mapped && !world->is_mapped(world, i))
                        continue;
                r = address_map_add(map, mapping->start, mapping->end, &all->names[mapping->name], mapping->flags);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(map);
        return 0;
}

static SpaceSize world_size(Source *source, Space *space) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;

        must(world_map(source, space, &map), "map", NULL);
        return (SpaceSize) { .mapped = map->bytes, .resident = map->bytes };
}

static int world_check(Source *source, Space *space, Sample *samples, size_t n) {
        World *world = world_of(source);
        nsec_t cpu = clock_cpu_nsec(CPU_TIME_THREAD);
        int r;

        r = world->real->check(source, space, samples, n);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (world->miss > 0)
                        samples[i].hits = samples[i].hits > 0 && rng_unit(&world->rng) >= world->miss;
                if (world->untrackable > 0 && samples[i].addr >= world->untrackable)
                        samples[i].trials = samples[i].hits = 0;
                samples[i].use = world->use ? world->use(world, samples[i].addr) : USE_PROGRAM;
                if (samples[i].use != USE_PROGRAM)
                        samples[i].trials = samples[i].hits = 0;
        }
        world->checking += clock_cpu_nsec(CPU_TIME_THREAD) - cpu;
        return r;
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
        world->real = world->source->ops;
        world->ops = *world->real;
        world->ops.map = world_map;
        world->ops.size = world_size;
        world->ops.check = world_check;
        world->source->ops = &world->ops;
        rng_init(&world->rng, seed ^ 0x715);
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

nsec_t world_age(const World *world) {
        return world->now - WORLD_START;
}

static nsec_t middle(const Snapshot *snapshot) {
        return snapshot->time - snapshot->window / 2 - WORLD_START;
}

#define TRUTH_MOMENTS 20

double world_truth(const World *world, const Snapshot *snapshot) {
        double sum = 0;

        for (unsigned i = 0; i < TRUTH_MOMENTS; i++)
                sum += (double) sim_source_truth(world->source, snapshot->time - WORLD_START - snapshot->window +
                                                                        snapshot->window * (2 * i + 1) / (2 * TRUTH_MOMENTS));
        return sum / TRUTH_MOMENTS;
}

static bool is_called_hot(const Snapshot *snapshot, const SnapshotRegion *region, double theta) {
        if (snapshot->by_average)
                return region->rate >= theta;
        return region->samples > 0 && (double) region->hits >= theta * (double) region->samples;
}

/* Looks at pages on a grid fine enough for every pattern in use: 1 in 131072 of the whole or 1 MiB. */
static void count_region(const World *world, const Snapshot *snapshot, const SnapshotRegion *region, nsec_t at,
                         double theta, double *both, double *hot, double *truth) {
        uint64_t size = region->end - region->start, step = MAX(size / 512 / 4096 * 4096, UINT64_C(4096));
        uint64_t finest = MAX(snapshot->working_set.total >> 17, UINT64_C(1) << 20) / 4096 * 4096;
        bool called = is_called_hot(snapshot, region, theta);

        step = MIN(step, finest);
        for (uint64_t addr = region->start; addr < region->end; addr += step) {
                double part = (double) MIN(step, region->end - addr), share = sim_source_share(world->source, addr, at);

                *truth += part * share;
                if (share < theta)
                        continue;
                *hot += part;
                if (called)
                        *both += part;
        }
}

static Score score_at(const World *world, const Snapshot *snapshot, double theta, nsec_t at) {
        double both = 0, hot = 0, called = 0, truth = 0;
        Score score = {};

        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];

                count_region(world, snapshot, region, at, theta, &both, &hot, &truth);
                if (is_called_hot(snapshot, region, theta))
                        called += (double) (region->end - region->start);
        }

        if (!world->is_mapped)
                truth = world_truth(world, snapshot); /* exactly, and over all of the window */
        score.precision = called > 0 ? both / called : 1;
        score.recall = hot > 0 ? both / hot : 1;
        if (score.precision + score.recall > 0)
                score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
        score.wss_error = truth > 0 ? fabs((double) snapshot->working_set.bytes - truth) / truth : 0;
        return score;
}

Score world_score(const World *world, const Snapshot *snapshot, double theta) {
        /* averages that end where rates change speak of when the last samples were taken, counts of the window's middle */
        nsec_t last = snapshot->time - WORLD_START - snapshot->sample;

        return score_at(world, snapshot, theta, snapshot->by_average ? last : middle(snapshot));
}

Score world_score_at_end(const World *world, const Snapshot *snapshot, double theta) {
        return score_at(world, snapshot, theta, snapshot->time - WORLD_START - 1);
}

const char WORLD_STAIRS[] = "area other 2300KiB\narea r 104392KiB\n"
                            "phase 2.5s\ntouch r 1300KiB 9768KiB 100%\n"
                            "phase 2.5s\ntouch r 11068KiB 9768KiB 100%\n"
                            "phase 2.5s\ntouch r 20836KiB 9768KiB 100%\n"
                            "phase 2.5s\ntouch r 30604KiB 9768KiB 100%\n"
                            "phase 2.5s\ntouch r 40372KiB 9768KiB 100%\n"
                            "phase 2.5s\ntouch r 50140KiB 9768KiB 100%\n";

const char WORLD_ZIGZAG[] = "area other 2300KiB\narea r 204392KiB\n"
                            "phase 2.5s\ntouch r 1300KiB 97656KiB 100%\n"
                            "phase 2.5s\ntouch r 99000KiB 97656KiB 100%\n";

uint64_t world_fingerprint(const MonitorAttrs *attrs, const AdaptPolicy *policy, unsigned n, uint64_t seed) {
        uint64_t sum = 0;
        World world;

        world_init(&world, NULL, attrs, policy, seed);
        for (unsigned i = 0; i < n; i++) {
                const Snapshot *snapshot = world_next_snapshot(&world);

                for (size_t k = 0; k < snapshot->n_regions; k++)
                        sum = sum * 31 + snapshot->regions[k].start + snapshot->regions[k].hits;
        }
        world_deinit(&world);
        return sum;
}
