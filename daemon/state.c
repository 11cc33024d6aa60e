/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What survives a restart. */
#include "state.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "event.h"
#include "state-file.h"
#include "state-text.h"

/* Monitors of a former run that have not started in this one: kept, for they may start yet. */
#define UNCLAIMED_MAX 64

struct State {
        Manager *manager;
        const char *directory;
        nsec_t interval;
        char boot[64];
        StateFile *file; /* NULL: nothing is saved */
        sd_event_source *timer;
        json_t *unclaimed; /* array */
        char *saved; /* as it is on disk, as far as known */
        char *saving;
        bool failing; /* and it was told */
};

/* ---- Saving ---- */

static json_t *format_engine(const Engine *engine) {
        const SchemeSet *set = engine_schemes((Engine *) engine);
        json_t *schemes = json_array();

        for (size_t i = 0; schemes && i < scheme_set_count(set); i++) {
                SchemeView view = scheme_set_view(set, i, 0);

                json_array_append_new(schemes, state_text_scheme(&view));
        }
        return json_pack("{s:s,s:o}", "name", engine_config(engine)->name, "schemes", schemes);
}

static char *format(const State *s) {
        json_t *monitors = json_array();
        json_auto_t *whole = NULL;

        for (size_t i = 0; monitors && i < s->manager->n_engines; i++) {
                const Engine *engine = s->manager->engines[i];

                if (engine_from_file(engine) && engine_config(engine)->n_schemes > 0)
                        json_array_append_new(monitors, format_engine(engine));
        }
        if (monitors)
                (void) json_array_extend(monitors, s->unclaimed);
        whole = json_pack("{s:s,s:o}", "boot", s->boot, "monitors", monitors);
        return whole ? state_text_format(whole) : NULL;
}

static void tell(State *s, int error) {
        if (error < 0 && !s->failing)
                event_report(&(Event) { .kind = EVENT_STATE_UNSAVED }, "cannot save state in %s: %s; statistics go on, "
                             "but a restart would not find them", s->directory, error_text(error));
        if (error == 0 && s->failing)
                event_report(&(Event) { .kind = EVENT_STATE_SAVED }, "state is saved again in %s", s->directory);
        s->failing = error < 0;
}

/* (state_file_done_t) */
static void on_done(void *userdata, int error) {
        State *s = userdata;

        tell(s, error);
        free(s->saved);
        /* what failed is tried again */
        s->saved = error == 0 ? TAKE_PTR(s->saving) : NULL;
        free(TAKE_PTR(s->saving));
}

static void save(State *s) {
        _cleanup_free_ char *text = NULL, *copy = NULL;

        if (state_file_is_busy(s->file))
                return;
        text = format(s);
        if (!text) {
                tell(s, -ENOMEM);
                return;
        }
        if (s->saved && streq(s->saved, text))
                return;
        copy = strdup(text);
        if (!copy)
                return;
        s->saving = TAKE_PTR(copy);
        state_file_write(s->file, text, strlen(text));
        text = NULL;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        State *s = userdata;
        int r;

        (void) usec;
        save(s);
        r = sd_event_source_set_time_relative(source, s->interval / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r < 0)
                tell(s, r);
        return 0;
}

/* ---- Restoring ---- */

/* Takes what was saved of a monitor out of the list: nobody else gets it. */
static json_t *claim(State *s, const char *name) {
        json_t *monitor;
        size_t i;

        json_array_foreach(s->unclaimed, i, monitor)
                if (streq(json_string_value(json_object_get(monitor, "name")), name)) {
                        json_incref(monitor);
                        json_array_remove(s->unclaimed, i);
                        return monitor;
                }
        return NULL;
}

static bool is_text(const json_t *object, const char *key, const char *text) {
        const char *value = json_string_value(json_object_get(object, key));

        return value && streq(value, text);
}

static void restore_scheme(SchemeSet *set, size_t index, const json_t *saved, nsec_t now) {
        const SchemeConfig *config = scheme_set_view(set, index, now).config;
        _cleanup_free_ char *yaml = NULL;
        SchemeMemory memory;

        state_text_read_scheme(saved, &memory);
        /* what it found was found for the settings of then */
        if (config_format_scheme(config, &yaml) < 0 || !is_text(saved, "yaml", yaml))
                memory.quota.has_tuned = false;
        scheme_set_recall(set, index, &memory, now);
}

void state_restore(State *s, Engine *engine) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        SchemeSet *set = engine_schemes(engine);
        json_auto_t *monitor = NULL;
        const json_t *scheme;
        size_t i;

        monitor = claim(s, engine_config(engine)->name);
        json_array_foreach(json_object_get(monitor, "schemes"), i, scheme) {
                const char *name = json_string_value(json_object_get(scheme, "name"));
                int index = name ? scheme_set_find(set, name) : -ENOENT;

                /* as when the configuration changes: of another action, it is another scheme */
                if (index >= 0 &&
                    is_text(scheme, "action", action_name(scheme_set_view(set, (size_t) index, now).config->action)))
                        restore_scheme(set, (size_t) index, scheme, now);
        }
}

/* Windows lie on the monotonic clock, which begins anew with every boot. */
static void forget_windows(json_t *monitors) {
        json_t *monitor, *scheme;
        size_t i, k;

        json_array_foreach(monitors, i, monitor)
                json_array_foreach(json_object_get(monitor, "schemes"), k, scheme)
                        (void) json_object_del(json_object_get(scheme, "quota"), "window");
}

static void load(State *s) {
        _cleanup_(buffer_deinit) Buffer text = {};
        _cleanup_free_ char *reason = NULL;
        json_auto_t *state = NULL;
        json_t *monitors;
        int r;

        r = state_file_read(s->file, &text);
        if (r == -ENOENT)
                return;
        if (r == 0)
                r = state_text_parse(text.data, text.size, &state, &reason);
        if (r != 0) {
                event_report(&(Event) { .kind = EVENT_STATE_REFUSED },
                             "the state in %s is not taken over, statistics begin anew: %s", s->directory,
                             reason ?: error_text(r));
                state_file_put_aside(s->file);
                return;
        }

        monitors = json_object_get(state, "monitors");
        if (!is_text(state, "boot", s->boot))
                forget_windows(monitors);
        while (json_array_size(monitors) > UNCLAIMED_MAX)
                (void) json_array_remove(monitors, json_array_size(monitors) - 1);
        (void) json_array_extend(s->unclaimed, monitors);
}

/* ---- Life ---- */

static void read_boot_id(const RootFds *roots, char *ret, size_t size) {
        _cleanup_(buffer_deinit) Buffer text = {};

        if (read_whole_at(roots->proc, "sys/kernel/random/boot_id", 4096, &text) < 0)
                return;
        (void) snprintf(ret, size, "%.*s", (int) strcspn(text.data, "\n"), text.data);
}

static int start(State *s, sd_event *event) {
        int r;

        r = state_file_open(event, s->directory, on_done, s, &s->file);
        if (r != 0) {
                event_report(&(Event) { .kind = EVENT_STATE_UNSAVED }, "no state is kept: %s: %s", s->directory,
                             r == STATE_FILE_E_BUSY ? "another daemon uses it" : error_text(r));
                return 0;
        }
        load(s);
        r = sd_event_add_time_relative(event, &s->timer, CLOCK_MONOTONIC, s->interval / NSEC_PER_USEC, 0, on_timer, s);
        return r < 0 ? r : 0;
}

int state_open(Manager *manager, const char *directory, nsec_t interval, State **ret) {
        State *s;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (State) { .manager = manager, .directory = directory, .interval = interval, .unclaimed = json_array() };
        read_boot_id(manager->host.roots, s->boot, sizeof(s->boot));

        r = s->unclaimed ? start(s, manager->host.event) : -ENOMEM;
        if (r < 0) {
                s->file = state_file_close(s->file);
                state_close(s);
                return r;
        }
        *ret = s;
        return 0;
}

State *state_close(State *s) {
        _cleanup_free_ char *text = NULL;

        if (!s)
                return NULL;
        if (s->file) {
                text = format(s);
                tell(s, text ? state_file_write_now(s->file, text, strlen(text)) : -ENOMEM);
        }
        state_file_close(s->file);
        sd_event_source_disable_unref(s->timer);
        json_decref(s->unclaimed);
        free(s->saved);
        free(s->saving);
        free(s);
        return NULL;
}
