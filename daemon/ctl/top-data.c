/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top`: what the daemon says. */
#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "feed.h"
#include "message.h"
#include "top.h"
#include "view.h"

/* A daemon that does not answer shall not make the keys wait. */
#define PATIENCE_MS 3000

/* What was said meanwhile becomes the note: its last line, without the name of the program. */
static void take_what_was_said(Top *top) {
        static const char prefix[] = "udamonctl: ";
        _cleanup_(buffer_deinit) Buffer text = {};
        char *line;

        if (lseek(top->said, 0, SEEK_SET) < 0 || read_whole(top->said, sizeof(top->note) * 8, &text) < 0)
                return;
        if (ftruncate(top->said, 0) < 0 || lseek(top->said, 0, SEEK_SET) < 0)
                return;
        while (text.size > 0 && text.data[text.size - 1] == '\n')
                text.data[--text.size] = '\0';
        if (text.size == 0)
                return;
        line = strrchr(text.data, '\n');
        line = line ? line + 1 : text.data;
        if (strncmp(line, prefix, strlen(prefix)) == 0)
                line += strlen(prefix);
        (void) snprintf(top->note, sizeof(top->note), "%s", text_sanitize(line));
}

json_t *top_monitor(const Top *top) {
        return top->row < top->n_rows ? top->rows[top->row] : NULL;
}

json_t *top_scheme(const Top *top) {
        return json_array_get(top->schemes, top->scheme);
}

static uint64_t sort_value(json_t *monitor, TopSort sort) {
        uint64_t resident = monitor_resident(monitor);

        if (sort == TOP_SORT_RESIDENT)
                return resident == FRAME_UNKNOWN ? 0 : resident;
        return json_number(json_object_get(json_object_get(monitor, "runtime"), "working_set"), "bytes");
}

static int compare(const void *a, const void *b, void *userdata) {
        json_t *x = *(json_t *const *) a, *y = *(json_t *const *) b;
        TopSort sort = *(const TopSort *) userdata;
        const char *name_x = json_text(x, "name") ?: "", *name_y = json_text(y, "name") ?: "";
        uint64_t m, n;

        if (sort == TOP_SORT_NAME)
                return strcmp(name_x, name_y);
        m = sort_value(x, sort);
        n = sort_value(y, sort);
        return m == n ? strcmp(name_x, name_y) : m < n ? 1 : -1;
}

void top_sort_rows(Top *top) {
        json_t *monitors = json_object_get(json_object_get(top->status, "runtime"), "monitors"), *monitor;
        size_t i;

        free(TAKE_PTR(top->rows));
        top->n_rows = 0;
        top->rows = calloc(json_array_size(monitors) + 1, sizeof(*top->rows));
        if (!top->rows)
                return;
        json_array_foreach(monitors, i, monitor)
                top->rows[top->n_rows++] = monitor;
        if (top->sort != TOP_SORT_START)
                qsort_r(top->rows, top->n_rows, sizeof(*top->rows), compare, &top->sort);

        /* the chosen one stays chosen, wherever it stands now */
        for (i = 0; i < top->n_rows; i++)
                if (streq(json_text(top->rows[i], "name") ?: "", top->chosen))
                        top->row = i;
        top->row = top->n_rows > 0 ? MIN(top->row, top->n_rows - 1) : 0;
        (void) snprintf(top->chosen, sizeof(top->chosen), "%s", json_text(top_monitor(top), "name") ?: "");
}

static int ask_monitor(Top *top, const char *name) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = connection_ask(&top->connection, "GetSchemes", name_parameters(name), &reply, &error);
        if (r != 0)
                return r;
        top->schemes = json_incref(json_object_get(reply, "schemes"));
        return feed_latest(&top->connection, top->args, name, &top->frame);
}

static int ask(Top *top) {
        json_t *status = NULL;
        int r = 0;

        if (!top->connection.client) {
                r = connection_open(&top->connection, top->args->socket);
                if (r != 0)
                        return r;
                wire_client_set_timeout(top->connection.client, PATIENCE_MS);
        }
        r = connection_call(&top->connection, "GetStatus", json_object(), &status);
        if (r != 0)
                return r;
        json_decref(top->status);
        top->status = status;
        top_sort_rows(top);

        json_decref(TAKE_PTR(top->schemes));
        top->frame = frame_free(top->frame);
        return top_monitor(top) ? ask_monitor(top, top->chosen) : 0;
}

void top_update(Top *top) {
        int r = ask(top);

        top->updated = clock_nsec(CLOCK_MONOTONIC);
        top->scheme = json_array_size(top->schemes) > 0 ? MIN(top->scheme, json_array_size(top->schemes) - 1) : 0;
        if (r == 0)
                return;
        /* what stands there stays, and the next time the daemon is looked for anew */
        take_what_was_said(top);
        connection_close(&top->connection);
}

void top_switch_dry_run(Top *top) {
        json_t *scheme = top_scheme(top), *reply = NULL;
        bool dry_run = json_is_true(json_object_get(json_object_get(scheme, "context"), "dry_run"));
        const char *name = json_text(scheme, "name");
        int r;

        if (!name || !top->connection.client)
                return;
        (void) snprintf(top->note, sizeof(top->note), "%s/%s %s", top->chosen, name,
                        dry_run ? "acts from now on" : "only counts from now on");
        r = connection_call(&top->connection, "SetScheme",
                            json_pack("{s:s, s:s, s:s}", "name", top->chosen, "scheme", name, "settings",
                                      dry_run ? "{dry_run: false}" : "{dry_run: true}"), &reply);
        json_decref(reply);
        if (r != 0)
                take_what_was_said(top);
        if (r == CTL_NO_DAEMON)
                connection_close(&top->connection);
        else
                top_update(top);
}

void top_data_deinit(Top *top) {
        free(top->rows);
        json_decref(top->schemes);
        json_decref(top->status);
        (void) frame_free(top->frame);
        connection_close(&top->connection);
}
