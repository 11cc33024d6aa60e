/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `metrics`: asks the daemon for all that it measures, and writes it as metrics. */
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "connect.h"
#include "feed.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

/* A monitor may be stopped between the questions: then it has no schemes and no snapshot. */
static int ask_monitor(Connection *connection, const Arguments *args, MonitorMetrics *m) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL;
        const char *name = json_text(m->monitor, "name");
        int r;

        if (!name)
                return fail(CTL_REFUSED, "the daemon's reply is malformed: a monitor without a name");
        r = connection_ask(connection, "GetSchemes", name_parameters(name), &reply, &error);
        if (r != 0)
                return r;
        if (error && !streq(error, MONITOR_INTERFACE "NoSuchMonitor"))
                return connection_refused(error, reply, NULL);
        m->schemes = json_incref(json_object_get(reply, "schemes"));
        return feed_latest(connection, args, name, &m->frame);
}

static int ask(const Arguments *args, Metrics *metrics) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        json_t *monitors, *monitor;
        size_t i;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "GetStatus", json_object(), &metrics->status);
        if (r != 0)
                return r;
        monitors = json_object_get(json_object_get(metrics->status, "runtime"), "monitors");
        if (!json_is_array(monitors))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no runtime.monitors");
        metrics->monitors = calloc(json_array_size(monitors) + 1, sizeof(*metrics->monitors));
        if (!metrics->monitors)
                return -ENOMEM;

        json_array_foreach(monitors, i, monitor) {
                metrics->monitors[i].monitor = monitor;
                metrics->n_monitors = i + 1;
                r = ask_monitor(&connection, args, &metrics->monitors[i]);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* The text, or the JSON document. */
static int write_to(FILE *out, const Arguments *args, const Metrics *metrics) {
        _cleanup_json_ json_t *families = args->json ? json_array() : NULL;
        MetricsWriter w = { .out = args->json ? NULL : out, .json = families };
        int r;

        if (args->json && !families)
                return -ENOMEM;
        r = metrics_print(metrics, &w);
        if (r == 0 && families) {
                _cleanup_json_ json_t *document = json_pack("{s:O}", "families", families);

                if (!document)
                        return -ENOMEM;
                (void) json_dumpf(document, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
                (void) fputc('\n', out);
        }
        return r;
}

static int fail_file(const char *path, const char *temporary, int error) {
        if (temporary)
                (void) unlink(temporary);
        return fail(CTL_REFUSED, "cannot write %s: %s", path, error_text(error));
}

/* A reader sees the old file or the new one, never half of one; where anything fails, the old one stays. */
static int write_file(const char *path, const Arguments *args, const Metrics *metrics) {
        _cleanup_free_ char *temporary = NULL;
        FILE *out;
        int fd, r;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return fail_file(path, NULL, -errno);
        /* the collector is another user */
        (void) fchmod(fd, 0644);
        out = fdopen(fd, "w");
        if (!out) {
                (void) close(fd);
                return fail_file(path, temporary, -ENOMEM);
        }
        r = write_to(out, args, metrics);
        if (ferror(out))
                r = r < 0 ? r : -EIO;
        if (fclose(out) == EOF)
                r = r < 0 ? r : -errno;
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        return r < 0 ? fail_file(path, temporary, r) : r;
}

int verb_metrics(const Arguments *args) {
        _cleanup_(metrics_deinit) Metrics metrics = {};
        int r;

        r = ask(args, &metrics);
        if (r != 0)
                return r;
        if (args->output)
                return write_file(args->output, args, &metrics);
        return verb_finish(write_to(stdout, args, &metrics));
}
