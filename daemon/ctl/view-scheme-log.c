/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes did lately, range by range. */
#include <inttypes.h>
#include <string.h>

#include "message.h"
#include "view-schemes.h"
#include "view.h"

/* Everything but the scheme's name: "12:00:05 … 1234 7f0000000000 1.2GiB 1.2GiB 1.2GiB unevictable". */
#define COLUMNS_FIXED 66
#define NAME_MIN 6
#define NAMES_MAX 48

static size_t name_columns(const Screen *screen, json_t *acts) {
        size_t most = NAME_MIN, room = screen->width - MIN(screen->width, (size_t) COLUMNS_FIXED), i;
        json_t *item;

        json_array_foreach(acts, i, item) {
                const char *name = json_text(item, "scheme");

                most = MAX(most, name ? strlen(name) : 0);
        }
        return MIN(most, MAX(room, (size_t) NAME_MIN));
}

/* A name among those that were seen; true when it is new. */
static bool remember(const char **names, size_t *n, const char *name) {
        for (size_t i = 0; i < *n; i++)
                if (streq(names[i], name))
                        return false;
        if (*n == NAMES_MAX)
                return false;
        names[(*n)++] = name;
        return true;
}

static void print_act(const Screen *screen, json_t *act, size_t columns) {
        const char *scheme = json_text(act, "scheme"), *outcome = json_text(act, "outcome");
        _cleanup_free_ char *name = display_name(scheme ? scheme : "?", columns),
                            *rest = display_name(outcome ? outcome : "", 16);
        uint64_t start = json_number(act, "start"), end = json_number(act, "end");
        char time[TIME_MAX], size[FORMAT_MAX], tried[FORMAT_MAX], applied[FORMAT_MAX];
        bool dry = json_is_true(json_object_get(act, "dry_run"));

        (void) fprintf(screen->out, "%8.8s %-*s %7" PRIu64 " %12" PRIx64 " %7s %7s %7s%s%s\n",
                       format_time(time, json_number(act, "time_ns")) + 11, (int) columns, name ? name : "?",
                       json_number(act, "pid"), start, format_size(size, end > start ? end - start : 0),
                       format_size(tried, json_number(act, "tried_bytes")),
                       dry ? "dry run" : format_size(applied, json_number(act, "applied_bytes")),
                       rest && *rest ? " " : "", rest ? rest : "");
}

/* The actions of the schemes and the outcomes that appear, in words. */
static void print_legend(const Screen *screen, json_t *acts) {
        const char *schemes[NAMES_MAX], *words[NAMES_MAX];
        size_t n_schemes = 0, n_words = 0, i;
        json_t *item;

        (void) fputs("TRIED was handed to the kernel (dry run: would have been), APPLIED is what the\n"
                     "kernel did, REST what kept most of the remainder back\n",
                     screen->out);
        json_array_foreach(acts, i, item) {
                const char *scheme = json_text(item, "scheme"), *action = json_text(item, "action");
                _cleanup_free_ char *line = NULL;

                if (!scheme || !action || !remember(schemes, &n_schemes, scheme) ||
                    asprintf(&line, "%s: %s", scheme, action) < 0) {
                        line = NULL;
                        continue;
                }
                print_wrapped(screen, line, 8);
        }
        json_array_foreach(acts, i, item) {
                const char *outcome = json_text(item, "outcome");
                _cleanup_free_ char *safe = outcome ? display_name(outcome, 32) : NULL;

                if (safe && remember(words, &n_words, outcome))
                        (void) fprintf(screen->out, "%s: %s\n", safe,
                                       outcome_words(outcome) == outcome ? safe : outcome_words(outcome));
        }
}

int view_scheme_log(const Screen *screen, json_t *reply) {
        json_t *acts = json_object_get(reply, "acts"), *item;
        size_t n = json_array_size(acts), columns = name_columns(screen, acts), i;
        const char *monitor = json_text(reply, "monitor");
        _cleanup_free_ char *name = display_name(monitor ? monitor : "?", 32);
        char a[TIME_MAX], b[TIME_MAX];

        if (n == 0) {
                (void) fprintf(screen->out, "monitor %s: the schemes did nothing lately\n", name ? name : "?");
                return 0;
        }
        (void) fprintf(screen->out, "monitor %s: %zu range%s, newest first\nfrom %s back to %s\n", name ? name : "?",
                       n, PLURAL(n), format_time(a, json_number(json_array_get(acts, 0), "time_ns")),
                       format_time(b, json_number(json_array_get(acts, n - 1), "time_ns")));
        (void) fprintf(screen->out, "%-8s %-*s %7s %12s %7s %7s %7s %s\n", "TIME", (int) columns, "SCHEME", "PID",
                       "START", "SIZE", "TRIED", "APPLIED", "REST");
        json_array_foreach(acts, i, item)
                print_act(screen, item, columns);
        print_legend(screen, acts);
        return 0;
}
