/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of io.udamon.monitor: check who asks, find what is meant, report. */
#include "methods.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "event.h"
#include "interface.h"
#include "kernel/pressure.h"
#include "log.h"
#include "methods-internal.h"
#include "report.h"
#include "request.h"
#include "snapshot-text.h"

bool methods_allowed(void *userdata, const ControlPeer *peer, const ControlMethod *method) {
        return access_allows(&((const MethodsContext *) userdata)->access, peer, method->access);
}

/* What changes something, and whoever tries what is not for him, is in the journal. */
void methods_called(void *userdata, const ControlPeer *peer, const ControlMethod *method, const char *error) {
        bool denied = error && streq(error, VARLINK_PERMISSION_DENIED);

        const Event event = {
                .kind = denied ? EVENT_CLIENT_DENIED : EVENT_CLIENT_CALLED,
                .pid = peer->pid,
                .has_uid = true,
                .uid = peer->uid,
                .method = method->name,
                .outcome = !error ? "done" : *error ? error : "failed",
        };

        (void) userdata;
        if (method->access == ACCESS_ADMIN || denied)
                event_report(&event, "user %u (pid %d) called %s: %s", (unsigned) peer->uid, (int) peer->pid,
                             event.method, event.outcome);
}

static json_t *monitor_names(const Manager *manager, const View *view) {
        json_t *names = json_array();

        for (size_t i = 0; names && i < manager->n_engines; i++)
                if (sight_of_monitor(view, manager->engines[i]))
                        json_array_append_new(names, json_string(engine_config(manager->engines[i])->name));
        return names;
}

static int no_such_monitor(ControlCall *call, const MethodsContext *c, const char *name) {
        View view = view_of(&c->access, control_call_peer(call));

        return control_error(call, UDAMON_ERROR("NoSuchMonitor"),
                             json_pack("{s:s,s:o}", "name", name, "monitors", monitor_names(c->manager, &view)));
}

static Engine *only_monitor(const Manager *manager, const View *view, size_t *ret_n) {
        Engine *only = NULL;

        *ret_n = 0;
        for (size_t i = 0; i < manager->n_engines; i++)
                if (sight_of_monitor(view, manager->engines[i])) {
                        only = manager->engines[i];
                        (*ret_n)++;
                }
        return only;
}

int methods_begin(const MethodsContext *c, ControlCall *call, const json_t *parameters, Engine **ret) {
        View view = view_of(&c->access, control_call_peer(call));
        const char *name = field_string(parameters, "name", NULL);
        Engine *engine;
        size_t n = 1;

        *ret = NULL;
        engine = name ? manager_find(c->manager, name) : only_monitor(c->manager, &view, &n);
        if (n > 1)
                return control_error(call, UDAMON_ERROR("NameNeeded"),
                                     json_pack("{s:o}", "monitors", monitor_names(c->manager, &view)));
        if (!engine || !sight_of_monitor(&view, engine))
                return no_such_monitor(call, c, name ?: "");
        *ret = engine;
        return 0;
}

int methods_begin_sums(const MethodsContext *c, ControlCall *call, const json_t *parameters, Engine **ret) {
        View view = view_of(&c->access, control_call_peer(call));
        int r = methods_begin(c, call, parameters, ret);

        if (!*ret || sight_of_sums(&view, *ret))
                return r;
        *ret = NULL;
        return control_error_denied(call);
}

static uint64_t own_resident(const Manager *manager) {
        ProcStat stat;

        if (proc_stat_read(manager->host.roots, getpid(), &stat) != 0)
                return 0;
        return stat.rss_pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

static void report_clients(Writer *w, const Control *control) {
        ControlCounters counters = control_counters(control);

        writer_uint(w, "clients", control_n_connections(control));
        writer_uint(w, "clients_refused", counters.refused);
        writer_uint(w, "clients_dropped", counters.dropped);
        writer_uint(w, "messages_lost", log_lost());
}

static void report_pressure(Writer *w, const RootFds *roots) {
        Pressure pressure;

        if (pressure_read(roots, PRESSURE_MEMORY, NULL, &pressure) < 0)
                return;
        writer_open_object(w, "pressure");
        writer_uint(w, "some_ns", pressure.some.total * NSEC_PER_USEC);
        if (pressure.has_full)
                writer_uint(w, "full_ns", pressure.full.total * NSEC_PER_USEC);
        writer_close(w);
}

static int get_status(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        View view = view_of(&c->access, control_call_peer(call));
        Writer *w;

        (void) parameters;
        w = control_reply_begin(call);
        if (w) {
                writer_open_object(w, "context");
                writer_string(w, "version", UDAMON_VERSION);
                if (configuration_has_place(c->configuration))
                        writer_string(w, "config_file", configuration_name(c->configuration));
                if (c->socket)
                        writer_string(w, "socket", c->socket);
                if (c->manager->cpu_limit > 0)
                        writer_real(w, "cpu_limit", c->manager->cpu_limit);
                writer_close(w);

                writer_open_object(w, "runtime");
                writer_int(w, "pid", getpid());
                writer_uint(w, "uptime_ns", clock_nsec(CLOCK_MONOTONIC) - c->started);
                writer_uint(w, "cpu_ns", clock_cpu_nsec(CPU_TIME_PROCESS));
                writer_uint(w, "resident_bytes", own_resident(c->manager));
                report_clients(w, c->control);
                writer_uint(w, "events", event_last());
                report_pressure(w, c->manager->host.roots);
                if (c->manager->cpu_limit > 0)
                        writer_real(w, "cpu_share", c->manager->cpu_share);
                writer_open_array(w, "monitors");
                for (size_t i = 0; i < c->manager->n_engines; i++)
                        if (sight_of_monitor(&view, c->manager->engines[i]))
                                report_monitor(w, NULL, c->manager->engines[i], &view);
                writer_close(w);
                writer_close(w);
        }
        return control_reply_end(call);
}

static int get_capabilities(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        Writer *w;

        (void) parameters;
        if (!c->manager->support)
                (void) action_support_probe(c->manager->host.roots, &c->manager->support);
        w = control_reply_begin(call);
        if (w)
                report_capabilities(w, c->manager->host.caps, c->manager->support);
        return control_reply_end(call);
}

/* "pid 1234" or "command nginx": the first target, which is mostly the only one. */
static json_t *target_text(const MonitorConfig *config) {
        _cleanup_free_ char *text = config->n_targets > 0 ? target_config_text(&config->targets[0]) : strdup("none");

        if (monitor_config_is_physical(config))
                return varlink_string("physical memory");
        return text ? varlink_string(text) : NULL;
}

static void tell_limit(const ControlCall *call, const char *what, unsigned limit) {
        const ControlPeer *peer = control_call_peer(call);

        event_report(&(Event) { .kind = EVENT_LIMIT_HIT, .pid = peer->pid, .has_uid = true, .uid = peer->uid,
                                .numbers = { { "limit", EVENT_COUNT, limit } } },
                     "user %u asked for more than %u %s", (unsigned) peer->uid, limit, what);
}

static int start_error(ControlCall *call, const MonitorConfig *config, int r, const char *reason) {
        switch (r) {
        case ENGINE_E_ACTION:
                return methods_action_unavailable(call, config->schemes, config->n_schemes, reason);
        case MANAGER_E_EXISTS:
                return control_error(call, UDAMON_ERROR("MonitorExists"), json_pack("{s:s}", "name", config->name));
        case MANAGER_E_FULL:
                tell_limit(call, "monitors", MONITORS_MAX);
                return control_error(call, UDAMON_ERROR("TooManyMonitors"), json_pack("{s:i}", "limit", MONITORS_MAX));
        case ENGINE_E_TARGET:
                return control_error(call, UDAMON_ERROR("TargetInvalid"),
                                     json_pack("{s:o,s:o}", "target", target_text(config), "reason",
                                               varlink_string(reason ?: "")));
        case ENGINE_E_SOURCE:
                return control_error(call, UDAMON_ERROR("SourceUnavailable"),
                                     json_pack("{s:o,s:o}", "source", varlink_string(config->source), "reason",
                                               varlink_string(reason ?: "")));
        }
        log_error("cannot start monitor '%s': %s", config->name ?: "", reason ?: error_text(r));
        return control_error(call, UDAMON_ERROR("TargetInvalid"),
                             json_pack("{s:o,s:o}", "target", target_text(config), "reason",
                                       varlink_string(reason ?: error_text(r))));
}

static int start_monitor(ControlCall *call, json_t *parameters, void *userdata) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(monitor_config_deinit) MonitorConfig config = {};
        _cleanup_free_ char *reason = NULL;
        const MethodsContext *c = userdata;
        const char *field = "context";
        Engine *engine;
        Writer *w;
        int r;

        r = request_start(parameters, &config, &field, &reason, &errors);
        if (r == REQUEST_E_CONFIG)
                return methods_config_invalid(call, NULL, &errors);
        if (r == REQUEST_E_INVALID)
                return control_error(call, UDAMON_ERROR("RequestInvalid"),
                                     json_pack("{s:s,s:o}", "parameter", field, "reason",
                                               varlink_string(reason ?: "")));
        if (r < 0)
                return r;

        r = manager_start(c->manager, &config, &engine, &reason);
        if (r != 0)
                return start_error(call, &config, r, reason);

        w = control_reply_begin(call);
        if (w) {
                writer_string(w, "name", config.name);
                report_monitor(w, "monitor", engine, &(View) { .level = ACCESS_ADMIN });
        }
        return control_reply_end(call);
}

static int stop_monitor(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        const char *name = field_string(parameters, "name", "");

        if (manager_stop(c->manager, name) < 0)
                return no_such_monitor(call, c, name);
        return control_reply(call, NULL);
}

static int no_snapshot_yet(ControlCall *call, const Engine *engine) {
        nsec_t end = engine_next_snapshot(engine), now = clock_nsec(CLOCK_MONOTONIC);

        return control_error(call, UDAMON_ERROR("NoSnapshotYet"),
                             json_pack("{s:s,s:I}", "name", engine_config(engine)->name, "wait_ns",
                                       (json_int_t) (end - MIN(now, end))));
}

int methods_too_many_streams(const MethodsContext *c, ControlCall *call) {
        tell_limit(call, "streams", control_limits(c->control)->streams_per_uid);
        return control_error(call, UDAMON_ERROR("TooManyStreams"),
                             json_pack("{s:i}", "limit", (int) control_limits(c->control)->streams_per_uid));
}

static int reply_snapshot(ControlCall *call, const MethodsContext *c, Engine *engine, const Snapshot *snapshot,
                          const View *view) {
        FrameShared *text;
        int r;

        if (report_snapshot_parts(snapshot) > 1)
                return control_error_expected_more(call);
        r = snapshot_texts_get(c->manager->subscribers.texts, engine, snapshot, 0, view, &text);
        if (r < 0)
                return r;
        r = control_reply_shared(call, text);
        frame_shared_unref(text);
        return r;
}

static int get_snapshot(ControlCall *call, json_t *parameters, void *userdata) {
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = NULL;
        const MethodsContext *c = userdata;
        View view = view_of(&c->access, control_call_peer(call));
        Engine *engine;
        int r;

        r = methods_begin(c, call, parameters, &engine);
        if (!engine)
                return r;
        if (control_call_wants_more(call)) {
                r = subscribers_add(&c->manager->subscribers, engine, &view, call);
                return r == CONTROL_E_LIMIT ? methods_too_many_streams(c, call) : r;
        }
        if (!monitor_snapshot(engine_monitor(engine)))
                return no_snapshot_yet(call, engine);
        snapshot = sight_of_snapshot(&view, engine, monitor_snapshot(engine_monitor(engine)));
        return snapshot ? reply_snapshot(call, c, engine, snapshot, &view) : -ENOMEM;
}

static int get_history(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        Engine *engine;
        Writer *w;
        int r;

        r = methods_begin_sums(c, call, parameters, &engine);
        if (!engine)
                return r;

        w = control_reply_begin(call);
        if (w)
                report_history(w, engine);
        return control_reply_end(call);
}

const ControlMethod methods_table[] = {
        { UDAMON_METHOD("GetStatus"), NULL, get_status, ACCESS_OWN },
        { UDAMON_METHOD("GetCapabilities"), NULL, get_capabilities, ACCESS_READ },
        { UDAMON_METHOD("StartMonitor"), request_start_fields, start_monitor, ACCESS_ADMIN },
        { UDAMON_METHOD("StopMonitor"), request_name_fields, stop_monitor, ACCESS_ADMIN },
        { UDAMON_METHOD("GetSnapshot"), request_optional_name_fields, get_snapshot, ACCESS_OWN },
        { UDAMON_METHOD("GetHistory"), request_optional_name_fields, get_history, ACCESS_OWN },
        { UDAMON_METHOD("GetSchemes"), request_optional_name_fields, method_get_schemes, ACCESS_OWN },
        { UDAMON_METHOD("GetSchemeLog"), methods_log_fields, method_get_scheme_log, ACCESS_OWN },
        { UDAMON_METHOD("SetScheme"), methods_set_scheme_fields, method_set_scheme, ACCESS_ADMIN },
        { UDAMON_METHOD("SetGoalInput"), methods_goal_input_fields, method_set_goal_input, ACCESS_ADMIN },
        { UDAMON_METHOD("GetEvents"), methods_events_fields, method_get_events, ACCESS_READ },
        { UDAMON_METHOD("GetTargets"), request_optional_name_fields, method_get_targets, ACCESS_READ },
        { UDAMON_METHOD("GetNodes"), NULL, method_get_nodes, ACCESS_READ },
        { UDAMON_METHOD("GetConfig"), NULL, method_get_config, ACCESS_READ },
        { UDAMON_METHOD("Reload"), NULL, method_reload, ACCESS_ADMIN },
};
const size_t methods_n = ELEMENTSOF(methods_table);

static const ServiceInterface interfaces[] = {
        { UDAMON_INTERFACE, UDAMON_INTERFACE_TEXT },
};

const ServiceInfo methods_service = {
        .vendor = "udamon",
        .product = "udamond",
        .version = UDAMON_VERSION,
        .url = "https://varlink.org/",
        .interfaces = interfaces,
        .n_interfaces = ELEMENTSOF(interfaces),
};
