/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods about schemes and the configuration. */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "event.h"
#include "methods-internal.h"
#include "reload.h"
#include "report-schemes.h"
#include "report.h"

const Field methods_log_fields[] = {
        { .name = "name", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "limit", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        FIELD_END,
};

const Field methods_set_scheme_fields[] = {
        { .name = "name", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "scheme", .type = FIELD_STRING },
        { .name = "settings", .type = FIELD_STRING },
        FIELD_END,
};

const Field methods_goal_input_fields[] = {
        { .name = "name", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "scheme", .type = FIELD_STRING },
        { .name = "value", .type = FIELD_FLOAT },
        FIELD_END,
};

int methods_config_invalid(ControlCall *call, const char *file, const ConfigErrors *errors) {
        json_t *problems = json_array(), *parameters;

        for (size_t i = 0; problems && i < errors->n; i++) {
                const ConfigError *error = &errors->errors[i];
                const char *in = config_error_file(errors, error);
                json_t *problem = json_pack("{s:I,s:I,s:o}", "line", (json_int_t) error->line, "column",
                                            (json_int_t) error->column, "text", varlink_string(error->text));

                if (problem && in)
                        json_object_set_new(problem, "file", varlink_string(in));
                json_array_append_new(problems, problem);
        }
        parameters = json_pack("{s:o}", "problems", problems);
        if (parameters && file)
                json_object_set_new(parameters, "file", varlink_string(file));
        return control_error(call, UDAMON_ERROR("ConfigInvalid"), parameters);
}

/* The reason begins with what the error's other parameters say. */
static const char *behind(const char *text, const char *prefix) {
        size_t n = strlen(prefix);

        return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

int methods_action_unavailable(ControlCall *call, const SchemeConfig *schemes, size_t n, const char *reason) {
        const char *name = "", *action = "", *rest = reason ?: "";
        char prefix[256];

        for (size_t i = 0; i < n; i++) {
                const char *text;

                (void) snprintf(prefix, sizeof(prefix), "scheme '%s': ", schemes[i].name);
                text = behind(rest, prefix);
                if (!text)
                        continue;
                name = schemes[i].name;
                action = action_name(schemes[i].action);
                (void) snprintf(prefix, sizeof(prefix), "%s cannot be done here: ", action);
                rest = behind(text, prefix) ?: text;
                break;
        }
        return control_error(call, UDAMON_ERROR("ActionUnavailable"),
                             json_pack("{s:o,s:s,s:o}", "scheme", varlink_string(name), "action", action, "reason",
                                       varlink_string(rest)));
}

static int no_such_scheme(ControlCall *call, const Engine *engine, const char *name) {
        const SchemeSet *set = engine_schemes(engine);
        json_t *names = json_array();

        for (size_t i = 0; names && i < scheme_set_count(set); i++)
                json_array_append_new(names, json_string(scheme_set_view(set, i, 0).config->name));
        return control_error(call, UDAMON_ERROR("NoSuchScheme"),
                             json_pack("{s:s,s:o,s:o}", "monitor", engine_config(engine)->name, "scheme",
                                       varlink_string(name), "schemes", names));
}

int method_get_schemes(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        Engine *engine;
        Writer *w;
        int r;

        r = methods_begin_sums(c, call, parameters, &engine);
        if (!engine)
                return r;

        w = control_reply_begin(call);
        if (w) {
                writer_string(w, "monitor", engine_config(engine)->name);
                report_schemes(w, engine_schemes(engine), clock_nsec(CLOCK_MONOTONIC));
        }
        return control_reply_end(call);
}

int method_get_scheme_log(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        View view = view_of(&c->access, control_call_peer(call));
        int64_t limit = field_int(parameters, "limit", ACT_LOG_MAX);
        Engine *engine;
        Writer *w;
        int r;

        r = methods_begin(c, call, parameters, &engine);
        if (!engine)
                return r;
        if (limit < 0)
                return control_error_invalid(call, "limit");

        w = control_reply_begin(call);
        if (w) {
                writer_string(w, "monitor", engine_config(engine)->name);
                report_acts(w, engine, (size_t) limit, &view);
        }
        return control_reply_end(call);
}

/* The list in force with one scheme changed: what a copy of the pointers can express. */
static int put_scheme(Engine *engine, size_t i, const SchemeConfig *changed, char **ret_error) {
        const MonitorConfig *config = engine_config(engine);
        _cleanup_free_ SchemeConfig *list = NULL;

        list = malloc(config->n_schemes * sizeof(*list));
        if (!list)
                return -ENOMEM;
        memcpy(list, config->schemes, config->n_schemes * sizeof(*list));
        list[i] = *changed;
        return engine_set_schemes(engine, list, config->n_schemes, ret_error);
}

static int change_scheme(ControlCall *call, Engine *engine, size_t i, const char *settings) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(scheme_config_deinit) SchemeConfig changed = {};
        _cleanup_free_ char *reason = NULL;
        Writer *w;
        int r;

        r = config_change_scheme(&engine_config(engine)->schemes[i], settings, strlen(settings), &changed, &errors);
        if (r == -EINVAL)
                return methods_config_invalid(call, NULL, &errors);
        if (r == 0)
                r = put_scheme(engine, i, &changed, &reason);
        if (r == ENGINE_E_ACTION)
                return methods_action_unavailable(call, &changed, 1, reason);
        if (r < 0)
                return r;

        event_report(&(Event) { .kind = EVENT_SCHEME_CHANGED, .monitor = engine_config(engine)->name,
                                .scheme = changed.name, .pid = control_call_peer(call)->pid, .has_uid = true,
                                .uid = control_call_peer(call)->uid },
                     "changed by user %d: %s", (int) control_call_peer(call)->uid, settings);
        w = control_reply_begin(call);
        if (w) {
                SchemeView view = scheme_set_view(engine_schemes(engine), i, clock_nsec(CLOCK_MONOTONIC));

                writer_string(w, "monitor", engine_config(engine)->name);
                report_scheme(w, "scheme", &view);
        }
        return control_reply_end(call);
}

int method_set_scheme(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        const char *scheme = field_string(parameters, "scheme", "");
        Engine *engine;
        int r;

        r = methods_begin(c, call, parameters, &engine);
        if (!engine)
                return r;
        r = scheme_set_find(engine_schemes(engine), scheme);
        if (r < 0)
                return no_such_scheme(call, engine, scheme);
        return change_scheme(call, engine, (size_t) r, field_string(parameters, "settings", ""));
}

int method_set_goal_input(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        const char *scheme = field_string(parameters, "scheme", "");
        double value = field_float(parameters, "value", 0);
        Engine *engine;
        int r;

        r = methods_begin(c, call, parameters, &engine);
        if (!engine)
                return r;
        if (!(value >= 0))
                return control_error_invalid(call, "value");
        r = scheme_set_input(engine_schemes(engine), scheme, value);
        if (r == -ENOENT)
                return no_such_scheme(call, engine, scheme);
        if (r < 0)
                return control_error(call, UDAMON_ERROR("RequestInvalid"),
                                     json_pack("{s:s,s:s}", "parameter", "scheme", "reason",
                                               "it has no goal of the metric user_input"));
        return control_reply(call, NULL);
}

int method_get_config(ControlCall *call, json_t *parameters, void *userdata) {
        const MonitorConfig *monitors[MONITORS_MAX];
        const MethodsContext *c = userdata;
        _cleanup_free_ char *yaml = NULL;
        int r;

        (void) parameters;
        for (size_t i = 0; i < c->manager->n_engines; i++)
                monitors[i] = engine_config(c->manager->engines[i]);
        r = config_format(monitors, c->manager->n_engines, &yaml);
        if (r < 0)
                return r;
        return control_reply(call, json_pack("{s:o}", "yaml", varlink_string(yaml)));
}

static int report_reload(ControlCall *call, const ReloadReport *report) {
        Writer *w = control_reply_begin(call);

        for (ReloadFate fate = 0; w && fate < _RELOAD_FATE_MAX; fate++) {
                writer_open_array(w, reload_fate_name(fate));
                for (size_t i = 0; i < report->fates[fate].n; i++)
                        writer_string(w, NULL, report->fates[fate].names[i]);
                writer_close(w);
        }
        if (w) {
                writer_open_array(w, "restart_needed");
                for (size_t i = 0; i < report->n_fixed; i++)
                        writer_string(w, NULL, report->fixed[i]);
                writer_close(w);
        }
        return control_reply_end(call);
}

int method_reload(ControlCall *call, json_t *parameters, void *userdata) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(reload_report_deinit) ReloadReport report = {};
        const MethodsContext *c = userdata;
        int r;

        (void) parameters;
        if (!configuration_has_place(c->configuration))
                return control_error(call, UDAMON_ERROR("NoConfigFile"), NULL);

        r = configuration_reload(c->configuration, &report, &errors);
        if (r == -EINVAL)
                return methods_config_invalid(call, configuration_name(c->configuration), &errors);
        return r < 0 ? r : report_reload(call, &report);
}
