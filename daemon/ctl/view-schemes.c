/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schemes: what they see, what they do, and what holds them back. Tried was handed to the kernel, applied is
 * what the kernel did; the two are never mixed up. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "message.h"
#include "view-schemes.h"
#include "view.h"

static const struct {
        const char *name;
        const char *words;
} outcomes[] = {
        { "unreached", "not reached: a limit came first" },
        { "nothing", "nothing to do there: not resident, or so already" },
        { "filtered", "held back by filters" },
        { "unknown", "unknown whether the filters hold it back" },
        { "shared", "other processes map it, too" },
        { "edge", "a part of a huge page" },
        { "unevictable", "locked in memory, or huge pages of their own" },
        { "no_swap", "no room in swap" },
        { "swap_rate", "more than may be swapped out per second" },
        { "unmapped", "not mapped any more, or mapped anew" },
        { "gone", "the process has ended" },
        { "replaced", "the process runs another program" },
        { "denied", "not permitted" },
        { "protected", "a process that is left alone" },
        { "there", "on its destination already" },
        { "no_room", "no room on the destination" },
        { "policy", "its cpuset or memory policy does not allow the destination" },
        { "no_node", "the destination is offline or has no memory" },
        { "busy", "pinned or in use by the kernel just then" },
        { "unmoved", "the kernel tried and left it where it was" },
        { "no_mapping", "cache that no process maps" },
        { "not_found", "which process maps it was not found" },
        { "moved", "another page was there by then" },
        { "failed", "the kernel refused" },
};

const char *outcome_words(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(outcomes); i++)
                if (streq(outcomes[i].name, name))
                        return outcomes[i].words;
        return name;
}

static const char *color(const Screen *screen, const char *code) {
        return screen->color ? code : "";
}

static const char *state_color(const char *state) {
        return streq(state, "active") ? "\033[32m" : streq(state, "inactive") ? "\033[33m" : "\033[2m";
}

static bool is_true(json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}

static bool is_there(json_t *object, const char *key) {
        json_t *value = json_object_get(object, key);

        return value && !json_is_null(value);
}

static double share_of(uint64_t part, uint64_t whole) {
        return whole > 0 ? (double) part / (double) whole : 0;
}

/* "64MiB", "100ms" or "64MiB and 100ms"; empty without a limit. */
static const char *format_limits(char *buf, size_t size, json_t *context) {
        char a[FORMAT_MAX] = "", b[FORMAT_MAX] = "";

        if (is_there(context, "quota_bytes"))
                (void) format_size(a, json_number(context, "quota_bytes"));
        if (is_there(context, "quota_time_ns"))
                (void) format_duration(b, json_number(context, "quota_time_ns"));
        (void) snprintf(buf, size, "%s%s%s", a, *a && *b ? " and " : "", b);
        return buf;
}

static void print_title(const Screen *screen, const char *name, json_t *context, json_t *runtime) {
        const char *action = json_text(context, "action"), *state = json_text(runtime, "state");
        _cleanup_free_ char *safe = display_name(name, 64), *verb = display_name(action ? action : "?", 32),
                            *word = display_name(state ? state : "?", 32);
        bool active = state && streq(state, "active");

        (void) fprintf(screen->out, "%s: %s, %s%s%s%s\n", safe ? safe : "?", verb ? verb : "?",
                       color(screen, state_color(word ? word : "?")), word ? word : "?", color(screen, "\033[0m"),
                       is_true(context, "dry_run") ? ", dry run: nothing is done, only counted" : "");
        if (json_text(runtime, "message"))
                print_labelled(screen, active ? "note" : "why", "%s", json_text(runtime, "message"));
}

static void print_done(const Screen *screen, json_t *context, json_t *runtime) {
        uint64_t tried = json_number(runtime, "tried_bytes"), applied = json_number(runtime, "applied_bytes"),
                 tried_n = json_number(runtime, "tried_regions"), applied_n = json_number(runtime, "applied_regions"),
                 would = json_number(runtime, "would_bytes"), would_n = json_number(runtime, "would_regions");
        const char *action = json_text(context, "action");
        bool dry = is_true(context, "dry_run"), counts = action && streq(action, "stat");
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (tried > 0 || (!dry && !counts)) {
                print_labelled(screen, "tried", "%s in %" PRIu64 " region%s (handed to the kernel)",
                               format_size(a, tried), tried_n, PLURAL(tried_n));
                print_labelled(screen, "applied", "%s in %" PRIu64 " region%s%s%s (what the kernel did)",
                               format_size(a, applied), applied_n, PLURAL(applied_n), tried > 0 ? ", " : "",
                               tried > 0 ? format_share(b, share_of(applied, tried)) : "");
        }
        if (would > 0 || dry)
                print_labelled(screen, "would have", "%s in %" PRIu64 " region%s (tried, were it no dry run)",
                               format_size(a, would), would_n, PLURAL(would_n));
}

/* Was it right to act on it? */
static void print_back(const Screen *screen, json_t *runtime) {
        uint64_t applied = json_number(runtime, "applied_bytes"), refaulted = json_number(runtime, "refaulted_bytes"),
                 returned = json_number(runtime, "returned_bytes"), resting = json_number(runtime, "resting_bytes"),
                 backed = json_number(runtime, "backed_off_bytes"),
                 acted = MAX(json_number(runtime, "tried_bytes"), json_number(runtime, "would_bytes"));
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (refaulted > 0)
                print_labelled(screen, "refaulted", "%s, %s of what was applied (paged out, and resident again)",
                               format_size(a, refaulted), format_share(b, share_of(refaulted, applied)));
        if (returned > 0)
                print_labelled(screen, "returned", "%s, %s of what was acted on (seen accessed again; estimate)",
                               format_size(a, returned), format_share(b, share_of(returned, acted)));
        if (backed > 0)
                print_labelled(screen, "resting", "%s left alone for a while after it was acted on; %s of it for "
                               "longer, as it came back", format_size(a, resting), format_size(b, backed));
        else if (resting > 0)
                print_labelled(screen, "resting", "%s left alone for a while after it was acted on",
                               format_size(a, resting));
}

/* Where memory was moved to, and whether it was for nothing. */
static void print_moves(const Screen *screen, json_t *runtime) {
        uint64_t applied = json_number(runtime, "applied_bytes"), hot = json_number(runtime, "hot_bytes"),
                 back = json_number(runtime, "ping_pong_bytes");
        json_t *move;
        char a[FORMAT_MAX], b[FORMAT_MAX];
        size_t i;

        json_array_foreach(json_object_get(runtime, "moves"), i, move)
                print_labelled(screen, "moved", "%s from node %" JSON_INTEGER_FORMAT " to node %" JSON_INTEGER_FORMAT,
                               format_size(a, json_number(move, "bytes")),
                               json_integer_value(json_object_get(move, "from")),
                               json_integer_value(json_object_get(move, "to")));
        if (i > 0 && hot > 0)
                print_labelled(screen, "in all", "%s for each that is in use now (%s)",
                               format_share(a, share_of(applied, hot)), format_size(b, hot));
        if (back > 0)
                print_labelled(screen, "ping-pong", "%s, %s of it: moved the other way by another scheme before",
                               format_size(a, back), format_share(b, share_of(back, applied)));
}

static void print_quota(const Screen *screen, json_t *context, json_t *runtime) {
        char limits[2 * FORMAT_MAX + 8], used[FORMAT_MAX], most[FORMAT_MAX], time[FORMAT_MAX], of[FORMAT_MAX],
                window[FORMAT_MAX];
        uint64_t exceeded = json_number(runtime, "quota_exceeded");
        bool effective = is_there(runtime, "effective_bytes"), times = is_there(context, "quota_time_ns"),
             bytes = effective || is_there(context, "quota_bytes");
        uint64_t allowed = effective ? json_number(runtime, "effective_bytes") : json_number(context, "quota_bytes");

        if (!bytes && !times)
                return;
        (void) format_limits(limits, sizeof(limits), context);
        (void) format_duration(time, json_number(runtime, "charged_ns"));
        (void) format_duration(of, json_number(context, "quota_time_ns"));
        (void) format_duration(window, json_number(context, "reset_interval_ns"));
        print_labelled(screen, "quota", "%s%s%s%s%s%s%s used in this window of %s",
                       bytes ? format_size(used, json_number(runtime, "charged_bytes")) : "", bytes ? " of " : "",
                       bytes ? format_size(most, allowed) : "",
                       bytes && times ? ", " : "", times ? time : "", times ? " of " : "", times ? of : "", window);
        if (*limits && bytes && allowed != json_number(context, "quota_bytes"))
                print_labelled(screen, "", "(the limit is %s; goals and measured speed set the rest)", limits);
        if (exceeded > 0)
                print_labelled(screen, "", "something had to wait in %" PRIu64 " window%s", exceeded,
                               PLURAL(exceeded));
}

static char *format_value(char buf[static FORMAT_MAX], double value, const char *unit) {
        if (unit && streq(unit, "ns"))
                return format_duration(buf, (nsec_t) CLAMP(value, 0.0, 9e18));
        if (unit && streq(unit, "share"))
                return format_share(buf, value);
        if (unit && streq(unit, "bytes"))
                return format_size(buf, (uint64_t) CLAMP(value, 0.0, 9e18));
        (void) snprintf(buf, FORMAT_MAX, "%g", value);
        return buf;
}

static void print_goal(const Screen *screen, json_t *goal) {
        const char *metric = json_text(goal, "metric"), *unit = json_text(goal, "unit"),
                   *cgroup = json_text(goal, "cgroup");
        char current[FORMAT_MAX], target[FORMAT_MAX], score[64] = "", node[FORMAT_MAX] = "";
        double value = json_number_value(json_object_get(goal, "score"));

        if (is_there(goal, "node"))
                (void) snprintf(node, sizeof(node), " of node %" PRIu64, json_number(goal, "node"));
        if (is_there(goal, "score"))
                (void) snprintf(score, sizeof(score), ", score %.3g (%s)", value,
                                value > 1 ? "more than met" : value >= 1 ? "met" : "1 is met");
        print_labelled(screen, "goal", "%s%s%s%s: %s, target %s%s", metric ? metric : "?", node, cgroup ? " of " : "",
                       cgroup ? cgroup : "",
                       is_there(goal, "current")
                               ? format_value(current, json_number_value(json_object_get(goal, "current")), unit)
                               : "not known",
                       format_value(target, json_number_value(json_object_get(goal, "target")), unit), score);
}

static void print_goals(const Screen *screen, json_t *runtime) {
        json_t *goals = json_object_get(runtime, "goals"), *item;
        char share[FORMAT_MAX];
        size_t i;

        json_array_foreach(goals, i, item)
                print_goal(screen, item);
        if (json_array_size(goals) > 1 && is_there(runtime, "score"))
                print_labelled(screen, "", "the score that decides is %.3g",
                               json_number_value(json_object_get(runtime, "score")));
        if (is_there(runtime, "watermark"))
                print_labelled(screen, "watermark", "free memory %s, as last read",
                               format_share(share, json_number_value(json_object_get(runtime, "watermark"))));
}

static int by_bytes(const void *a, const void *b) {
        uint64_t x = json_number(*(json_t *const *) a, "bytes"), y = json_number(*(json_t *const *) b, "bytes");

        return x > y ? -1 : x < y;
}

/* What held bytes back, the most of it first. Allocated; NULL when out of memory. */
static json_t **sort_outcomes(json_t *runtime, size_t *ret_n) {
        json_t *array = json_object_get(runtime, "outcomes"), *item;
        json_t **sorted = calloc(json_array_size(array) + 1, sizeof(json_t *));
        size_t i;

        *ret_n = 0;
        if (!sorted)
                return NULL;
        json_array_foreach(array, i, item)
                if (json_number(item, "bytes") > 0)
                        sorted[(*ret_n)++] = item;
        qsort(sorted, *ret_n, sizeof(json_t *), by_bytes);
        return sorted;
}

static const char *words_of(json_t *outcome) {
        const char *name = json_text(outcome, "outcome");

        return outcome_words(name ? name : "?");
}

static void print_outcomes(const Screen *screen, json_t *runtime) {
        size_t n;
        _cleanup_free_ json_t **sorted = sort_outcomes(runtime, &n);

        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *words = display_name(words_of(sorted[i]), 50);
                char size[FORMAT_MAX];

                (void) fprintf(screen->out, "  %-14s%-9s %s\n", i == 0 ? "held back" : "",
                               format_size(size, json_number(sorted[i], "bytes")), words ? words : "?");
        }
}

static void print_errors(const Screen *screen, json_t *runtime) {
        const char *last = json_text(runtime, "last_error");
        json_t *array = json_object_get(runtime, "errors"), *item;
        const char *label = "errors";
        size_t i;

        json_array_foreach(array, i, item) {
                const char *error = json_text(item, "error"), *text = json_text(item, "text");

                if (json_number(item, "count") == 0)
                        continue;
                print_labelled(screen, label, "%" PRIu64 " x %s: %s", json_number(item, "count"), error ? error : "?",
                               text ? text : "?");
                label = "";
        }
        if (last)
                print_labelled(screen, "last error", "%s", last);
}

static void print_time(const Screen *screen, json_t *runtime) {
        uint64_t calls = json_number(runtime, "calls");
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

        if (calls == 0 && json_number(runtime, "time_ns") == 0)
                return;
        print_labelled(screen, "time spent", "%s in %" PRIu64 " system call%s, the longest batch %s",
                       format_duration(a, json_number(runtime, "time_ns")), calls, PLURAL(calls),
                       format_duration(b, json_number(runtime, "longest_batch_ns")));
        print_labelled(screen, "", "(%s of it CPU at most), the longest look-up before one %s",
                       format_duration(b, json_number(runtime, "longest_batch_cpu_ns")),
                       format_duration(c, json_number(runtime, "longest_lookup_ns")));
}

static int malformed(void) {
        return fail(CTL_REFUSED, "the daemon's reply is malformed: a scheme without name, context or runtime");
}

static bool is_scheme(json_t *scheme) {
        return json_text(scheme, "name") && json_is_object(json_object_get(scheme, "context")) &&
               json_is_object(json_object_get(scheme, "runtime"));
}

static int print_scheme(const Screen *screen, json_t *scheme) {
        json_t *context = json_object_get(scheme, "context"), *runtime = json_object_get(scheme, "runtime");
        uint64_t matched, passes;
        char size[FORMAT_MAX];

        if (!is_scheme(scheme))
                return malformed();
        matched = json_number(runtime, "matched_regions");
        passes = json_number(runtime, "passes");
        (void) fputc('\n', screen->out);
        print_title(screen, json_text(scheme, "name"), context, runtime);
        print_labelled(screen, "matches now", "%s in %" PRIu64 " region%s; %" PRIu64 " pass%s so far",
                       format_size(size, json_number(runtime, "matched_bytes")), matched, PLURAL(matched), passes,
                       passes == 1 ? "" : "es");
        print_done(screen, context, runtime);
        print_moves(screen, runtime);
        print_back(screen, runtime);
        print_quota(screen, context, runtime);
        print_goals(screen, runtime);
        print_outcomes(screen, runtime);
        print_errors(screen, runtime);
        print_time(screen, runtime);
        return 0;
}

int view_schemes(const Screen *screen, json_t *reply) {
        json_t *schemes = json_object_get(reply, "schemes"), *item;
        const char *monitor = json_text(reply, "monitor");
        _cleanup_free_ char *name = display_name(monitor ? monitor : "?", 64);
        size_t i;
        int r;

        if (json_array_size(schemes) == 0) {
                (void) fprintf(screen->out, "monitor %s: no schemes, it only watches\n", name ? name : "?");
                return 0;
        }
        (void) fprintf(screen->out, "monitor %s: %zu scheme%s\n", name ? name : "?", json_array_size(schemes),
                       PLURAL(json_array_size(schemes)));
        json_array_foreach(schemes, i, item) {
                r = print_scheme(screen, item);
                if (r != 0)
                        return r;
        }
        return 0;
}

int view_scheme_line(const Screen *screen, json_t *reply) {
        json_t *scheme = json_object_get(reply, "scheme"), *context = json_object_get(scheme, "context"),
               *runtime = json_object_get(scheme, "runtime");
        const char *monitor = json_text(reply, "monitor"), *action = json_text(context, "action"),
                   *state = json_text(runtime, "state"), *message = json_text(runtime, "message");
        char limits[2 * FORMAT_MAX + 8], window[FORMAT_MAX];
        _cleanup_free_ char *line = NULL;

        if (!is_scheme(scheme))
                return malformed();
        (void) format_limits(limits, sizeof(limits), context);
        if (asprintf(&line, "%s/%s: %s, %s%s%s%s%s%s%s%s%s", monitor ? monitor : "?", json_text(scheme, "name"),
                     action ? action : "?", state ? state : "?", is_true(context, "dry_run") ? ", dry run" : "",
                     *limits ? ", at most " : "", limits, *limits ? " per " : "",
                     *limits ? format_duration(window, json_number(context, "reset_interval_ns")) : "",
                     message ? " (" : "", message ? message : "", message ? ")" : "") < 0) {
                line = NULL;
                return -ENOMEM;
        }
        (void) fprintf(screen->out, "%s\n", text_sanitize(line));
        return 0;
}

static void write_brief(FILE *out, json_t *scheme) {
        json_t *context = json_object_get(scheme, "context"), *runtime = json_object_get(scheme, "runtime"), *item;
        const char *action = json_text(context, "action"), *message = json_text(runtime, "message");
        uint64_t back = json_number(runtime, "refaulted_bytes");
        char a[FORMAT_MAX], b[FORMAT_MAX];
        size_t n, i;
        _cleanup_free_ json_t **sorted = sort_outcomes(runtime, &n);

        (void) fprintf(out, "%s (%s): ", json_text(scheme, "name"), action ? action : "?");
        if (is_true(context, "dry_run"))
                (void) fprintf(out, "dry run, would have tried %s",
                               format_size(a, json_number(runtime, "would_bytes")));
        else if (action && streq(action, "stat"))
                (void) fprintf(out, "only counts; %s matched at the end",
                               format_size(a, json_number(runtime, "matched_bytes")));
        else
                (void) fprintf(out, "tried %s, applied %s", format_size(a, json_number(runtime, "tried_bytes")),
                               format_size(b, json_number(runtime, "applied_bytes")));
        if (back > 0)
                (void) fprintf(out, "; %s of it refaulted", format_size(a, back));
        for (i = 0; i < n; i++)
                (void) fprintf(out, "; %s %s (%s)", i == 0 ? "held back" : "and",
                               format_size(a, json_number(sorted[i], "bytes")), words_of(sorted[i]));
        json_array_foreach(json_object_get(runtime, "errors"), i, item)
                if (json_number(item, "count") > 0)
                        (void) fprintf(out, "; %" PRIu64 " x %s", json_number(item, "count"),
                                       json_text(item, "error") ? json_text(item, "error") : "?");
        if (message)
                (void) fprintf(out, "; %s", message);
}

static int print_brief(const Screen *screen, json_t *scheme) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -ENOMEM;
        write_brief(out, scheme);
        if (fclose(out) == EOF)
                return -ENOMEM;
        (void) fputs("  ", screen->out);
        print_wrapped(screen, text, 4);
        return 0;
}

int view_schemes_brief(const Screen *screen, json_t *schemes) {
        json_t *item;
        size_t i;

        (void) fputs("what the schemes did (tried: handed to the kernel, applied: what the kernel did)\n",
                     screen->out);
        json_array_foreach(schemes, i, item) {
                int r = is_scheme(item) ? print_brief(screen, item) : malformed();

                if (r != 0)
                        return r;
        }
        return 0;
}
