/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GetTargets: which processes the entries of monitors have found, and what these use. */
#include "methods-internal.h"
#include "report.h"
#include "request.h"

/* Some 300 bytes each: a reply stays below the 1 MiB that it may have. */
#define TARGETS_TOLD_MAX 3000

static const SnapshotTarget *find_in_snapshot(const Snapshot *snapshot, uint64_t id) {
        for (size_t i = 0; snapshot && i < snapshot->n_targets; i++)
                if (snapshot->targets[i].id == id)
                        return &snapshot->targets[i];
        return NULL;
}

/* What the latest window said of one target alone. */
static void report_use(Writer *w, const Snapshot *snapshot, const SnapshotTarget *target) {
        Snapshot part;
        uint64_t idle = 0;

        if (!target)
                return;
        part = *snapshot;
        part.regions += target->first_region;
        part.n_regions = target->n_regions;
        snapshot_estimate(&part);
        for (size_t i = 0; i < part.n_regions; i++)
                if (part.regions[i].rate == 0 && part.regions[i].weight >= 1)
                        idle += part.regions[i].end - part.regions[i].start;
        writer_uint(w, "working_set_bytes", part.working_set.bytes);
        writer_uint(w, "idle_bytes", idle);
}

static void report_target(Writer *w, const Engine *engine, const Target *target, nsec_t now) {
        const Snapshot *snapshot = monitor_snapshot(engine_monitor(engine));
        const Followed *followed = engine_followed(engine, target->id);

        writer_open_object(w, NULL);
        writer_uint(w, "id", target->id);
        writer_int(w, "pid", target->pid);
        writer_string(w, "command", target->command);
        writer_string(w, "state", target_state_name(target->state));
        if (followed) {
                writer_uint(w, "entry", followed->spec);
                writer_bool(w, "child", !followed->named);
                if (followed->cgroup)
                        writer_string(w, "cgroup", followed->cgroup);
                if (followed->uid != UID_NONE)
                        writer_uint(w, "uid", followed->uid);
                writer_uint(w, "watched_ns", now - MIN(followed->since, now));
        }
        if (target->size.resident > 0)
                writer_uint(w, "resident_bytes", target->size.resident);
        writer_uint(w, "regions", target->list.n);
        report_use(w, snapshot, find_in_snapshot(snapshot, target->id));
        writer_close(w);
}

static void report_entry(Writer *w, const FollowSpec *spec, const char *waits_for) {
        writer_open_object(w, NULL);
        writer_open_object(w, "spec");
        report_target_spec(w, spec->config);
        writer_close(w);
        writer_uint(w, "targets", spec->n_targets);
        writer_uint(w, "found", spec->n_found);
        writer_uint(w, "ended", spec->n_ended);
        writer_uint(w, "left", spec->n_left);
        if (spec->config->cgroup || spec->config->unit) {
                writer_uint(w, "cgroups", spec->n_cgroups);
                writer_uint(w, "vanished", spec->n_vanished);
        }
        if (waits_for)
                writer_string(w, "waits_for", waits_for);
        writer_close(w);
}

static void report_cgroups(Writer *w, const CgroupWatch *watch) {
        writer_open_object(w, "cgroup_search");
        writer_uint(w, "watched", watch->n_nodes);
        writer_uint(w, "unnoticed", cgroup_watch_unnoticed(watch));
        writer_uint(w, "denied", watch->n_denied);
        writer_uint(w, "left_out", watch->n_left_out);
        writer_close(w);
}

static size_t report_engine(Writer *w, const Engine *engine, size_t room) {
        const Follower *follower = engine_follower(engine);
        const Monitor *monitor = engine_monitor(engine);
        size_t n = MIN(monitor_n_targets(monitor), room);
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);

        writer_open_object(w, NULL);
        writer_string(w, "monitor", engine_config(engine)->name);
        writer_string(w, "state", engine_state_name(engine_state(engine)));
        if (engine_message(engine))
                writer_string(w, "message", engine_message(engine));
        writer_open_array(w, "entries");
        for (size_t i = 0; i < follower->n_specs; i++)
                report_entry(w, &follower->specs[i], follower_spec_waits_for(follower, i));
        writer_close(w);
        if (follower->has_cgroups)
                report_cgroups(w, &follower->cgroups);
        writer_open_array(w, "targets");
        for (size_t i = 0; i < n; i++)
                report_target(w, engine, monitor_target(monitor, i), now);
        writer_close(w);
        writer_uint(w, "left_out", monitor_n_targets(monitor) - n);
        writer_uint(w, "room", monitor_targets_max(monitor));
        writer_uint(w, "refused", follower->n_no_room);
        writer_close(w);
        return n;
}

int method_get_targets(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        size_t room = TARGETS_TOLD_MAX;
        Engine *engine = NULL;
        Writer *w;
        int r;

        if (field_string(parameters, "name", NULL)) {
                r = methods_begin(c, call, parameters, &engine);
                if (!engine)
                        return r;
        }
        w = control_reply_begin(call);
        if (w) {
                writer_open_array(w, "monitors");
                for (size_t i = 0; i < c->manager->n_engines; i++)
                        if (!engine || engine == c->manager->engines[i])
                                room -= report_engine(w, c->manager->engines[i], room);
                writer_close(w);
        }
        return control_reply_end(call);
}
