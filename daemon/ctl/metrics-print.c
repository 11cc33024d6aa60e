/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families of metrics, and where in the daemon's replies their values are. */
#include "metrics.h"

#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "idle.h"
#include "view.h"

/* A value that stands under a key of a reply. */
typedef struct Value {
        MetricFamily family;
        const char *key; /* in `runtime`, or with a dot in front in `context` */
} Value;

#define GAUGE(n, u, h) { .name = "udamon_" n, .type = METRIC_GAUGE, .unit = (u), .help = (h) }
#define COUNTER(n, u, h) { .name = "udamon_" n, .type = METRIC_COUNTER, .unit = (u), .help = (h) }
#define BYTES "bytes"
#define SECONDS "seconds"
#define RATIO "ratio"

static const Value daemon_values[] = {
        { GAUGE("daemon_uptime_seconds", SECONDS, "Time since the daemon started."), "uptime_ns" },
        { COUNTER("daemon_cpu_seconds", SECONDS, "CPU time of the daemon, acting included."), "cpu_ns" },
        { GAUGE("daemon_cpu_limit_ratio", RATIO, "Share of one CPU that monitoring may take."), ".cpu_limit" },
        { GAUGE("daemon_monitoring_cpu_ratio", RATIO, "Share of one CPU that monitoring took lately."), "cpu_share" },
        { GAUGE("daemon_resident_bytes", BYTES, "Resident memory of the daemon."), "resident_bytes" },
        { GAUGE("daemon_clients", NULL, "Connections to the socket, this one included."), "clients" },
        { COUNTER("daemon_clients_refused", NULL, "Connections that were not let in."), "clients_refused" },
        { COUNTER("daemon_clients_dropped", NULL, "Clients disconnected for what they sent or did not read."),
          "clients_dropped" },
        { COUNTER("daemon_events", NULL, "Events that the daemon told its log."), "events" },
};

static const Value monitor_values[] = {
        { GAUGE("monitor_regions", NULL, "Regions now."), "regions" },
        { GAUGE("monitor_sample_interval_seconds", SECONDS, "Sampling interval in force."), "sample_ns" },
        { GAUGE("monitor_aggregation_interval_seconds", SECONDS, "Aggregation interval in force."), "aggregate_ns" },
        { GAUGE("monitor_cpu_ratio", RATIO, "Share of one CPU that the checks took lately, under a limit."),
          "cpu_share" },
        { COUNTER("monitor_snapshots", NULL, "Aggregations so far."), "snapshots" },
        { COUNTER("monitor_ticks", NULL, "Sampling intervals so far."), "ticks" },
        { COUNTER("monitor_overruns", NULL, "Sampling intervals skipped because the daemon came too late."),
          "overruns" },
        { COUNTER("monitor_sample_syscalls", NULL, "System calls made for samples."), "syscalls" },
};

static const Value scheme_values[] = {
        { GAUGE("scheme_enabled", NULL, "1: enabled."), ".enabled" },
        { GAUGE("scheme_dry_run", NULL, "1: everything is decided and counted, nothing is done."), ".dry_run" },
        { COUNTER("scheme_passes", NULL, "Times the scheme has looked at the regions."), "passes" },
        { GAUGE("scheme_matched_bytes", BYTES, "Memory that matched in the last pass."), "matched_bytes" },
        { GAUGE("scheme_matched_regions", NULL, "Regions that matched in the last pass."), "matched_regions" },
        { COUNTER("scheme_tried_bytes", BYTES, "Memory handed to the kernel to act on."), "tried_bytes" },
        { COUNTER("scheme_tried_regions", NULL, "Regions handed to the kernel to act on."), "tried_regions" },
        { COUNTER("scheme_applied_bytes", BYTES, "Memory on which the kernel did act, as measured."), "applied_bytes" },
        { COUNTER("scheme_applied_regions", NULL, "Regions on which the kernel did act."), "applied_regions" },
        { COUNTER("scheme_would_bytes", BYTES, "Memory that dry runs would have tried."), "would_bytes" },
        { COUNTER("scheme_would_regions", NULL, "Regions that dry runs would have tried."), "would_regions" },
        { COUNTER("scheme_refaulted_bytes", BYTES, "Memory paged out by the scheme and resident again."),
          "refaulted_bytes" },
        { COUNTER("scheme_returned_bytes", BYTES, "Memory acted on and seen to be accessed again (estimate)."),
          "returned_bytes" },
        { GAUGE("scheme_resting_bytes", BYTES, "Memory left alone for a while because it was acted on."),
          "resting_bytes" },
        { GAUGE("scheme_backed_off_bytes", BYTES, "Memory left alone for longer because it came back."),
          "backed_off_bytes" },
        { GAUGE("scheme_quota_configured_bytes", BYTES, "Size quota per reset interval, as configured."),
          ".quota_bytes" },
        { GAUGE("scheme_quota_configured_seconds", SECONDS, "Time quota per reset interval, as configured."),
          ".quota_time_ns" },
        { GAUGE("scheme_quota_effective_bytes", BYTES, "What the open window of the quota allows in all."),
          "effective_bytes" },
        { GAUGE("scheme_quota_charged_bytes", BYTES, "What the open window of the quota has been charged."),
          "charged_bytes" },
        { GAUGE("scheme_quota_charged_seconds", SECONDS, "Time that the open window has been charged."), "charged_ns" },
        { COUNTER("scheme_quota_exceeded", NULL, "Windows in which something had to wait for the quota."),
          "quota_exceeded" },
        { GAUGE("scheme_goal_score_ratio", RATIO, "How far the goal that decides is met: 1 is met, more is overdone."),
          "score" },
        { GAUGE("scheme_watermark_ratio", RATIO, "Metric of the watermarks, as last read."), "watermark" },
        { COUNTER("scheme_acting_seconds", SECONDS, "Time that acting took."), "time_ns" },
        { GAUGE("scheme_longest_batch_seconds", SECONDS, "The longest that one batch took."), "longest_batch_ns" },
        { GAUGE("scheme_longest_batch_cpu_seconds", SECONDS, "The most CPU time that one batch took."),
          "longest_batch_cpu_ns" },
        { GAUGE("scheme_longest_lookup_seconds", SECONDS, "The longest that learning something before a batch took."),
          "longest_lookup_ns" },
        { COUNTER("scheme_calls", NULL, "System calls that acted."), "calls" },
};

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), k = strlen(end);

        return n >= k && streq(text + n - k, end);
}

/* What is absent or null is not known, and so no metric: a zero would be a lie. */
static void print_json_value(MetricsWriter *w, const MetricFamily *family, const char *key, json_t *value,
                             const MetricLabel *labels) {
        if (json_is_boolean(value))
                metrics_uint(w, family, labels, json_is_true(value));
        else if (json_is_real(value))
                metrics_real(w, family, labels, json_real_value(value));
        else if (!json_is_integer(value) || json_integer_value(value) < 0)
                return;
        else if (ends_with(key, "_ns"))
                metrics_seconds(w, family, labels, (uint64_t) json_integer_value(value));
        else
                metrics_uint(w, family, labels, (uint64_t) json_integer_value(value));
}

/* `object` has a context and a runtime. */
static void print_value(MetricsWriter *w, const Value *value, json_t *object, const MetricLabel *labels) {
        bool context = value->key[0] == '.';
        const char *key = value->key + context;

        print_json_value(w, &value->family, key,
                         json_object_get(json_object_get(object, context ? "context" : "runtime"), key), labels);
}

/* ---- Families ---- */

/* What all functions below get. */
typedef struct Print {
        MetricsWriter *w;
        const Metrics *metrics;
} Print;

static const char *name_of(json_t *object) {
        return json_text(object, "name") ?: "?";
}

typedef void (*monitor_print_t)(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m,
                                const char *name);

static void for_monitors(const Print *p, const MetricFamily *family, monitor_print_t print) {
        for (size_t i = 0; i < p->metrics->n_monitors; i++)
                print(p->w, family, &p->metrics->monitors[i], name_of(p->metrics->monitors[i].monitor));
}

typedef void (*scheme_print_t)(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels);

/* labels: monitor and scheme are set, two more may follow. */
static void for_schemes(const Print *p, const MetricFamily *family, scheme_print_t print) {
        for (size_t i = 0; i < p->metrics->n_monitors; i++) {
                const MonitorMetrics *m = &p->metrics->monitors[i];
                json_t *scheme;
                size_t k;

                json_array_foreach(m->schemes, k, scheme) {
                        MetricLabel labels[METRIC_LABELS_MAX] = {
                                { "monitor", name_of(m->monitor) }, { "scheme", name_of(scheme) },
                        };

                        print(p->w, family, scheme, labels);
                }
        }
}

/* One sample per possible state, 1 for the one that is. */
static void print_states(MetricsWriter *w, const MetricFamily *family, const char *const *states, size_t n,
                         const char *state, MetricLabel *labels, size_t at) {
        for (size_t i = 0; i < n; i++) {
                labels[at] = (MetricLabel) { "state", states[i] };
                metrics_uint(w, family, labels, state && streq(state, states[i]));
        }
}

/* ---- The daemon ---- */

static void print_pressure(const Print *p, json_t *runtime) {
        static const MetricFamily family = COUNTER("pressure_memory_stalled_seconds", SECONDS,
                                                   "Time in which some or all tasks of the machine waited for memory.");
        json_t *pressure = json_object_get(runtime, "pressure");

        print_json_value(p->w, &family, "some_ns", json_object_get(pressure, "some_ns"),
                         (MetricLabel[METRIC_LABELS_MAX]) { { "kind", "some" } });
        print_json_value(p->w, &family, "full_ns", json_object_get(pressure, "full_ns"),
                         (MetricLabel[METRIC_LABELS_MAX]) { { "kind", "full" } });
}

static void print_daemon(const Print *p) {
        static const MetricFamily info = GAUGE("daemon_info", NULL, "Always 1; the version is in the label.");
        static const MetricFamily count = GAUGE("daemon_monitors", NULL, "Monitors, whatever their state.");
        json_t *status = p->metrics->status, *context = json_object_get(status, "context");

        metrics_uint(p->w, &info, (MetricLabel[METRIC_LABELS_MAX]) { { "version", json_text(context, "version") } }, 1);
        for (size_t i = 0; i < ELEMENTSOF(daemon_values); i++)
                print_value(p->w, &daemon_values[i], status, NULL);
        metrics_uint(p->w, &count, NULL, p->metrics->n_monitors);
        print_pressure(p, json_object_get(status, "runtime"));
}

/* ---- Monitors ---- */

static void print_monitor_info(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m,
                               const char *name) {
        json_t *context = json_object_get(m->monitor, "context");
        const MetricLabel labels[METRIC_LABELS_MAX] = {
                { "monitor", name },
                { "source", json_text(context, "source") },
                { "policy", json_text(context, "policy") },
        };

        metrics_uint(w, family, labels, 1);
}

static void print_monitor_state(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m,
                                const char *name) {
        static const char *const states[] = { "waiting", "running", "ended", "failed" };
        MetricLabel labels[METRIC_LABELS_MAX] = { { "monitor", name } };

        print_states(w, family, states, ELEMENTSOF(states),
                     json_text(json_object_get(m->monitor, "runtime"), "state"), labels, 1);
}

static void print_targets(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m, const char *name) {
        const MetricLabel labels[METRIC_LABELS_MAX] = { { "monitor", name } };

        metrics_uint(w, family, labels,
                     json_array_size(json_object_get(json_object_get(m->monitor, "runtime"), "targets")));
}

/* Known only where each target's is. */
static void print_resident(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m, const char *name) {
        const MetricLabel labels[METRIC_LABELS_MAX] = { { "monitor", name } };
        uint64_t resident = monitor_resident(m->monitor);

        if (resident != FRAME_UNKNOWN)
                metrics_uint(w, family, labels, resident);
}

static void print_samples(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m, const char *name) {
        static const char *const verdicts[] = { "hot", "cold", "absent" };
        json_t *runtime = json_object_get(m->monitor, "runtime"), *item;
        MetricLabel labels[METRIC_LABELS_MAX] = { { "monitor", name } };
        uint64_t untrackable = 0;
        char key[32];
        size_t i;

        for (i = 0; i < ELEMENTSOF(verdicts); i++) {
                labels[1] = (MetricLabel) { "verdict", verdicts[i] };
                (void) snprintf(key, sizeof(key), "samples_%s", verdicts[i]);
                print_json_value(w, family, key, json_object_get(runtime, key), labels);
        }
        json_array_foreach(json_object_get(runtime, "untrackable"), i, item)
                untrackable += json_number(item, "samples");
        labels[1] = (MetricLabel) { "verdict", "untrackable" };
        metrics_uint(w, family, labels, untrackable);
}

static void print_untrackable(MetricsWriter *w, const MetricFamily *family, const MonitorMetrics *m,
                              const char *name) {
        json_t *runtime = json_object_get(m->monitor, "runtime"), *item;
        size_t i;

        json_array_foreach(json_object_get(runtime, "untrackable"), i, item) {
                const MetricLabel labels[METRIC_LABELS_MAX] = {
                        { "monitor", name }, { "reason", json_text(item, "reason") },
                };

                print_json_value(w, family, "samples", json_object_get(item, "samples"), labels);
        }
}

static const struct {
        MetricFamily family;
        monitor_print_t print;
} monitor_families[] = {
        { GAUGE("monitor_info", NULL, "Always 1; source and policy are in the labels."), print_monitor_info },
        { GAUGE("monitor_state", NULL, "1 for the state that the monitor is in."), print_monitor_state },
        { GAUGE("monitor_targets", NULL, "Processes that are watched."), print_targets },
        { GAUGE("monitor_resident_bytes", BYTES, "Resident memory of all targets that live."), print_resident },
        { COUNTER("monitor_samples", NULL, "Pages checked, by what was found."), print_samples },
        { COUNTER("monitor_untrackable_samples", NULL, "Pages checked in vain, by the reason."), print_untrackable },
};

/* ---- Snapshots ---- */

/* A number of the latest snapshot, in bytes. */
static const struct {
        MetricFamily family;
        size_t offset;
} frame_values[] = {
        { GAUGE("monitor_working_set_bytes", BYTES, "Memory touched within one sampling interval (estimate)."),
          offsetof(FrameWorkingSet, bytes) },
        { GAUGE("monitor_working_set_error_bytes", BYTES, "Standard error of the working set."),
          offsetof(FrameWorkingSet, error) },
        { GAUGE("monitor_touched_bytes", BYTES, "Size of all regions with any access in the last window."),
          offsetof(FrameWorkingSet, touched) },
        { GAUGE("monitor_unchecked_bytes", BYTES, "Memory in which nothing could be checked in the last window."),
          offsetof(FrameWorkingSet, untrackable) },
        { GAUGE("monitor_mapped_bytes", BYTES, "Memory that is monitored."), offsetof(FrameWorkingSet, total) },
};

static const struct {
        nsec_t from;
        const char *name;
} idle_classes[] = {
        { 0, "0s-1s" },
        { NSEC_PER_SEC, "1s-10s" },
        { 10 * NSEC_PER_SEC, "10s-1min" },
        { NSEC_PER_MINUTE, "1min-5min" },
        { 5 * NSEC_PER_MINUTE, "5min-15min" },
        { 15 * NSEC_PER_MINUTE, "15min-1h" },
        { 60 * NSEC_PER_MINUTE, "1h-6h" },
        { 6 * 60 * NSEC_PER_MINUTE, "6h-1d" },
        { 24 * 60 * NSEC_PER_MINUTE, "1d-" },
};

static int print_idle(const Print *p) {
        static const MetricFamily family =
                GAUGE("monitor_idle_bytes", BYTES,
                      "Memory by the time since its last access; the classes do not overlap.");

        for (size_t i = 0; i < p->metrics->n_monitors; i++) {
                const MonitorMetrics *m = &p->metrics->monitors[i];
                _cleanup_(idle_times_deinit) IdleTimes idle = {};
                int r;

                if (!m->frame)
                        continue;
                r = idle_times_init(&idle, m->frame);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < ELEMENTSOF(idle_classes); k++) {
                        bool last = k + 1 == ELEMENTSOF(idle_classes);
                        uint64_t above = last ? 0 : idle_times_at_least(&idle, idle_classes[k + 1].from);
                        const MetricLabel labels[METRIC_LABELS_MAX] = {
                                { "monitor", name_of(m->monitor) }, { "idle", idle_classes[k].name },
                        };

                        metrics_uint(p->w, &family, labels, idle_times_at_least(&idle, idle_classes[k].from) - above);
                }
        }
        return 0;
}

static int print_frames(const Print *p) {
        static const MetricFamily time = GAUGE("monitor_snapshot_timestamp_seconds", SECONDS,
                                               "When the latest window ended, since 1970.");

        for (size_t k = 0; k <= ELEMENTSOF(frame_values); k++)
                for (size_t i = 0; i < p->metrics->n_monitors; i++) {
                        const MonitorMetrics *m = &p->metrics->monitors[i];
                        const MetricLabel labels[METRIC_LABELS_MAX] = { { "monitor", name_of(m->monitor) } };

                        if (!m->frame)
                                continue;
                        if (k == ELEMENTSOF(frame_values))
                                metrics_seconds(p->w, &time, labels, m->frame->point.time_ns);
                        else
                                metrics_uint(p->w, &frame_values[k].family, labels,
                                             *(const uint64_t *) ((const char *) &m->frame->point.working_set +
                                                                  frame_values[k].offset));
                }
        return print_idle(p);
}

/* ---- Schemes ---- */

static void print_scheme_info(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        labels[2] = (MetricLabel) { "action", json_text(json_object_get(scheme, "context"), "action") };
        metrics_uint(w, family, labels, 1);
}

static void print_scheme_state(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        static const char *const states[] = { "active", "inactive", "disabled" };

        print_states(w, family, states, ELEMENTSOF(states),
                     json_text(json_object_get(scheme, "runtime"), "state"), labels, 2);
}

/* One sample for each element of an array: its label, and its number. */
static void print_counts(MetricsWriter *w, const MetricFamily *family, json_t *array, const char *label,
                         const char *key, MetricLabel *labels) {
        json_t *item;
        size_t i;

        json_array_foreach(array, i, item) {
                labels[2] = (MetricLabel) { label, json_text(item, label) };
                print_json_value(w, family, key, json_object_get(item, key), labels);
        }
}

static void print_held_back(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        print_counts(w, family, json_object_get(json_object_get(scheme, "runtime"), "outcomes"), "outcome", "bytes",
                     labels);
}

static void print_errors(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        print_counts(w, family, json_object_get(json_object_get(scheme, "runtime"), "errors"), "error", "count",
                     labels);
}

/* Goals of the same metric differ in their cgroup or node. */
static void print_goals(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels,
                        const char *key) {
        json_t *goals = json_object_get(json_object_get(scheme, "runtime"), "goals"), *goal;
        size_t i;

        json_array_foreach(goals, i, goal) {
                const char *unit = json_text(goal, "unit");
                double scale = unit && streq(unit, "ns") ? (double) NSEC_PER_SEC : 1;
                json_t *value = json_object_get(goal, key);
                char number[24];

                (void) snprintf(number, sizeof(number), "%zu", i + 1);
                labels[2] = (MetricLabel) { "metric", json_text(goal, "metric") };
                labels[3] = (MetricLabel) { "goal", number };
                if (json_is_number(value))
                        metrics_real(w, family, labels, json_number_value(value) / scale);
        }
}

static void print_goal_targets(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        print_goals(w, family, scheme, labels, "target");
}

static void print_goal_current(MetricsWriter *w, const MetricFamily *family, json_t *scheme, MetricLabel *labels) {
        print_goals(w, family, scheme, labels, "current");
}

static const struct {
        MetricFamily family;
        scheme_print_t print;
} scheme_families[] = {
        { GAUGE("scheme_info", NULL, "Always 1; the action is in the label."), print_scheme_info },
        { GAUGE("scheme_state", NULL, "1 for the state that the scheme is in."), print_scheme_state },
        { COUNTER("scheme_held_back_bytes", BYTES, "Memory that was planned and not acted on, by the reason."),
          print_held_back },
        { COUNTER("scheme_errors", NULL, "Refusals of the kernel, by error."), print_errors },
        { GAUGE("scheme_goal_target", NULL, "Target of a goal, in seconds, bytes or shares."), print_goal_targets },
        { GAUGE("scheme_goal_current", NULL, "Where the goal's metric is, in the unit of its target."),
          print_goal_current },
};

static void print_schemes(const Print *p) {
        for (size_t i = 0; i < ELEMENTSOF(scheme_families); i++)
                for_schemes(p, &scheme_families[i].family, scheme_families[i].print);

        for (size_t v = 0; v < ELEMENTSOF(scheme_values); v++)
                for (size_t i = 0; i < p->metrics->n_monitors; i++) {
                        const MonitorMetrics *m = &p->metrics->monitors[i];
                        json_t *scheme;
                        size_t k;

                        json_array_foreach(m->schemes, k, scheme)
                                print_value(p->w, &scheme_values[v], scheme,
                                            (MetricLabel[METRIC_LABELS_MAX]) { { "monitor", name_of(m->monitor) },
                                                                               { "scheme", name_of(scheme) } });
                }
}

int metrics_print(const Metrics *metrics, MetricsWriter *w) {
        const Print p = { w, metrics };
        int r;

        print_daemon(&p);
        for (size_t i = 0; i < ELEMENTSOF(monitor_families); i++)
                for_monitors(&p, &monitor_families[i].family, monitor_families[i].print);
        for (size_t v = 0; v < ELEMENTSOF(monitor_values); v++)
                for (size_t i = 0; i < metrics->n_monitors; i++)
                        print_value(w, &monitor_values[v], metrics->monitors[i].monitor,
                                    (MetricLabel[METRIC_LABELS_MAX]) {
                                            { "monitor", name_of(metrics->monitors[i].monitor) } });
        r = print_frames(&p);
        if (r < 0)
                return r;
        print_schemes(&p);
        metrics_end(w);
        return 0;
}

void metrics_deinit(Metrics *metrics) {
        for (size_t i = 0; i < metrics->n_monitors; i++) {
                json_decref(metrics->monitors[i].schemes);
                (void) frame_free(metrics->monitors[i].frame);
        }
        free(metrics->monitors);
        json_decref(metrics->status);
        *metrics = (Metrics) {};
}
