/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schemes in the wire's words. */
#include "report-schemes.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/format.h"
#include "config/config.h"

static const char *error_name(int error) {
        return strerrorname_np(error) ?: "unknown";
}

static const char *unit_name(GoalUnit unit) {
        static const char *const names[] = {
                [GOAL_UNIT_NUMBER] = "number",
                [GOAL_UNIT_TIME] = "ns",
                [GOAL_UNIT_SHARE] = "share",
                [GOAL_UNIT_BYTES] = "bytes",
                [GOAL_UNIT_RATIO] = "share",
        };

        return names[unit];
}

static void report_goals(Writer *w, const SchemeView *view) {
        const QuotaConfig *quota = &view->config->quota;

        writer_open_array(w, "goals");
        for (size_t i = 0; i < quota->n_goals; i++) {
                const GoalConfig *goal = &quota->goals[i];
                const GoalState *state = &view->quota->goals[i];

                writer_open_object(w, NULL);
                writer_string(w, "metric", goal_metric_name(goal->metric));
                writer_string(w, "unit", unit_name(goal_metric_unit(goal->metric)));
                if (goal->cgroup)
                        writer_string(w, "cgroup", goal->cgroup);
                if (goal_metric_is_of_node(goal->metric))
                        writer_uint(w, "node", goal->node);
                writer_real(w, "target", goal->target);
                if (state->current >= 0)
                        writer_real(w, "current", state->current);
                if (state->score >= 0)
                        writer_real(w, "score", state->score);
                writer_close(w);
        }
        writer_close(w);
}

static void report_outcomes(Writer *w, const SchemeStats *stats) {
        writer_open_array(w, "outcomes");
        for (Outcome i = 0; i < _OUTCOME_MAX; i++) {
                if (stats->others[i] == 0)
                        continue;
                writer_open_object(w, NULL);
                writer_string(w, "outcome", outcome_name(i));
                writer_uint(w, "bytes", stats->others[i]);
                writer_close(w);
        }
        writer_close(w);
}

static void report_errors(Writer *w, const SchemeStats *stats) {
        writer_open_array(w, "errors");
        for (size_t i = 0; i < PLAN_ERRORS_MAX && stats->errors[i].error != 0; i++) {
                writer_open_object(w, NULL);
                writer_string(w, "error", error_name(stats->errors[i].error));
                writer_string(w, "text", error_text(-stats->errors[i].error));
                writer_uint(w, "count", stats->errors[i].count);
                writer_close(w);
        }
        writer_close(w);
        if (stats->last_error != 0)
                writer_string(w, "last_error", error_name(stats->last_error));
}

static void report_context(Writer *w, const SchemeConfig *config) {
        _cleanup_free_ char *yaml = NULL;

        writer_open_object(w, "context");
        writer_string(w, "action", action_name(config->action));
        writer_bool(w, "enabled", config->enabled);
        writer_bool(w, "dry_run", config->dry_run);
        if (config->quota.size > 0)
                writer_uint(w, "quota_bytes", config->quota.size);
        if (config->quota.time > 0)
                writer_uint(w, "quota_time_ns", config->quota.time);
        if (quota_is_set(&config->quota))
                writer_uint(w, "reset_interval_ns", config->quota.reset_interval);
        (void) config_format_scheme(config, &yaml);
        writer_string(w, "yaml", yaml ?: "");
        writer_close(w);
}

void scheme_explain(const SchemeView *view, char *text, size_t size) {
        const WatermarkConfig *marks = &view->config->watermarks;
        char a[FORMAT_MAX], b[FORMAT_MAX];
        double last = view->watermark->last;

        *text = '\0';
        if (view->state != SCHEME_INACTIVE)
                return;
        if (last < 0)
                (void) snprintf(text, size, "how much memory is free cannot be read");
        else if (last > marks->high)
                (void) snprintf(text, size, "%s of the memory is free, more than %s", format_share(a, last),
                                format_share(b, marks->high));
        else if (last < marks->low)
                (void) snprintf(text, size, "%s of the memory is free, less than %s: the kernel's own reclaim has it",
                                format_share(a, last), format_share(b, marks->low));
        else
                (void) snprintf(text, size, "%s of the memory is free: waits until it is less than %s",
                                format_share(a, last), format_share(b, marks->mid));
}

static void report_quota(Writer *w, const SchemeView *view) {
        if (view->quota->effective != UINT64_MAX && quota_is_set(&view->config->quota) && view->quota->started)
                writer_uint(w, "effective_bytes", view->quota->effective);
        writer_uint(w, "charged_bytes", view->quota->charged);
        writer_uint(w, "charged_ns", view->quota->charged_time);
        writer_uint(w, "quota_exceeded", view->quota->exceeds);
        if (view->config->quota.n_goals > 0 && view->quota->score >= 0)
                writer_real(w, "score", view->quota->score);
        report_goals(w, view);
        if (view->config->watermarks.metric != WATERMARK_NONE && view->watermark->last >= 0)
                writer_real(w, "watermark", view->watermark->last);
}

static void report_moves(Writer *w, const SchemeStats *stats) {
        writer_uint(w, "hot_bytes", stats->hot);
        writer_uint(w, "ping_pong_bytes", stats->ping_pong);
        writer_open_array(w, "moves");
        for (size_t i = 0; i < PLAN_MOVES_MAX && stats->moves[i].bytes > 0; i++) {
                writer_open_object(w, NULL);
                writer_int(w, "from", stats->moves[i].from);
                writer_int(w, "to", stats->moves[i].to);
                writer_uint(w, "bytes", stats->moves[i].bytes);
                writer_close(w);
        }
        writer_close(w);
}

static void report_runtime(Writer *w, const SchemeView *view) {
        const SchemeStats *stats = view->stats;
        char message[160];

        scheme_explain(view, message, sizeof(message));
        writer_open_object(w, "runtime");
        writer_string(w, "state", scheme_state_name(view->state));
        if (*message)
                writer_string(w, "message", message);
        writer_uint(w, "passes", stats->passes);
        writer_uint(w, "matched_regions", stats->matched_regions);
        writer_uint(w, "matched_bytes", stats->matched);
        writer_uint(w, "tried_regions", stats->tried_regions);
        writer_uint(w, "tried_bytes", stats->tried);
        writer_uint(w, "applied_regions", stats->applied_regions);
        writer_uint(w, "applied_bytes", stats->applied);
        writer_uint(w, "would_regions", stats->would_regions);
        writer_uint(w, "would_bytes", stats->would);
        writer_uint(w, "refaulted_bytes", stats->refaulted);
        writer_uint(w, "returned_bytes", stats->returned);
        if (action_migrates(view->config->action))
                report_moves(w, stats);
        writer_uint(w, "resting_bytes", view->resting);
        writer_uint(w, "backed_off_bytes", view->backed_off);
        report_quota(w, view);
        writer_uint(w, "time_ns", stats->time);
        writer_uint(w, "longest_batch_ns", stats->longest);
        writer_uint(w, "longest_batch_cpu_ns", stats->longest_cpu);
        writer_uint(w, "longest_lookup_ns", stats->longest_lookup);
        writer_uint(w, "calls", stats->calls);
        report_outcomes(w, stats);
        report_errors(w, stats);
        writer_close(w);
}

void report_scheme(Writer *w, const char *key, const SchemeView *view) {
        writer_open_object(w, key);
        writer_string(w, "name", view->config->name);
        report_context(w, view->config);
        report_runtime(w, view);
        writer_close(w);
}

void report_schemes(Writer *w, const SchemeSet *set, nsec_t now) {
        writer_open_array(w, "schemes");
        for (size_t i = 0; i < scheme_set_count(set); i++) {
                SchemeView view = scheme_set_view(set, i, now);

                report_scheme(w, NULL, &view);
        }
        writer_close(w);
}

static void report_act(Writer *w, const SchemeView *view, const ActEntry *act, nsec_t to_realtime, bool hide) {
        writer_open_object(w, NULL);
        writer_uint(w, "time_ns", act->time + to_realtime);
        writer_string(w, "scheme", view->config->name);
        writer_string(w, "action", action_name(view->config->action));
        writer_uint(w, "target", act->target);
        writer_int(w, "pid", act->pid);
        writer_uint(w, "start", hide ? 0 : act->start);
        writer_uint(w, "end", hide ? act->end - act->start : act->end);
        if (hide)
                writer_bool(w, "addresses_hidden", true);
        writer_uint(w, "tried_bytes", act->tried);
        writer_uint(w, "applied_bytes", act->applied);
        writer_bool(w, "dry_run", act->dry_run);
        if (act->why != OUTCOME_NOTHING)
                writer_string(w, "outcome", outcome_name(act->why));
        writer_close(w);
}

void report_acts(Writer *w, Engine *engine, size_t limit, const View *view) {
        const SchemeSet *set = engine_schemes(engine);
        nsec_t now = clock_nsec(CLOCK_MONOTONIC), to_realtime = clock_nsec(CLOCK_REALTIME) - now;

        writer_open_array(w, "acts");
        for (size_t i = 0; i < limit; i++) {
                const ActEntry *act = scheme_set_log(set, i);
                int index = act ? scheme_set_find_id(set, act->scheme) : -ENOENT;

                if (!act)
                        break;
                if (index >= 0) {
                        Sight sight = sight_of_target(view, engine, act->target, act->pid);
                        SchemeView scheme = scheme_set_view(set, (size_t) index, now);

                        if (sight != SIGHT_NONE)
                                report_act(w, &scheme, act, to_realtime, sight == SIGHT_SIZES);
                }
        }
        writer_close(w);
}
