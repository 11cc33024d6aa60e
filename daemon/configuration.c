/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's configuration, and reading it again. */
#include "configuration.h"

#include <errno.h>
#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "base/error.h"
#include "config/errors.h"
#include "event.h"
#include "log.h"

/* Options win over files. They were checked when the command line was read. */
static int apply_options(Settings *settings, const Options *options) {
        int r = 0;

        if (options->log_level)
                r = settings_set(settings, "log_level", options->log_level, NULL);
        if (r == 0 && options->cpu_limit)
                r = settings_set(settings, "cpu_limit", options->cpu_limit, NULL);
        return r;
}

/* With --observe the same files serve: their schemes decide, and say what they would have done. */
static void observe(Config *config) {
        for (size_t i = 0; i < config->n_monitors; i++)
                for (size_t k = 0; k < config->monitors[i].n_schemes; k++)
                        config->monitors[i].schemes[k].dry_run = true;
}

static int load(const Configuration *c, const Loaded *before, Loaded *ret, ConfigErrors *errors) {
        int r;

        r = load_configuration(&c->from, before, ret, errors);
        if (r < 0)
                return r;
        if (c->options->observe)
                observe(ret->config);
        return apply_options(&ret->settings, c->options);
}

int configuration_load(Configuration *c, const Options *options, ConfigErrors *errors) {
        *c = (Configuration) {
                .options = options,
                .from = {
                        .root = "",
                        .usual = options->n_paths == 0 && options->n_connection_fds == 0 && !options->no_config,
                        .paths = options->paths,
                        .n_paths = options->n_paths,
                },
        };
        return load(c, NULL, &c->loaded, errors);
}

void configuration_deinit(Configuration *c) {
        loaded_deinit(&c->loaded);
}

bool configuration_has_place(const Configuration *c) {
        return c->from.usual || c->from.n_paths > 0;
}

const char *configuration_name(const Configuration *c) {
        return c->from.n_paths > 0 ? c->from.paths[0] : c->from.usual ? "/etc/udamon" : NULL;
}

ControlLimits configuration_limits(const Settings *settings) {
        ControlLimits limits = CONTROL_LIMITS_DEFAULT;

        limits.connections = settings->connections;
        limits.connections_per_uid = settings->connections_per_user;
        limits.streams_per_uid = settings->streams_per_user;
        limits.output_bytes = settings->output;
        limits.output_bytes_per_uid = MAX(limits.output_bytes_per_uid, limits.output_bytes);
        limits.unfinished = settings->unfinished;
        limits.unread = settings->unread;
        return limits;
}

/* Nothing here can fail: it comes behind what can. */
static void apply_settings(Configuration *c, const Settings *settings) {
        ControlLimits limits = configuration_limits(settings);

        log_set_level(LOG_ERR + (int) settings->log_level);
        access_init(c->access, settings->read_group, settings->admin_group);
        control_set_limits(c->control, &limits);
        manager_set_cpu_limit(c->manager, settings->cpu_limit);
}

static int reload_all(Configuration *c, ReloadReport *report, ConfigErrors *errors) {
        _cleanup_(loaded_deinit) Loaded loaded = {};
        int r;

        r = load(c, &c->loaded, &loaded, errors);
        if (r < 0)
                return r;
        errors->files = loaded.files; /* for what is wrong with a monitor, borrowed meanwhile */
        errors->n_files = (unsigned) loaded.n_files;
        r = reload(c->manager, loaded.config, report, errors);
        if (r < 0) {
                loaded.files = NULL;
                loaded.n_files = 0;
                return r;
        }
        errors->files = NULL;
        errors->n_files = 0;

        apply_settings(c, &loaded.settings);
        report->n_fixed = settings_fixed_differences(&c->loaded.settings, &loaded.settings, report->fixed,
                                                     ELEMENTSOF(report->fixed));
        loaded_deinit(&c->loaded);
        c->loaded = TAKE_GENERIC(loaded, (Loaded) {});
        return 0;
}

static void log_errors(const ConfigErrors *errors) {
        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *error = &errors->errors[i];
                const char *file = config_error_file(errors, error);

                if (error->line > 0)
                        log_error("%s:%u:%u: %s", file ?: "", error->line, error->column, error->text);
                else
                        log_error("%s%s%s", file ?: "", file ? ": " : "", error->text);
        }
        if (errors->n_more > 0)
                log_error("and %zu more", errors->n_more);
}

/* The first error stands for all: the rest is where they were asked for, and in the log. */
static void tell_refused(const char *name, int r, const ConfigErrors *errors) {
        const ConfigError *first = errors->n > 0 ? &errors->errors[0] : NULL;
        const char *file = first ? config_error_file(errors, first) : NULL;
        size_t n = errors->n + errors->n_more;
        const Event event = {
                .kind = EVENT_CONFIG_REFUSED, .numbers = { { "problems", EVENT_COUNT, (double) n } },
        };

        log_errors(errors);
        if (first && first->line > 0)
                event_report(&event,
                             "%s was not loaded, everything stays as it was: %zu problem%s, the first at %s:%u:%u: %s",
                             name, n, n == 1 ? "" : "s", file ?: "", first->line, first->column, first->text);
        else
                event_report(&event, "%s was not loaded, everything stays as it was: %s%s%s", name, file ?: "",
                             file ? ": " : "", first ? first->text : error_text(r));
}

static void tell_loaded(const char *name, const ReloadReport *report) {
        Event event = { .kind = EVENT_CONFIG_LOADED };

        for (size_t i = 0; i < report->n_fixed; i++)
                log_warning("%s has changed, which counts only when the daemon starts again", report->fixed[i]);
        for (ReloadFate fate = 0; fate < _RELOAD_FATE_MAX; fate++)
                event.numbers[fate] = (EventNumber) {
                        reload_fate_name(fate), EVENT_COUNT, (double) report->fates[fate].n,
                };
        event_report(&event, "%s loaded again: %zu monitors started, %zu changed, %zu stopped, %zu unchanged", name,
                     report->fates[RELOAD_STARTED].n, report->fates[RELOAD_CHANGED].n,
                     report->fates[RELOAD_STOPPED].n, report->fates[RELOAD_UNCHANGED].n);
}

int configuration_reload(Configuration *c, ReloadReport *report, ConfigErrors *errors) {
        int r;

        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC);
        r = reload_all(c, report, errors);
        if (r < 0)
                tell_refused(configuration_name(c), r, errors);
        else
                tell_loaded(configuration_name(c), report);
        (void) sd_notifyf(0, "READY=1\nERRNO=%d", r == 0 ? 0 : r == -EINVAL ? EINVAL : -r);
        return r;
}
