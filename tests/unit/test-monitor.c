/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the monitoring loop with a scripted source: deadlines, outcomes, attributes, tuning. */
#include <check.h>
#include <errno.h>

#include "monitor/monitor.h"
#include "monitor/tune.h"

#define MIB (UINT64_C(1) << 20)

/* What the next calls answer. */
typedef struct Script {
        Source source;
        int attached;
        int map_result, prepare_result, check_result;
        bool replace_once;
        uint64_t map_end;
        uint64_t trials;
        bool idle; /* no access is ever seen */
        unsigned areas; /* instead */
        unsigned checks;
        unsigned looks;
        uint32_t flags; /* of all mappings */
        int share_result;
        uint64_t own;   /* from here on pages are a child's own */
        uint64_t none;  /* … and from here on there are none */
} Script;

struct Space {
        int unused;
};

static int script_attach(Source *source, pid_t pid, Space **ret) {
        (void) pid;
        *ret = calloc(1, sizeof(**ret));
        ((Script *) source)->attached++;
        return 0;
}

static void script_detach(Source *source, Space *space) {
        ((Script *) source)->attached--;
        free(space);
}

static int script_map(Source *source, Space *space, AddressMap **ret) {
        Script *s = (Script *) source;
        AddressMap *map;

        (void) space;
        if (s->map_result != 0)
                return s->map_result;
        map = address_map_new();
        for (uint64_t i = 1; i <= s->areas; i++)
                ck_assert_int_eq(address_map_add(map, i * 1000 * MIB, i * 1000 * MIB + MIB, "b", s->flags), 0);
        if (s->map_end > MIB && s->areas == 0)
                ck_assert_int_eq(address_map_add(map, MIB, s->map_end, "a", s->flags), 0);
        *ret = map;
        return 0;
}

static int script_prepare(Source *source, Space *space, Sample *samples, size_t n) {
        (void) space;
        for (size_t i = 1; i < n; i++)
                ck_assert_uint_le(samples[i - 1].addr, samples[i].addr);
        return ((Script *) source)->prepare_result;
}

static int script_check(Source *source, Space *space, Sample *samples, size_t n) {
        Script *s = (Script *) source;

        (void) space;
        s->checks++;
        if (s->replace_once) {
                s->replace_once = false;
                return OPS_E_REPLACED;
        }
        for (size_t i = 0; i < n; i++)
                samples[i].trials = samples[i].hits = s->trials;
        for (size_t i = 0; i < n && s->idle; i++)
                samples[i].hits = 0;
        return s->check_result;
}

static SpaceSize script_size(Source *source, Space *space) {
        Script *s = (Script *) source;

        (void) space;
        s->looks++;
        return (SpaceSize) { .mapped = s->map_end, .resident = 4096 };
}

static int script_share(Source *source, Space *space, uint64_t addr, PageShare *ret) {
        const Script *s = (const Script *) source;

        (void) space;
        if (s->share_result != 0)
                return s->share_result;
        *ret = addr >= s->none ? SHARE_NOTHING : addr >= s->own ? SHARE_OWN : SHARE_SHARED;
        return 0;
}

static const SourceOps script_ops = {
        .name = "script",
        .sees_reads = true,
        .sample_min = NSEC_PER_MSEC,
        .attach = script_attach,
        .detach = script_detach,
        .map = script_map,
        .prepare = script_prepare,
        .check = script_check,
        .size = script_size,
        .share = script_share,
};

static Script script;
static Monitor *monitor;
static uint64_t target_id;
static nsec_t now;

static void set_up(void) {
        Space *space;

        now = NSEC_PER_SEC;
        script = (Script) {
                .source.ops = &script_ops,
                .map_end = 101 * MIB,
                .trials = 1,
                .own = UINT64_MAX,
                .none = UINT64_MAX,
        };
        ck_assert_int_eq(monitor_new(&MONITOR_ATTRS_DEFAULT, &ADAPT_CLASSIC, &script.source, 1, now, &monitor), 0);
        ck_assert_int_eq(script_attach(&script.source, 1, &space), 0);
        ck_assert_int_eq(monitor_add_target(monitor, 1, "one", space, &target_id), 0);
}

static void tear_down(void) {
        monitor = monitor_free(monitor);
        ck_assert_int_eq(script.attached, 0);
}

static void run(nsec_t duration) {
        nsec_t end = now + duration, next = now;

        while (next <= end) {
                now = MAX(now, next);
                ck_assert_int_eq(monitor_step(monitor, now, &next), 0);
                ck_assert_uint_gt(next, now);
        }
        now = end;
}

/* Many targets with many areas each: the bound on the regions holds for all of them together, and none is left without
 * regions of its own. */
START_TEST(many_targets_share_the_regions) {
        size_t most = monitor_targets_max(monitor), regions = 0;
        uint64_t id;

        script.areas = 20;
        ck_assert_uint_eq(most, MONITOR_ATTRS_DEFAULT.max_regions / 3);
        for (size_t n = 1; n < most; n++) {
                Space *space;

                ck_assert_int_eq(script_attach(&script.source, 1, &space), 0);
                ck_assert_int_eq(monitor_add_target(monitor, 1, "more", space, &id), 0);
                if (n % 20 == 0)
                        run(3 * NSEC_PER_SEC);
                if (n % 20 == 0 && monitor_snapshot(monitor))
                        ck_assert_uint_le(monitor_snapshot(monitor)->n_regions, MONITOR_ATTRS_DEFAULT.max_regions);
        }
        run(30 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_n_targets(monitor), most);
        for (size_t i = 0; i < most; i++) {
                ck_assert_uint_ge(monitor_target(monitor, i)->list.n, 1);
                regions += monitor_target(monitor, i)->list.n;
        }
        ck_assert_uint_le(regions, MONITOR_ATTRS_DEFAULT.max_regions);
}
END_TEST

START_TEST(deadlines) {
        run(10 * NSEC_PER_SEC);
        ck_assert_uint_ge(monitor_counters(monitor)->ticks, 99);
        ck_assert_uint_le(monitor_counters(monitor)->ticks, 102);
        ck_assert_uint_ge(monitor_counters(monitor)->aggregations, 4);
        ck_assert_uint_le(monitor_counters(monitor)->aggregations, 5);
        ck_assert_uint_eq(monitor_counters(monitor)->overruns, 0);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.bytes, 100 * MIB);
        ck_assert_uint_eq(monitor_snapshot(monitor)->targets[0].resident, 4096);
}
END_TEST

START_TEST(early_call_does_nothing) {
        nsec_t next, again;

        ck_assert_int_eq(monitor_step(monitor, now, &next), 0);
        ck_assert_int_eq(monitor_step(monitor, now + 1, &again), 0);
        ck_assert_uint_eq(next, again);
        ck_assert_uint_eq(script.checks, 0);
}
END_TEST

START_TEST(late_call_is_counted) {
        nsec_t next;

        run(NSEC_PER_SEC);
        now += 5 * NSEC_PER_SEC;
        ck_assert_int_eq(monitor_step(monitor, now, &next), 0);
        ck_assert_uint_ge(monitor_counters(monitor)->overruns, 48);
        ck_assert_uint_le(monitor_counters(monitor)->overruns, 51);
        ck_assert_uint_gt(next, now);
}
END_TEST

/* A daemon that was stopped or suspended for an hour has not seen memory idle for an hour. */
START_TEST(a_gap_is_no_age) {
        const nsec_t gap = 3600 * NSEC_PER_SEC;
        const Snapshot *snapshot;
        unsigned checks;
        nsec_t next;

        script.idle = true;
        run(10 * NSEC_PER_SEC);
        now += gap;
        monitor_skip(monitor, gap);
        checks = script.checks;
        ck_assert_int_eq(monitor_step(monitor, now + NSEC_PER_SEC / 2, &next), 0);
        ck_assert_uint_eq(script.checks, checks);
        run(5 * NSEC_PER_SEC);

        snapshot = monitor_snapshot(monitor);
        ck_assert_uint_gt(snapshot->n_regions, 0);
        for (size_t i = 0; i < snapshot->n_regions; i++) {
                ck_assert_uint_ge(snapshot->regions[i].age, 10 * NSEC_PER_SEC);
                ck_assert_uint_le(snapshot->regions[i].age, 15 * NSEC_PER_SEC);
                ck_assert_uint_le(snapshot->regions[i].newest, 15 * NSEC_PER_SEC);
        }
        ck_assert_uint_le(snapshot->window, 3 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_counters(monitor)->gaps, 1);
        ck_assert_uint_le(monitor_counters(monitor)->overruns, 5);
}
END_TEST

START_TEST(rate_is_an_exact_fraction) {
        const Snapshot *snapshot;

        run(10 * NSEC_PER_SEC);
        snapshot = monitor_snapshot(monitor);
        ck_assert_uint_gt(snapshot->n_regions, 0);
        for (size_t i = 0; i < snapshot->n_regions; i++) {
                ck_assert_uint_ge(snapshot->regions[i].samples, 19);
                ck_assert_uint_eq(snapshot->regions[i].hits, snapshot->regions[i].samples);
        }
}
END_TEST

/* ---- Forks ---- */

/* A parent whose memory is idle for so long; then a child. Returns when that was forked. */
static nsec_t fork_after(nsec_t idle, uint64_t *ret_child) {
        nsec_t forked;
        Space *space;

        script.idle = true;
        script.flags = MAPPING_ANON;
        run(idle);
        forked = now;
        now += NSEC_PER_SEC / 2; /* until it was found */
        ck_assert_int_eq(script_attach(&script.source, 2, &space), 0);
        ck_assert_int_eq(monitor_add_target(monitor, 2, "one", space, ret_child), 0);
        monitor_inherit(monitor, *ret_child, target_id, forked);
        return forked;
}

/* Bytes of a target that are at least so old, in the latest snapshot. */
static uint64_t bytes_of_age(uint64_t target, nsec_t age) {
        const Snapshot *snapshot = monitor_snapshot(monitor);
        uint64_t bytes = 0;

        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const SnapshotTarget *t = &snapshot->targets[i];

                for (size_t k = t->first_region; t->id == target && k < t->first_region + t->n_regions; k++)
                        if (snapshot->regions[k].age >= age)
                                bytes += snapshot->regions[k].end - snapshot->regions[k].start;
        }
        return bytes;
}

/* What the parent has not accessed for a minute is as old in the child; what the child has mapped beside it is new. */
START_TEST(a_child_has_its_parents_idle_memory) {
        uint64_t child;

        (void) fork_after(60 * NSEC_PER_SEC, &child);
        script.map_end = 151 * MIB;
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_gt(monitor_counters(monitor)->inherited, 0);
        ck_assert_uint_eq(bytes_of_age(child, 60 * NSEC_PER_SEC), 100 * MIB);
        ck_assert_uint_eq(bytes_of_age(child, 6 * NSEC_PER_SEC), 100 * MIB);
        ck_assert_uint_eq(bytes_of_age(child, 0), 150 * MIB);
        /* its own accesses end that */
        script.idle = false;
        run(10 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 20 * NSEC_PER_SEC), 0);
}
END_TEST

START_TEST(what_a_child_has_written_or_mapped_is_new) {
        uint64_t child;

        script.own = 51 * MIB;
        (void) fork_after(60 * NSEC_PER_SEC, &child);
        run(5 * NSEC_PER_SEC);
        /* a region is taken over as a whole or not at all */
        ck_assert_uint_le(bytes_of_age(child, 10 * NSEC_PER_SEC), 50 * MIB);
        ck_assert_uint_eq(bytes_of_age(target_id, 60 * NSEC_PER_SEC), 100 * MIB);
}
END_TEST

START_TEST(nothing_is_known_of_what_is_not_there) {
        uint64_t child;

        script.none = 0;
        (void) fork_after(60 * NSEC_PER_SEC, &child);
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
        ck_assert_uint_eq(monitor_counters(monitor)->inherited, 0);
}
END_TEST

START_TEST(what_is_no_private_memory_is_not_inherited) {
        static const uint32_t flags[] = { 0, MAPPING_ANON | MAPPING_SHARED, MAPPING_ANON | MAPPING_HUGETLB };
        uint64_t child;

        (void) fork_after(60 * NSEC_PER_SEC, &child);
        script.flags = flags[_i];
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
}
END_TEST

/* Both map memory at the same place, after the fork. */
START_TEST(what_the_parent_mapped_since_is_not_inherited) {
        uint64_t child;
        Space *space;

        script.idle = true;
        script.flags = MAPPING_ANON;
        run(60 * NSEC_PER_SEC);
        ck_assert_int_eq(script_attach(&script.source, 2, &space), 0);
        ck_assert_int_eq(monitor_add_target(monitor, 2, "one", space, &child), 0);
        monitor_inherit(monitor, child, target_id, NSEC_PER_SEC / 2);
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
}
END_TEST

START_TEST(what_the_parent_accesses_is_not_inherited) {
        uint64_t child;

        script.flags = MAPPING_ANON;
        run(60 * NSEC_PER_SEC);
        (void) fork_after(0, &child);
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
}
END_TEST

/* It ends, or becomes another program, while it is looked at. */
START_TEST(a_child_that_changes_meanwhile) {
        uint64_t child;

        (void) fork_after(60 * NSEC_PER_SEC, &child);
        script.share_result = _i == 0 ? OPS_E_REPLACED : OPS_E_GONE;
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
        ck_assert_int_eq(monitor_target(monitor, 1)->state, _i == 0 ? TARGET_RUNNING : TARGET_ENDED);
        ck_assert_uint_eq(monitor_target(monitor, 1)->address_space, _i == 0 ? 2 : 1);
}
END_TEST

START_TEST(a_parent_that_has_ended) {
        uint64_t child;

        (void) fork_after(60 * NSEC_PER_SEC, &child);
        if (_i == 0)
                ck_assert_int_eq(monitor_remove_target(monitor, target_id), 0);
        else
                ck_assert_int_eq(monitor_end_target(monitor, target_id, TARGET_ENDED), 0);
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(bytes_of_age(child, 10 * NSEC_PER_SEC), 0);
}
END_TEST

/* More areas than may be taken over. */
START_TEST(a_heritage_of_many_parts) {
        uint64_t child;

        script.areas = 200;
        (void) fork_after(60 * NSEC_PER_SEC, &child);
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_counters(monitor)->inherited, 64);
        ck_assert_uint_ge(bytes_of_age(child, 60 * NSEC_PER_SEC), 32 * MIB);
        ck_assert_uint_eq(bytes_of_age(child, 0), bytes_of_age(target_id, 0));
}
END_TEST

START_TEST(end_of_target) {
        run(3 * NSEC_PER_SEC);
        script.check_result = OPS_E_GONE;
        run(NSEC_PER_SEC);
        ck_assert_int_eq(monitor_target(monitor, 0)->state, TARGET_ENDED);
        /* what the open window had learned was published with the end */
        ck_assert_uint_eq(monitor_snapshot(monitor)->sequence, 2);
        ck_assert_int_eq(monitor_snapshot(monitor)->targets[0].state, TARGET_ENDED);
        ck_assert_uint_lt(monitor_snapshot(monitor)->window, 2 * NSEC_PER_SEC);
        ck_assert_int_eq(monitor_remove_target(monitor, target_id), 0);
        ck_assert_int_eq(monitor_remove_target(monitor, target_id), -ENOENT);
        run(5 * NSEC_PER_SEC);
}
END_TEST

START_TEST(denied) {
        script.map_result = OPS_E_DENIED;
        run(3 * NSEC_PER_SEC);
        ck_assert_int_eq(monitor_target(monitor, 0)->state, TARGET_DENIED);
}
END_TEST

START_TEST(exec_begins_anew) {
        run(5 * NSEC_PER_SEC);
        script.replace_once = true;
        run(2 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_target(monitor, 0)->address_space, 2);
        ck_assert_int_eq(monitor_target(monitor, 0)->state, TARGET_RUNNING);
        ck_assert_uint_gt(monitor_target(monitor, 0)->list.n, 0);
        run(2 * NSEC_PER_SEC);
        /* no region remembers what was before */
        for (size_t i = 0; i < monitor_snapshot(monitor)->n_regions; i++)
                ck_assert_uint_le(monitor_snapshot(monitor)->regions[i].age, 4 * NSEC_PER_SEC);
}
END_TEST

START_TEST(exec_while_mapping) {
        script.map_result = OPS_E_REPLACED;
        run(NSEC_PER_SEC / 2);
        ck_assert_int_eq(monitor_target(monitor, 0)->state, TARGET_RUNNING);
        script.map_result = 0;
        run(NSEC_PER_SEC / 2);
        ck_assert_uint_gt(monitor_target(monitor, 0)->list.n, 0);
}
END_TEST

/* New memory is seen within a window, long before the update interval; and looking rests. */
START_TEST(growth_is_noticed) {
        run(5 * NSEC_PER_SEC);
        script.looks = 0;
        run(8 * NSEC_PER_SEC);
        ck_assert_uint_le(script.looks, 5);
        script.map_end = 201 * MIB;
        run(2 * MONITOR_ATTRS_DEFAULT.aggregate);
        ck_assert_uint_eq(region_list_bytes(&monitor_target(monitor, 0)->list), 200 * MIB);
}
END_TEST

/* Of a block of pages one is sampled, whatever is drawn; at the edges of regions others. */
START_TEST(few_pages_are_ever_sampled) {
        Region region = { .start = MIB + 4096, .end = 9 * MIB };
        bool seen[9 * MIB / 4096] = {};
        unsigned n = 0;
        Rng rng;

        rng_init(&rng, 5);
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t addr = adapt_sample_page(&(AdaptContext) { .rng = &rng, .salt = 99 }, &region);

                ck_assert_uint_ge(addr, region.start);
                ck_assert_uint_lt(addr, region.end);
                n += !seen[addr / 4096];
                seen[addr / 4096] = true;
        }
        ck_assert_uint_ge(n, 8 * 256 / SAMPLE_BLOCK);
        ck_assert_uint_le(n, 8 * 256 / SAMPLE_BLOCK + SAMPLE_BLOCK);
}
END_TEST

/* A region that is smaller than a block is sampled all the same, every page of it. */
START_TEST(small_regions_are_sampled_evenly) {
        Region region = { .start = 0x7f0000003000, .end = 0x7f0000006000 };
        unsigned seen[3] = {};
        Rng rng;

        rng_init(&rng, 6);
        for (uint64_t i = 0; i < 3000; i++) {
                uint64_t addr = adapt_sample_page(&(AdaptContext) { .rng = &rng, .salt = i << 32 }, &region);

                seen[(addr - region.start) / 4096]++;
        }
        for (unsigned i = 0; i < 3; i++)
                ck_assert_uint_ge(seen[i], 800);
}
END_TEST

START_TEST(everything_unmapped) {
        run(5 * NSEC_PER_SEC);
        script.map_end = 0;
        run(12 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_snapshot(monitor)->n_regions, 0);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.bytes, 0);
        script.map_end = 11 * MIB;
        run(12 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.bytes, 10 * MIB);
        for (size_t i = 0; i < monitor_snapshot(monitor)->n_regions; i++)
                ck_assert_uint_le(monitor_snapshot(monitor)->regions[i].age, 12 * NSEC_PER_SEC);
}
END_TEST

START_TEST(untrackable_is_never_hot) {
        script.trials = 0;
        run(5 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.bytes, 0);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.untrackable, 100 * MIB);
        ck_assert_uint_gt(monitor_snapshot(monitor)->regions[0].untrackable, 0);
}
END_TEST

START_TEST(fatal_error) {
        nsec_t next;

        run(NSEC_PER_SEC);
        script.check_result = -EIO;
        now += NSEC_PER_SEC;
        ck_assert_int_eq(monitor_step(monitor, now, &next), -EIO);
}
END_TEST

START_TEST(attributes_swap_at_a_tick) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        run(3 * NSEC_PER_SEC);
        attrs.sample = 10 * NSEC_PER_MSEC;
        attrs.aggregate = 100 * NSEC_PER_MSEC;
        monitor_set_attrs(monitor, &attrs);
        ck_assert_uint_eq(monitor_attrs(monitor)->sample, MONITOR_ATTRS_DEFAULT.sample);
        run(2 * NSEC_PER_SEC);
        ck_assert_uint_eq(monitor_attrs(monitor)->sample, attrs.sample);
        ck_assert_uint_ge(monitor_counters(monitor)->aggregations, 15);
}
END_TEST

START_TEST(snapshots_outlive_the_monitor) {
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = NULL;

        run(5 * NSEC_PER_SEC);
        snapshot = snapshot_ref(monitor_snapshot(monitor));
        monitor = monitor_free(monitor);
        ck_assert_uint_eq(snapshot->working_set.bytes, 100 * MIB);
        ck_assert_str_eq(address_map_name(snapshot->targets[0].map, MIB, 2 * MIB), "a");
}
END_TEST

START_TEST(many_targets_share_the_budget) {
        for (unsigned i = 0; i < 300; i++) {
                Space *space;

                ck_assert_int_eq(script_attach(&script.source, 1, &space), 0);
                ck_assert_int_eq(monitor_add_target(monitor, 1, "more", space, &target_id), 0);
        }
        run(10 * NSEC_PER_SEC);
        ck_assert_uint_le(monitor_snapshot(monitor)->n_regions, MONITOR_ATTRS_DEFAULT.max_regions);
        ck_assert_uint_eq(monitor_snapshot(monitor)->n_targets, 301);
        ck_assert_uint_eq(monitor_snapshot(monitor)->working_set.total, 301 * 100 * MIB);
}
END_TEST

#define ATTRS(s, a, u, low, high) .sample = (s), .aggregate = (a), .update = (u), .min_regions = (low), .max_regions = (high)
#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC

START_TEST(attributes_are_checked) {
        static const struct {
                MonitorAttrs attrs;
                const char *word;
        } cases[] = {
                { { ATTRS(SEC, MS, SEC, 10, 100) }, "shorter" },
                { { ATTRS(10, SEC, SEC, 10, 100) }, "sampling" },
                { { ATTRS(MS, SEC, 0, 10, 100) }, "update" },
                { { ATTRS(MS, SEC, SEC, 2, 100) }, "at least 3" },
                { { ATTRS(MS, SEC, SEC, 10, 3) }, "below the minimum" },
                { { ATTRS(MS, SEC, SEC, 10, 100001) }, "100000" },
                { { ATTRS(MS, SEC, SEC, 10, 100), .max_region_size = 100 }, "page" },
                { { ATTRS(MS, SEC, SEC, 10, 100),
                    .goal = { true, 0.04, 3, 5 * MS, SEC } }, "within the bounds" },
        };
        _cleanup_free_ char *error = NULL;

        ck_assert_int_eq(monitor_attrs_validate(&cases[_i].attrs, &error), -EINVAL);
        ck_assert_ptr_nonnull(strstr(error, cases[_i].word));
}
END_TEST

START_TEST(tuning_follows_the_formula) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.goal = INTERVALS_GOAL_DEFAULT;
        /* nothing found: twice as long */
        ck_assert(tune_intervals(&attrs, 0, 0));
        ck_assert_uint_eq(attrs.sample, 200 * NSEC_PER_MSEC);
        ck_assert_uint_eq(attrs.aggregate, 4 * NSEC_PER_SEC);
        /* exactly the goal: no change */
        ck_assert(!tune_intervals(&attrs, 0.04, 0));
        /* far too much: half */
        ck_assert(tune_intervals(&attrs, 1, 0));
        ck_assert_uint_eq(attrs.sample, 100 * NSEC_PER_MSEC);
        /* a score of 1.5: 0.5 + 0.5 / 2 */
        ck_assert(tune_intervals(&attrs, 0.06, 0));
        ck_assert_uint_eq(attrs.sample / NSEC_PER_USEC, 75000);
        /* bounded both ways, and by the source */
        for (unsigned i = 0; i < 20; i++)
                (void) tune_intervals(&attrs, 0, 0);
        ck_assert_uint_eq(attrs.sample, 10 * NSEC_PER_SEC);
        for (unsigned i = 0; i < 40; i++)
                (void) tune_intervals(&attrs, 1, 20 * NSEC_PER_MSEC);
        ck_assert_uint_eq(attrs.sample, 20 * NSEC_PER_MSEC);
        ck_assert_uint_eq(attrs.aggregate / attrs.sample, 20);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("monitor");
        TCase *tests = tcase_create("loop"), *pure = tcase_create("attributes");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, many_targets_share_the_regions);
        tcase_add_test(tests, deadlines);
        tcase_add_test(tests, early_call_does_nothing);
        tcase_add_test(tests, late_call_is_counted);
        tcase_add_test(tests, a_gap_is_no_age);
        tcase_add_test(tests, rate_is_an_exact_fraction);
        tcase_add_test(tests, end_of_target);
        tcase_add_test(tests, a_child_has_its_parents_idle_memory);
        tcase_add_test(tests, what_a_child_has_written_or_mapped_is_new);
        tcase_add_test(tests, nothing_is_known_of_what_is_not_there);
        tcase_add_test(tests, what_the_parent_mapped_since_is_not_inherited);
        tcase_add_test(tests, what_the_parent_accesses_is_not_inherited);
        tcase_add_test(tests, a_heritage_of_many_parts);
        tcase_add_loop_test(tests, what_is_no_private_memory_is_not_inherited, 0, 3);
        tcase_add_loop_test(tests, a_child_that_changes_meanwhile, 0, 2);
        tcase_add_loop_test(tests, a_parent_that_has_ended, 0, 2);
        tcase_add_test(tests, denied);
        tcase_add_test(tests, exec_begins_anew);
        tcase_add_test(tests, exec_while_mapping);
        tcase_add_test(tests, growth_is_noticed);
        tcase_add_test(tests, everything_unmapped);
        tcase_add_test(tests, untrackable_is_never_hot);
        tcase_add_test(tests, fatal_error);
        tcase_add_test(tests, attributes_swap_at_a_tick);
        tcase_add_test(tests, snapshots_outlive_the_monitor);
        tcase_add_test(tests, many_targets_share_the_budget);
        suite_add_tcase(suite, tests);
        tcase_add_loop_test(pure, attributes_are_checked, 0, 8);
        tcase_add_test(pure, few_pages_are_ever_sampled);
        tcase_add_test(pure, small_regions_are_sampled_evenly);
        tcase_add_test(pure, tuning_follows_the_formula);
        suite_add_tcase(suite, pure);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
