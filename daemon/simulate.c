/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What-if. */
#include "simulate.h"

#include <errno.h>
#include <jansson.h>

#include "base/error.h"
#include "base/file.h"
#include "log.h"
#include "report-schemes.h"
#include "scheme/set.h"

typedef struct Simulation {
        SchemeSet *set;
        SchemeConfig *schemes; /* as dry runs without watermarks */
        size_t n;
        SchemeStats *before; /* as of the last line */
        char *monitor;
        nsec_t last; /* time of the last snapshot */
} Simulation;

/* As long as a window can be: between two snapshots all windows of quotas are gone through. */
#define AGGREGATE_MAX (24 * 60 * NSEC_PER_MINUTE)

/* ---- Reading ---- */

static uint64_t number(const json_t *object, const char *name) {
        json_int_t value = json_integer_value(json_object_get(object, name));

        return value > 0 ? (uint64_t) value : 0;
}

static size_t target_index(const Snapshot *snapshot, uint64_t id) {
        size_t i = 0;

        while (i < snapshot->n_targets && snapshot->targets[i].id != id)
                i++;
        return i;
}

static void read_targets(const json_t *list, Snapshot *snapshot) {
        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const json_t *target = json_array_get(list, i);
                const char *state = json_string_value(json_object_get(target, "state"));

                snapshot->targets[i] = (SnapshotTarget) {
                        .id = number(target, "id"),
                        .pid = (pid_t) number(target, "pid"),
                        .state = state && streq(state, "running") ? TARGET_RUNNING : TARGET_ENDED,
                        .address_space = (uint32_t) number(target, "address_space"),
                        .resident = number(target, "resident_bytes"),
                        .first_region = SIZE_MAX,
                };
        }
}

/* Older recordings do not tell: at least those of the window. */
static double rate_samples(const json_t *region) {
        const json_t *samples = json_object_get(region, "rate_samples");

        return json_is_number(samples) ? MAX(json_number_value(samples), 0.0) : (double) number(region, "samples");
}

/* One region; they come by target. */
static int read_region(const json_t *from, Snapshot *snapshot, size_t i) {
        size_t target = target_index(snapshot, number(from, "target"));
        SnapshotRegion *to = &snapshot->regions[i];

        *to = (SnapshotRegion) {
                .start = number(from, "start"),
                .end = number(from, "end"),
                .samples = number(from, "samples"),
                .hits = number(from, "hits"),
                .untrackable = number(from, "untrackable"),
                .rate = json_number_value(json_object_get(from, "rate")),
                .weight = rate_samples(from),
                .sure = rate_samples(from),
                .age = number(from, "age_ns"),
                .newest = NSEC_INFINITY, /* recordings do not tell */
        };
        if (target == snapshot->n_targets || to->start >= to->end || to->hits > to->samples)
                return -EBADMSG;
        if (snapshot->targets[target].first_region == SIZE_MAX)
                snapshot->targets[target].first_region = i;
        if (snapshot->targets[target].first_region + snapshot->targets[target].n_regions++ != i)
                return -EBADMSG;
        return 0;
}

static int read_snapshot(const json_t *object, Snapshot **ret) {
        const json_t *targets = json_object_get(object, "targets"), *regions = json_object_get(object, "regions");
        Snapshot *snapshot;
        int r = 0;

        if (!json_is_array(targets) || !json_is_array(regions))
                return -EBADMSG;
        snapshot = snapshot_new(json_array_size(targets), json_array_size(regions));
        if (!snapshot)
                return -ENOMEM;

        snapshot->sequence = number(object, "sequence");
        snapshot->time = number(object, "time_ns");
        snapshot->window = number(object, "window_ns");
        snapshot->sample = number(object, "sample_ns");
        snapshot->aggregate = number(object, "aggregate_ns");
        read_targets(targets, snapshot);
        if (snapshot->aggregate > AGGREGATE_MAX || snapshot->sequence == 0)
                r = -EBADMSG;
        for (size_t i = 0; i < snapshot->n_regions && r == 0; i++)
                r = read_region(json_array_get(regions, i), snapshot, i);
        for (size_t i = 0; i < snapshot->n_targets; i++)
                if (snapshot->targets[i].n_regions == 0)
                        snapshot->targets[i].first_region = 0;
        if (r < 0) {
                snapshot_unref(snapshot);
                return r;
        }
        snapshot_estimate(snapshot);
        *ret = snapshot;
        return 0;
}

/* ---- Deciding ---- */

static int no_goal(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        (void) userdata;
        (void) goal;
        (void) ret;
        return -ENODATA;
}

static int no_watermark(void *userdata, WatermarkMetric metric, double *ret) {
        (void) userdata;
        (void) metric;
        (void) ret;
        return -ENODATA;
}

static int endless_swap(void *userdata, uint64_t *ret) {
        (void) userdata;
        *ret = UINT64_MAX;
        return 0;
}

static const SchemeFacts no_facts = { .goal = no_goal, .watermark = no_watermark, .swap_free = endless_swap };

static int decide_once(Simulation *s, const Snapshot *snapshot, nsec_t now) {
        _cleanup_free_ TargetFacts *targets = calloc(MAX(snapshot->n_targets, (size_t) 1), sizeof(*targets));
        PlanResult *result = NULL;
        Plan *plan = NULL;
        int r;

        r = targets ? scheme_set_decide(s->set, snapshot, targets, &no_facts, now, &plan) : -ENOMEM;
        if (r < 0 || !plan)
                return r;

        result = plan_result_new(plan);
        if (result) {
                plan_pretend(plan, result);
                r = scheme_set_settle(s->set, plan, result, now);
        } else
                r = -ENOMEM;
        plan_result_free(result);
        plan_free(plan);
        return r;
}

/* Quota windows that open before the next snapshot are served from the last one, as they are in life. */
static int decide_until(Simulation *s, const Snapshot *snapshot, nsec_t end) {
        nsec_t now = snapshot->time, next;
        int r;

        r = decide_once(s, snapshot, now);
        while (r == 0) {
                next = scheme_set_next(s->set);
                if (next >= end)
                        break;
                now = MAX(next, now + 1);
                r = decide_once(s, snapshot, now);
        }
        return r;
}

/* ---- Writing ---- */

static int write_line(FILE *out, json_t *line) {
        int r = -ENOMEM;

        if (line) {
                r = json_dumpf(line, out, JSON_COMPACT) < 0 || fputc('\n', out) == EOF ? -EIO : 0;
                json_decref(line);
        }
        return r;
}

static json_t *scheme_line(Simulation *s, size_t i) {
        SchemeView view = scheme_set_view(s->set, i, s->last);
        const SchemeStats *now = view.stats, *before = &s->before[i];
        json_t *line;

        line = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I}", "name", view.config->name, "matched_regions",
                         (json_int_t) now->matched_regions, "matched_bytes", (json_int_t) now->matched, "would_regions",
                         (json_int_t) (now->would_regions - before->would_regions), "would_bytes",
                         (json_int_t) (now->would - before->would), "returned_bytes",
                         (json_int_t) (now->returned - before->returned));
        s->before[i] = *now;
        return line;
}

static int write_step(Simulation *s, const Snapshot *snapshot, FILE *out) {
        json_t *schemes = json_array();

        for (size_t i = 0; schemes && i < s->n; i++)
                json_array_append_new(schemes, scheme_line(s, i));
        return write_line(out, json_pack("{s:I,s:I,s:o}", "time_ns", (json_int_t) snapshot->time, "sequence",
                                         (json_int_t) snapshot->sequence, "schemes", schemes));
}

/* The writer makes replies: what is inside their parameters is the line. */
static int write_end(Simulation *s, FILE *out) {
        FrameOutput output = FRAME_OUTPUT_INIT((size_t) 16 * 1024 * 1024);
        _cleanup_(buffer_deinit) Buffer text = {};
        json_t *reply, *line;
        Writer w = {};
        size_t n;
        int r;

        writer_begin(&w, &output, output.max);
        writer_bool(&w, "end", true);
        writer_string(&w, "monitor", s->monitor ?: "");
        report_schemes(&w, s->set, s->last);
        r = writer_end(&w, false);
        for (const char *p; r == 0 && (p = frame_output_peek(&output, &n));) {
                r = buffer_append(&text, p, n);
                frame_output_consume(&output, n);
        }
        frame_output_deinit(&output);
        if (r != 0)
                return r < 0 ? r : -EMSGSIZE;

        reply = json_loads(text.data, 0, NULL);
        line = json_incref(json_object_get(reply, "parameters"));
        json_decref(reply);
        return write_line(out, line);
}

/* ---- The whole ---- */

static int step(Simulation *s, const char *text, size_t number_of, FILE *out) {
        Snapshot *snapshot = NULL;
        json_error_t error;
        json_t *object;
        int r;

        object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        r = object ? read_snapshot(object, &snapshot) : -EBADMSG;
        if (r == 0 && snapshot->time <= s->last)
                r = -EBADMSG;
        if (r == -EBADMSG)
                log_error("line %zu is no snapshot, or older than the one before", number_of);
        if (r == 0 && !s->monitor)
                s->monitor = strdup(json_string_value(json_object_get(object, "monitor")) ?: "");
        json_decref(object);
        if (r == 0) {
                s->last = snapshot->time;
                r = decide_until(s, snapshot, snapshot->time + snapshot->aggregate);
        }
        if (r == 0)
                r = write_step(s, snapshot, out);
        snapshot_unref(snapshot);
        return r;
}

static int prepare(Simulation *s, const SchemeConfig *schemes, size_t n) {
        int r;

        s->schemes = calloc(MAX(n, (size_t) 1), sizeof(*s->schemes));
        s->before = calloc(MAX(n, (size_t) 1), sizeof(*s->before));
        r = s->schemes && s->before ? scheme_set_new(&s->set) : -ENOMEM;
        for (; r == 0 && s->n < n; s->n++) {
                r = scheme_config_copy(&schemes[s->n], &s->schemes[s->n]);
                s->schemes[s->n].dry_run = true;
                s->schemes[s->n].watermarks.metric = WATERMARK_NONE;
        }
        return r == 0 ? scheme_set_configure(s->set, s->schemes, s->n) : r;
}

static void simulation_deinit(Simulation *s) {
        for (size_t i = 0; i < s->n; i++)
                scheme_config_deinit(&s->schemes[i]);
        scheme_set_free(s->set);
        free(s->schemes);
        free(s->before);
        free(s->monitor);
}

int simulate(const SchemeConfig *schemes, size_t n, FILE *in, FILE *out) {
        _cleanup_(simulation_deinit) Simulation s = {};
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0, number_of = 0;
        int r;

        r = prepare(&s, schemes, n);
        while (r == 0 && getline(&line, &allocated, in) > 0)
                r = step(&s, line, ++number_of, out);
        if (r == 0)
                r = write_end(&s, out);
        return r < 0 ? r : fflush(out) == EOF ? -errno : 0;
}
