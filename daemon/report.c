/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State in the wire's words. */
#include "report.h"

/* A region takes some 150 bytes: a part stays well below the 1 MiB that a reply may have. */
#define REGIONS_PER_PART 4000

size_t report_snapshot_parts(const Snapshot *snapshot) {
        return MAX((snapshot->n_regions + REGIONS_PER_PART - 1) / REGIONS_PER_PART, (size_t) 1);
}

/* Snapshots carry the monotonic clock, people the other one. */
static uint64_t to_realtime(nsec_t monotonic) {
        return clock_nsec(CLOCK_REALTIME) - clock_nsec(CLOCK_MONOTONIC) + monotonic;
}

static void report_working_set(Writer *w, const WorkingSet *set) {
        writer_open_object(w, "working_set");
        writer_uint(w, "bytes", set->bytes);
        writer_uint(w, "error", set->error);
        writer_uint(w, "touched", set->touched);
        writer_uint(w, "untrackable", set->untrackable);
        writer_uint(w, "total", set->total);
        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                if (set->apart[use] > 0)
                        writer_uint(w, page_use_name(use), set->apart[use]);
        writer_close(w);
}

typedef struct TargetView {
        uint64_t id;
        pid_t pid;
        const char *command;
        TargetState state;
        uint32_t address_space;
        uint64_t resident;
        size_t n_regions;
        bool hidden;
} TargetView;

static void report_target(Writer *w, const TargetView *target) {
        writer_open_object(w, NULL);
        writer_uint(w, "id", target->id);
        writer_int(w, "pid", target->pid);
        writer_string(w, "command", target->command);
        writer_string(w, "state", target_state_name(target->state));
        writer_uint(w, "address_space", target->address_space);
        if (target->resident > 0)
                writer_uint(w, "resident_bytes", target->resident);
        writer_uint(w, "regions", target->n_regions);
        if (target->hidden)
                writer_bool(w, "addresses_hidden", true);
        writer_close(w);
}

static void report_snapshot_targets(Writer *w, const Snapshot *snapshot) {
        writer_open_array(w, "targets");
        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const SnapshotTarget *t = &snapshot->targets[i];

                report_target(w, &(TargetView) { t->id, t->pid, t->command, t->state, t->address_space, t->resident,
                                                 t->n_regions, t->hidden });
        }
        writer_close(w);
}

static void report_region(Writer *w, const SnapshotTarget *target, const SnapshotRegion *region) {
        writer_open_object(w, NULL);
        writer_uint(w, "target", target->id);
        writer_uint(w, "start", region->start);
        writer_uint(w, "end", region->end);
        writer_uint(w, "hits", region->hits);
        writer_uint(w, "samples", region->samples);
        writer_uint(w, "untrackable", region->untrackable);
        writer_real(w, "rate", region->rate);
        writer_real(w, "rate_samples", region->sure);
        if (page_use_trackable(region->apart) < 1)
                writer_real(w, "trackable", page_use_trackable(region->apart));
        writer_uint(w, "age_ns", region->age);
        writer_string(w, "mapping", target->map ? address_map_name(target->map, region->start, region->end) : "");
        writer_close(w);
}

static void report_regions(Writer *w, const Snapshot *snapshot, size_t part) {
        size_t first = part * REGIONS_PER_PART, last = MIN(first + REGIONS_PER_PART, snapshot->n_regions);

        writer_open_array(w, "regions");
        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const SnapshotTarget *target = &snapshot->targets[i];
                size_t from = MAX(target->first_region, first);
                size_t to = MIN(target->first_region + target->n_regions, last);

                for (size_t k = from; k < to; k++)
                        report_region(w, target, &snapshot->regions[k]);
        }
        writer_close(w);
}

void report_snapshot(Writer *w, const Engine *engine, const Snapshot *snapshot, size_t part) {
        const SourceOps *ops = engine_source(engine)->ops;

        if (!w)
                return;

        writer_open_object(w, "snapshot");
        writer_string(w, "monitor", engine_config(engine)->name);
        writer_uint(w, "sequence", snapshot->sequence);
        writer_uint(w, "part", part);
        writer_uint(w, "parts", report_snapshot_parts(snapshot));
        writer_uint(w, "time_ns", to_realtime(snapshot->time));
        writer_uint(w, "window_ns", snapshot->window);
        writer_uint(w, "sample_ns", snapshot->sample);
        writer_uint(w, "aggregate_ns", snapshot->aggregate);
        writer_string(w, "source", ops->name);
        writer_string(w, "granularity", ops->granularity == GRANULARITY_PAGE ? "page" : "mapping");
        writer_bool(w, "reads_seen", ops->sees_reads);
        report_working_set(w, &snapshot->working_set);
        report_snapshot_targets(w, snapshot);
        report_regions(w, snapshot, part);
        writer_close(w);
}

static void report_memory_spec(Writer *w, const TargetConfig *target) {
        if (target->node != TARGET_NO_NODE) {
                writer_uint(w, "node", target->node);
                return;
        }
        writer_open_array(w, "ranges");
        for (size_t i = 0; i < target->n_ranges; i++) {
                writer_open_object(w, NULL);
                writer_uint(w, "start", target->ranges[i].start);
                writer_uint(w, "end", target->ranges[i].end);
                writer_close(w);
        }
        writer_close(w);
}

void report_target_spec(Writer *w, const TargetConfig *target) {
        const struct {
                const char *key;
                const char *value;
        } texts[] = {
                { "command", target->command },
                { "cgroup", target->cgroup },
                { "unit", target->unit },
                { "user", target->user },
        };

        if (target->pid > 0)
                writer_int(w, "pid", target->pid);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i].value)
                        writer_string(w, texts[i].key, texts[i].value);
        if (target->min_rss > 0)
                writer_uint(w, "min_rss_bytes", target->min_rss);
        if (target->pid > 0 || target->command)
                writer_bool(w, "children", target->children);
}

/* What others are watched for is for those who may see them. */
static void report_target_specs(Writer *w, const MonitorConfig *config, bool seen) {
        writer_open_array(w, "targets");
        for (size_t i = 0; seen && i < config->n_targets; i++) {
                const TargetConfig *target = &config->targets[i];

                writer_open_object(w, NULL);
                if (monitor_config_is_physical(config))
                        report_memory_spec(w, target);
                else
                        report_target_spec(w, target);
                writer_close(w);
        }
        writer_close(w);
}

static void report_goal(Writer *w, const IntervalsGoal *goal) {
        if (!goal->enabled)
                return;
        writer_open_object(w, "goal");
        writer_real(w, "access_share", goal->access_share);
        writer_uint(w, "aggregations", goal->aggregations);
        writer_uint(w, "sample_min_ns", goal->sample_min);
        writer_uint(w, "sample_max_ns", goal->sample_max);
        writer_close(w);
}

static void report_context(Writer *w, const Engine *engine, const View *view) {
        const MonitorConfig *config = engine_config(engine);

        writer_open_object(w, "context");
        writer_string(w, "ops", config->ops);
        writer_string(w, "source", engine_source(engine)->ops->name);
        writer_string(w, "source_reason", engine_source_reason(engine));
        writer_string(w, "policy", config->policy);
        report_target_specs(w, config, sight_of_sums(view, engine));
        writer_uint(w, "sample_ns", config->attrs.sample);
        writer_uint(w, "aggregate_ns", config->attrs.aggregate);
        writer_uint(w, "update_ns", config->attrs.update);
        report_goal(w, &config->attrs.goal);
        writer_uint(w, "min_regions", config->attrs.min_regions);
        writer_uint(w, "max_regions", config->attrs.max_regions);
        writer_uint(w, "max_region_bytes", config->attrs.max_region_size);
        if (config->sim_pattern)
                writer_string(w, "sim_pattern", config->sim_pattern);
        writer_uint(w, "seed", config->seed);
        writer_close(w);
}

static size_t report_targets(Writer *w, const Engine *engine, const View *view) {
        const Monitor *monitor = engine_monitor(engine);
        size_t regions = 0;

        writer_open_array(w, "targets");
        for (size_t i = 0; i < monitor_n_targets(monitor); i++) {
                const Target *t = monitor_target(monitor, i);

                if (sight_of_target(view, engine, t->id, t->pid) == SIGHT_NONE)
                        continue;
                report_target(w, &(TargetView) { t->id, t->pid, t->command, t->state, t->address_space,
                                                 t->size.resident, t->list.n, false });
                regions += t->list.n;
        }
        writer_close(w);
        return regions;
}

static void report_untrackable(Writer *w, const SourceCounters *counters) {
        writer_open_array(w, "untrackable");
        for (Untrackable reason = 0; reason < _UNTRACKABLE_MAX; reason++) {
                if (counters->untrackable[reason] == 0)
                        continue;
                writer_open_object(w, NULL);
                writer_string(w, "reason", untrackable_name(reason));
                writer_uint(w, "samples", counters->untrackable[reason]);
                writer_close(w);
        }
        writer_close(w);
}

static void report_counters(Writer *w, const SourceCounters *counters) {
        writer_uint(w, "samples", counters->samples);
        writer_uint(w, "samples_hot", counters->hot);
        writer_uint(w, "samples_cold", counters->cold);
        writer_uint(w, "samples_absent", counters->absent);
        report_untrackable(w, counters);
        writer_uint(w, "syscalls", counters->syscalls);
        writer_uint(w, "syscalls_max_cold", counters->syscalls_max_cold);
        writer_uint(w, "syscalls_max_hot", counters->syscalls_max_hot);
}

static void report_warnings(Writer *w, const Engine *engine) {
        writer_open_array(w, "warnings");
        for (char *const *warning = engine_warnings(engine); warning && *warning; warning++)
                writer_string(w, NULL, *warning);
        writer_close(w);
}

static void report_runtime(Writer *w, const Engine *engine, const View *view) {
        const Monitor *monitor = engine_monitor(engine);
        const MonitorCounters *counters = monitor_counters(monitor);

        writer_open_object(w, "runtime");
        writer_string(w, "state", engine_state_name(engine_state(engine)));
        if (engine_message(engine))
                writer_string(w, "message", engine_message(engine));
        writer_uint(w, "regions", report_targets(w, engine, view));
        writer_uint(w, "sample_ns", monitor_attrs(monitor)->sample);
        writer_uint(w, "aggregate_ns", monitor_attrs(monitor)->aggregate);
        if (monitor_attrs(monitor)->samples_per_sec > 0)
                writer_uint(w, "samples_per_sec", monitor_attrs(monitor)->samples_per_sec);
        if (engine_cpu_share(engine) > 0)
                writer_real(w, "cpu_share", engine_cpu_share(engine));
        if (monitor_snapshot(monitor))
                report_working_set(w, &monitor_snapshot(monitor)->working_set);
        writer_uint(w, "snapshots", counters->aggregations);
        writer_uint(w, "ticks", counters->ticks);
        writer_uint(w, "overruns", counters->overruns);
        writer_uint(w, "late_median_ns", engine_lateness(engine, 0.5));
        writer_uint(w, "late_p99_ns", engine_lateness(engine, 0.99));
        report_counters(w, &engine_source(engine)->counters);
        report_warnings(w, engine);
        writer_close(w);
}

void report_monitor(Writer *w, const char *key, const Engine *engine, const View *view) {
        writer_open_object(w, key);
        writer_string(w, "name", engine_config(engine)->name);
        report_context(w, engine, view);
        report_runtime(w, engine, view);
        writer_close(w);
}

void report_history(Writer *w, const Engine *engine) {
        const History *history = engine_history(engine);

        writer_string(w, "monitor", engine_config(engine)->name);
        writer_open_array(w, "points");
        for (size_t i = 0; i < history->n; i++) {
                const HistoryPoint *point = history_at(history, i);

                writer_open_object(w, NULL);
                writer_uint(w, "sequence", point->sequence);
                writer_uint(w, "time_ns", to_realtime(point->time));
                writer_uint(w, "window_ns", point->window);
                report_working_set(w, &point->working_set);
                writer_uint(w, "resident_bytes", point->resident);
                writer_uint(w, "regions", point->n_regions);
                writer_close(w);
        }
        writer_close(w);
}

static void report_actions(Writer *w, const ActionSupport *support) {
        writer_open_array(w, "actions");
        for (Action action = 0; action < _ACTION_MAX; action++) {
                writer_open_object(w, NULL);
                writer_string(w, "name", action_name(action));
                writer_bool(w, "usable", support->actions[action].usable);
                writer_string(w, "reason", support->actions[action].reason);
                writer_close(w);
        }
        writer_close(w);
}

void report_capabilities(Writer *w, const Capabilities *caps, const ActionSupport *support) {
        writer_string(w, "kernel", caps->kernel);
        writer_string(w, "source", source_kind_name(caps->best));
        writer_string(w, "source_reason", caps->sources[caps->best].reason);

        writer_open_array(w, "sources");
        for (SourceKind kind = 0; kind < _SOURCE_KIND_MAX; kind++) {
                writer_open_object(w, NULL);
                writer_string(w, "name", source_kind_name(kind));
                writer_bool(w, "usable", caps->sources[kind].usable);
                writer_string(w, "reason", caps->sources[kind].reason);
                writer_close(w);
        }
        writer_close(w);

        if (support)
                report_actions(w, support);
        writer_open_array(w, "capabilities");
        for (size_t i = 0; i < caps->n_items; i++) {
                writer_open_object(w, NULL);
                writer_string(w, "name", caps->items[i].name);
                writer_string(w, "state", capability_state_name(caps->items[i].state));
                writer_string(w, "detail", caps->items[i].detail);
                writer_string(w, "cost", caps->items[i].cost);
                writer_close(w);
        }
        writer_close(w);
}
