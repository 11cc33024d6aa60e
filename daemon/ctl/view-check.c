/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel and these privileges allow, and what each missing thing costs. */
#include <string.h>

#include "message.h"
#include "view.h"

static const char *text(json_t *object, const char *key) {
        const char *value = json_string_value(json_object_get(object, key));

        return value ? value : "";
}

static const char *state_color(const Screen *screen, const char *state) {
        if (!screen->color)
                return "";
        return streq(state, "ok") || streq(state, "usable") ? "\033[32m"
               : streq(state, "limited")                    ? "\033[33m"
                                                            : "\033[31m";
}

static void print_finding(const Screen *screen, const char *state, const char *name,
                          const char *detail) {
        (void) fprintf(screen->out, "  %s%-8s%s %-16s ", state_color(screen, state), state,
                       screen->color ? "\033[0m" : "", name);
        print_wrapped(screen, detail, 28);
}

static void print_reports(const Screen *screen, const char *title, json_t *reports) {
        json_t *item;
        size_t i;

        (void) fprintf(screen->out, "\n%s\n", title);
        json_array_foreach(reports, i, item) print_finding(
                screen, json_is_true(json_object_get(item, "usable")) ? "usable" : "missing",
                text(item, "name"), text(item, "reason"));
}

int view_check(const Screen *screen, json_t *capabilities, bool private) {
        json_t *sources = json_object_get(capabilities, "sources"), *item;
        json_t *findings = json_object_get(capabilities, "capabilities");
        size_t i;

        if (!json_is_array(sources) || !json_is_array(findings))
                return fail(CTL_REFUSED,
                            "the daemon's reply is malformed: no sources or capabilities");

        (void) fprintf(screen->out, "kernel %s, asked %s\n", text(capabilities, "kernel"),
                       private ? "a private udamond, with your privileges" : "the running udamond");
        (void) fprintf(screen->out, "'auto' takes the source %s:\n    ",
                       text(capabilities, "source"));
        print_wrapped(screen, text(capabilities, "source_reason"), 4);
        print_reports(screen, "sources", sources);
        if (json_is_array(json_object_get(capabilities, "actions")))
                print_reports(screen, "actions of schemes", json_object_get(capabilities, "actions"));
        (void) fputs("\ncapabilities\n", screen->out);
        json_array_foreach(findings, i, item) {
                print_finding(screen, text(item, "state"), text(item, "name"),
                              text(item, "detail"));
                if (*text(item, "cost")) {
                        (void) fprintf(screen->out, "%28scost: ", "");
                        print_wrapped(screen, text(item, "cost"), 34);
                }
        }
        return 0;
}
