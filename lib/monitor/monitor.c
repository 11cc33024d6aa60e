/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitoring loop. */
#include "monitor/monitor.h"

#include <errno.h>
#include <stdio.h>

#include "monitor/inherit.h"
#include "monitor/tune.h"

struct Monitor {
        MonitorAttrs attrs;
        MonitorAttrs next_attrs; /* to be swapped in at the next tick */
        bool attrs_changed;
        const AdaptPolicy *policy;
        void *policy_state;
        Source *source;
        Rng rng;
        uint64_t salt;

        Target **targets;
        size_t n_targets;
        size_t targets_allocated;
        uint64_t last_id;

        nsec_t tick;         /* the grid of sampling deadlines */
        nsec_t deadline;     /* the tick with its jitter */
        nsec_t window_start;
        nsec_t next_update;
        uint32_t windows_since_tuning;
        bool had_targets; /* at the end of the last step */
        bool was_running; /* one of them at least */

        uint64_t sequence;
        Snapshot *snapshot;
        MonitorCounters counters;
};

/* Periodic sampling would see a periodic program always at the same moment: each deadline is moved by
 * up to a tenth of the interval, around a grid that does not drift. */
#define JITTER_SHARE 0.1

static nsec_t jittered(Monitor *m) {
        double span = (double) m->attrs.sample * JITTER_SHARE;

        return m->tick + (nsec_t) (span * rng_unit(&m->rng));
}

int monitor_new(const MonitorAttrs *attrs, const AdaptPolicy *policy, Source *source, uint64_t seed,
                nsec_t now, Monitor **ret) {
        _cleanup_(monitor_freep) Monitor *m = NULL;

        assert(monitor_attrs_validate(attrs, NULL) == 0);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->attrs = *attrs;
        m->policy = policy;
        m->source = source;
        m->tick = m->deadline = m->window_start = now;
        m->next_update = now + attrs->update;
        rng_init(&m->rng, seed);
        m->salt = rng_next(&m->rng);

        if (policy->new_state) {
                m->policy_state = policy->new_state();
                if (!m->policy_state)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(m);
        return 0;
}

Monitor *monitor_free(Monitor *m) {
        if (!m)
                return NULL;

        for (size_t i = 0; i < m->n_targets; i++)
                target_free(m->targets[i]);
        free(m->targets);
        snapshot_unref(m->snapshot);
        if (m->policy_state)
                m->policy->free_state(m->policy_state);
        free(m);
        return NULL;
}

static int reserve_target(Monitor *m) {
        Target **targets;
        size_t n;

        if (m->n_targets < m->targets_allocated)
                return 0;

        n = MAX(m->targets_allocated * 2, (size_t) 4);
        targets = reallocarray(m->targets, n, sizeof(*targets));
        if (!targets)
                return -ENOMEM;

        m->targets = targets;
        m->targets_allocated = n;
        return 0;
}

int monitor_add_target(Monitor *m, pid_t pid, const char *command, Space *space, uint64_t *ret_id) {
        Target *target;
        int r;

        r = target_new(m->last_id + 1, pid, command, m->source, space, &target);
        if (r < 0)
                return r;
        r = reserve_target(m);
        if (r < 0) {
                target_free(target);
                return r;
        }

        m->targets[m->n_targets++] = target;
        *ret_id = ++m->last_id;
        return 0;
}

static size_t find_target(const Monitor *m, uint64_t id) {
        size_t low = 0, high = m->n_targets;

        /* they are in the order of their numbers, which are never used again */
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (m->targets[middle]->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < m->n_targets && m->targets[low]->id == id ? low : m->n_targets;
}

int monitor_remove_target(Monitor *m, uint64_t id) {
        size_t i = find_target(m, id);

        if (i == m->n_targets)
                return -ENOENT;

        target_free(m->targets[i]);
        memmove(&m->targets[i], &m->targets[i + 1], (m->n_targets - i - 1) * sizeof(*m->targets));
        m->n_targets--;
        return 0;
}

void monitor_inherit(Monitor *m, uint64_t child, uint64_t parent, nsec_t forked) {
        size_t i = find_target(m, child);

        assert(i < m->n_targets);
        m->targets[i]->heir_of = parent;
        m->targets[i]->forked = forked;
}

int monitor_end_target(Monitor *m, uint64_t id, TargetState state) {
        size_t i = find_target(m, id);

        if (i == m->n_targets)
                return -ENOENT;

        target_end(m->targets[i], state);
        return 0;
}

int monitor_rename_target(Monitor *m, uint64_t id, const char *command) {
        size_t i = find_target(m, id);

        if (i == m->n_targets)
                return -ENOENT;

        (void) snprintf(m->targets[i]->command, sizeof(m->targets[i]->command), "%s", command);
        return 0;
}

size_t monitor_n_targets(const Monitor *m) {
        return m->n_targets;
}

const Target *monitor_target(const Monitor *m, size_t i) {
        assert(i < m->n_targets);
        return m->targets[i];
}

static AdaptContext adapt_context(Monitor *m, nsec_t now) {
        return (AdaptContext) {
                .attrs = &m->attrs,
                .granularity = m->source->ops->granularity,
                .rng = &m->rng,
                .salt = m->salt,
                .targets = m->targets,
                .n_targets = m->n_targets,
                .now = now,
                .window_start = m->window_start,
                .state = m->policy_state,
        };
}

static int check_samples(Monitor *m, nsec_t now) {
        AdaptContext context = adapt_context(m, now);
        int r;

        for (size_t i = 0; i < m->n_targets; i++) {
                Target *target = m->targets[i];

                if (target->state != TARGET_RUNNING || target->n_samples == 0)
                        continue;
                r = target_check(target);
                if (r == 0 && m->policy->learn && target->state == TARGET_RUNNING)
                        r = m->policy->learn(&context, target);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int draw_samples(Monitor *m, nsec_t now) {
        AdaptContext context = adapt_context(m, now);
        int r;

        for (size_t i = 0; i < m->n_targets; i++) {
                Target *target = m->targets[i];

                if (target->state != TARGET_RUNNING || target->list.n == 0)
                        continue;
                r = m->policy->draw(&context, target);
                if (r < 0)
                        return r;
                r = target_prepare(target);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* With fewer, what lies between a program, its libraries and its stack would be watched as if it were memory. */
#define RANGES_LEAST ((size_t) 3)

static uint64_t mapped_bytes(const Monitor *m) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < m->n_targets; i++)
                bytes += m->targets[i]->size.mapped;
        return bytes;
}

/* Ranges are what regions cannot be merged across: half of the budget leaves the other half to adapt. Each target gets
 * a few, the rest is shared by size. `total`: what all have mapped. */
static size_t ranges_for(const Monitor *m, const Target *target, uint64_t total) {
        size_t budget = m->attrs.max_regions / 2, least = RANGES_LEAST * m->n_targets;

        if (m->n_targets == 1)
                return MAX(budget, (size_t) 1);
        if (budget <= least)
                return RANGES_LEAST;
        if (total == 0)
                return budget / m->n_targets;
        return RANGES_LEAST + (size_t) ((double) (budget - least) * (double) target->size.mapped / (double) total);
}

size_t monitor_targets_max(const Monitor *m) {
        return MAX(m->attrs.max_regions / RANGES_LEAST, (size_t) 1);
}

/* A program that starts maps memory quickly, one that runs seldom: so the size of an address space is
 * looked at again after one sampling interval, then two, four … up to once per window. Maps that take
 * long to read, some 0.1 ms per hundred mappings, are read less often than that. */
static bool map_is_due(const Monitor *m, Target *target, nsec_t now, bool all) {
        nsec_t window = m->attrs.aggregate * (1 + (target->map ? target->map->n_mappings / 1000 : 0));
        bool changed = target_look(target, now, m->attrs.sample, MIN(window, m->attrs.update));

        return all || changed || !target->map;
}

/* New targets have come: those that were there before have more ranges than is their share now. */
static int make_room(Monitor *m, nsec_t now) {
        uint64_t total = mapped_bytes(m);
        int r = 0;

        for (size_t i = 0; i < m->n_targets && r == 0; i++) {
                Target *target = m->targets[i];

                if (target->state == TARGET_RUNNING && target->map)
                        r = target_fit(target, target->map, ranges_for(m, target, total), m->attrs.min_regions, now);
        }
        return r;
}

/* The child's map has been read for the first time. */
static int take_over(Monitor *m, Target *child) {
        size_t parent = find_target(m, TAKE_GENERIC(child->heir_of, (uint64_t) 0));
        int n;

        if (parent == m->n_targets)
                return 0;
        n = target_inherit(child, m->targets[parent], child->forked, &m->rng);
        if (n < 0)
                return n;
        m->counters.inherited += (uint64_t) n;
        return 0;
}

/* Reads maps: of all targets when the update is due, else of those that have none yet or whose size has
 * changed. */
static int update_targets(Monitor *m, nsec_t now) {
        AdaptContext context = adapt_context(m, now);
        bool due = now >= m->next_update, updated = false;
        uint64_t total;
        int r;

        for (size_t i = 0; i < m->n_targets; i++)
                m->targets[i]->map_is_due = m->targets[i]->state == TARGET_RUNNING &&
                                            map_is_due(m, m->targets[i], now, due);
        total = mapped_bytes(m);
        for (size_t i = 0; i < m->n_targets; i++) {
                Target *target = m->targets[i];

                if (!target->map_is_due)
                        continue;
                r = target_update(target, ranges_for(m, target, total), m->attrs.min_regions, now);
                if (r >= 0 && target->heir_of > 0)
                        r = take_over(m, target);
                if (r < 0)
                        return r;
                updated = true;
        }

        r = updated && adapt_count_regions(&context) > m->attrs.max_regions ? make_room(m, now) : 0;
        if (r < 0)
                return r;
        if (due) {
                m->counters.updates++;
                m->next_update = now + m->attrs.update;
        }
        return updated ? m->policy->bound(&context) : 0;
}

static void fill_target(const Monitor *m, Snapshot *snapshot, size_t i, size_t first) {
        SnapshotTarget *to = &snapshot->targets[i];
        const Target *from = m->targets[i];

        *to = (SnapshotTarget) {
                .id = from->id,
                .pid = from->pid,
                .state = from->state,
                .address_space = from->address_space,
                .resident = from->size.resident,
                .map = address_map_ref(from->map),
                .first_region = first,
                .n_regions = from->list.n,
        };
        memcpy(to->command, from->command, sizeof(to->command));
}

/* So many samples say what its rate is. */
static double known_from(const Region *region) {
        if (!region_is_idle(region))
                return region->weight;
        return region_known_rate(region) > 0 ? region->lone_samples : MIN(region->weight, region->clear);
}

static void fill_regions(Snapshot *snapshot, size_t first, const RegionList *list, nsec_t now) {
        for (size_t i = 0; i < list->n; i++) {
                const Region *region = &list->regions[i];

                snapshot->regions[first + i] = (SnapshotRegion) {
                        .start = region->start,
                        .end = region->end,
                        .samples = region->samples,
                        .hits = region->hits,
                        .untrackable = region->untrackable,
                        .rate = region_known_rate(region),
                        .weight = region->weight,
                        .sure = known_from(region),
                        .before = region->before,
                        .age = now - MIN(region->since, now),
                        .newest = now - MIN(region->born, now),
                };
                memcpy(snapshot->regions[first + i].apart, region->apart_share, sizeof(region->apart_share));
        }
}

static int publish(Monitor *m, nsec_t now) {
        AdaptContext context = adapt_context(m, now);
        Snapshot *snapshot;
        size_t first = 0;

        snapshot = snapshot_new(m->n_targets, adapt_count_regions(&context));
        if (!snapshot)
                return -ENOMEM;

        snapshot->sequence = ++m->sequence;
        snapshot->time = now;
        snapshot->window = now - m->window_start;
        snapshot->sample = m->attrs.sample;
        snapshot->aggregate = m->attrs.aggregate;
        snapshot->by_average = m->policy->by_average;
        for (size_t i = 0; i < m->n_targets; i++) {
                fill_target(m, snapshot, i, first);
                fill_regions(snapshot, first, &m->targets[i]->list, now);
                first += m->targets[i]->list.n;
        }
        snapshot_estimate(snapshot);

        snapshot_unref(m->snapshot);
        m->snapshot = snapshot;
        return 0;
}

static void tune(Monitor *m) {
        const WorkingSet *set = &m->snapshot->working_set;
        uint64_t trackable;

        if (!m->attrs.goal.enabled || ++m->windows_since_tuning < m->attrs.goal.aggregations)
                return;

        m->windows_since_tuning = 0;
        trackable = working_set_trackable(set);
        if (trackable > 0 &&
            tune_intervals(&m->attrs, (double) set->bytes / (double) trackable, m->source->ops->sample_min))
                m->counters.tunings++;
}

static void learn_apart(Monitor *m) {
        for (size_t i = 0; i < m->n_targets; i++)
                for (size_t k = 0; k < m->targets[i]->list.n; k++)
                        region_learn_apart(&m->targets[i]->list.regions[k]);
}

static int close_window(Monitor *m, nsec_t now) {
        AdaptContext context = adapt_context(m, now);
        int r;

        learn_apart(m);
        r = m->policy->merge(&context);
        if (r < 0)
                return r;
        r = publish(m, now);
        if (r < 0)
                return r;
        tune(m);
        r = m->policy->split(&context);
        if (r < 0)
                return r;

        m->counters.aggregations++;
        m->window_start = now;
        return 0;
}

static bool any_running(const Monitor *m) {
        for (size_t i = 0; i < m->n_targets; i++)
                if (m->targets[i]->state == TARGET_RUNNING)
                        return true;
        return false;
}

/* Ticks do not fall exactly on the end of a window: the nearest one closes it. When the last target
 * has ended, what the open window learned is the last that can be told. */
static bool window_is_over(const Monitor *m, nsec_t now) {
        if (now + m->attrs.sample / 2 >= m->window_start + m->attrs.aggregate)
                return true;
        return m->was_running && !any_running(m);
}

static void schedule(Monitor *m, nsec_t now) {
        m->tick += m->attrs.sample;
        if (m->tick + m->attrs.sample <= now) {
                /* too late by whole intervals: they are gone, and the grid starts anew */
                m->counters.overruns += (now - m->tick) / m->attrs.sample;
                m->tick = now + m->attrs.sample;
        }
        m->deadline = jittered(m);
}

int monitor_step(Monitor *m, nsec_t now, nsec_t *ret_next) {
        int r = 0;

        if (now < m->deadline) {
                *ret_next = m->deadline;
                return 0;
        }

        if (!m->had_targets)
                /* nothing was watched until now: no interval was missed, and the window begins here */
                m->tick = m->window_start = now;
        if (m->attrs_changed) {
                m->attrs = m->next_attrs;
                m->attrs_changed = false;
        }

        r = check_samples(m, now);
        if (r == 0 && m->n_targets > 0 && window_is_over(m, now))
                r = close_window(m, now);
        if (r == 0)
                r = update_targets(m, now);
        if (r == 0)
                r = draw_samples(m, now);
        if (r < 0)
                return r;

        m->had_targets = m->n_targets > 0;
        m->was_running = any_running(m);
        m->counters.ticks++;
        schedule(m, now);
        *ret_next = m->deadline;
        return 0;
}

static void skip_regions(RegionList *list, nsec_t gap) {
        for (size_t i = 0; i < list->n; i++) {
                Region *region = &list->regions[i];
                nsec_t *times[] = { &region->since, &region->born, &region->last_hit, &region->asked, &region->met };

                /* 0: never */
                for (size_t k = 0; k < ELEMENTSOF(times); k++)
                        *times[k] += *times[k] > 0 ? gap : 0;
        }
}

void monitor_skip(Monitor *m, nsec_t gap) {
        for (size_t i = 0; i < m->n_targets; i++) {
                m->targets[i]->n_samples = 0;
                skip_regions(&m->targets[i]->list, gap);
        }
        m->window_start += gap;
        m->tick += gap;
        m->deadline += gap;
        m->next_update = 0; /* maps may have changed */
        m->counters.gaps++;
}

void monitor_set_attrs(Monitor *m, const MonitorAttrs *attrs) {
        assert(monitor_attrs_validate(attrs, NULL) == 0);

        m->next_attrs = *attrs;
        m->attrs_changed = true;
}

void monitor_set_budget(Monitor *m, uint32_t samples_per_sec) {
        m->attrs.samples_per_sec = m->next_attrs.samples_per_sec = samples_per_sec;
}

const MonitorAttrs *monitor_attrs(const Monitor *m) {
        return &m->attrs;
}

const MonitorCounters *monitor_counters(const Monitor *m) {
        return &m->counters;
}

nsec_t monitor_window_end(const Monitor *m) {
        return m->window_start + m->attrs.aggregate;
}

Snapshot *monitor_snapshot(const Monitor *m) {
        return m->snapshot;
}
