/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved state as text. */
#include "state-text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/macro.h"
#include "config/config.h"

#define MAGIC "udamon-state "

static const struct {
        const char *name;
        size_t offset; /* of an uint64_t */
} stats_fields[] = {
#define FIELD(f) { #f, offsetof(SchemeStats, f) }
        FIELD(passes),  FIELD(matched_regions), FIELD(matched),       FIELD(tried_regions), FIELD(tried),
        FIELD(applied_regions), FIELD(applied), FIELD(would_regions), FIELD(would),         FIELD(refaulted),
        FIELD(returned), FIELD(time),           FIELD(longest),       FIELD(calls),
        FIELD(ping_pong), FIELD(longest_cpu),   FIELD(longest_lookup),
#undef FIELD
};

static uint64_t checksum(const char *text, size_t size) {
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (unsigned char) text[i]) * UINT64_C(1099511628211);
        return hash;
}

/* ---- The whole ---- */

char *state_text_format(const json_t *state) {
        _cleanup_free_ char *body = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
        char *text;

        if (!body || asprintf(&text, MAGIC "%d %016" PRIx64 "\n%s\n", STATE_VERSION, checksum(body, strlen(body)),
                              body) < 0)
                return NULL;
        return text;
}

/* Moves on to the body. 0 or STATE_E_REFUSED. */
static int check_header(const char **text, size_t *size, char **ret_error) {
        const char *body = memchr(*text, '\n', MIN(*size, (size_t) 64));
        char header[64];
        unsigned version;
        uint64_t sum;

        if (!body || *size < strlen(MAGIC) || memcmp(*text, MAGIC, strlen(MAGIC)) != 0)
                return error_setf(ret_error, STATE_E_REFUSED, "it is no state of udamond");
        memcpy(header, *text, (size_t) (body - *text));
        header[body - *text] = '\0';
        if (sscanf(header, MAGIC "%5u", &version) == 1 && version > STATE_VERSION)
                return error_setf(ret_error, STATE_E_REFUSED, "it was written by a newer version (%u)", version);
        if (sscanf(header, MAGIC "%5u %16" SCNx64, &version, &sum) != 2 || version != STATE_VERSION)
                return error_setf(ret_error, STATE_E_REFUSED, "its first line is damaged");

        *size -= (size_t) (body + 1 - *text);
        *text = body + 1;
        if (*size > 0 && (*text)[*size - 1] == '\n')
                (*size)--;
        if (checksum(*text, *size) != sum)
                return error_setf(ret_error, STATE_E_REFUSED, "it is damaged: the checksum is wrong");
        return 0;
}

static bool is_sound(const json_t *state) {
        const json_t *monitors = json_object_get(state, "monitors"), *monitor;
        size_t i;

        if (!json_is_array(monitors))
                return false;
        json_array_foreach(monitors, i, monitor)
                if (!json_is_string(json_object_get(monitor, "name")) ||
                    !json_is_array(json_object_get(monitor, "schemes")))
                        return false;
        return true;
}

int state_text_parse(const char *text, size_t size, json_t **ret, char **ret_error) {
        json_error_t error;
        json_t *state;
        int r;

        r = check_header(&text, &size, ret_error);
        if (r != 0)
                return r;
        state = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!state)
                return error_setf(ret_error, STATE_E_REFUSED, "line %d: %s", error.line + 1, error.text);
        if (!is_sound(state)) {
                json_decref(state);
                return error_setf(ret_error, STATE_E_REFUSED, "it lacks the monitors");
        }
        *ret = state;
        return 0;
}

/* ---- One scheme ---- */

static json_t *integer(uint64_t value) {
        return json_integer((json_int_t) MIN(value, (uint64_t) INT64_MAX));
}

static uint64_t get_integer(const json_t *object, const char *name) {
        json_int_t value = json_integer_value(json_object_get(object, name));

        return value > 0 ? (uint64_t) value : 0;
}

static double get_number(const json_t *object, const char *name) {
        return json_number_value(json_object_get(object, name));
}

static json_t *format_stats(const SchemeStats *stats) {
        json_t *object = json_object(), *others = json_object(), *errors = json_array();

        for (size_t i = 0; i < ELEMENTSOF(stats_fields); i++)
                json_object_set_new(object, stats_fields[i].name,
                                    integer(*(const uint64_t *) ((const char *) stats + stats_fields[i].offset)));
        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                if (stats->others[i] > 0)
                        json_object_set_new(others, outcome_name(i), integer(stats->others[i]));
        for (size_t i = 0; i < PLAN_ERRORS_MAX && stats->errors[i].error != 0; i++)
                json_array_append_new(errors, json_pack("[i,o]", stats->errors[i].error,
                                                        integer(stats->errors[i].count)));
        json_object_set_new(object, "others", others);
        json_object_set_new(object, "errors", errors);
        json_object_set_new(object, "last_error", json_integer(stats->last_error));
        return object;
}

static void read_stats(const json_t *object, SchemeStats *ret) {
        const json_t *others = json_object_get(object, "others"), *errors = json_object_get(object, "errors"), *pair;
        size_t k;

        for (size_t i = 0; i < ELEMENTSOF(stats_fields); i++)
                *(uint64_t *) ((char *) ret + stats_fields[i].offset) = get_integer(object, stats_fields[i].name);
        for (Outcome i = 0; i < _OUTCOME_MAX; i++)
                ret->others[i] = get_integer(others, outcome_name(i));
        json_array_foreach(errors, k, pair) {
                json_int_t number = json_integer_value(json_array_get(pair, 0));
                json_int_t count = json_integer_value(json_array_get(pair, 1));

                if (number > 0 && number < 4096 && count > 0)
                        error_counts_add(ret->errors, (int) number, (uint64_t) count);
        }
        ret->last_error = (int) MIN(get_integer(object, "last_error"), UINT64_C(4095));
}

static json_t *format_quota(const QuotaMemory *quota) {
        json_t *object = json_pack("{s:o}", "exceeds", integer(quota->exceeds));

        if (quota->has_window)
                json_object_set_new(object, "window",
                                    json_pack("{s:o,s:o,s:o}", "start", integer(quota->window_start), "charged",
                                              integer(quota->charged), "time", integer(quota->charged_time)));
        if (quota->has_tuned)
                json_object_set_new(object, "tuned",
                                    json_pack("{s:f,s:f,s:f,s:i,s:f,s:f}", "bytes", quota->tuned, "throughput",
                                              quota->throughput, "gain", quota->feedback.gain, "side",
                                              quota->feedback.side, "judged_bytes", quota->feedback.judged_tuned,
                                              "judged_score", quota->feedback.judged_score));
        return object;
}

static QuotaMemory read_quota(const json_t *object) {
        const json_t *window = json_object_get(object, "window"), *tuned = json_object_get(object, "tuned");
        json_int_t side = json_integer_value(json_object_get(tuned, "side"));

        return (QuotaMemory) {
                .exceeds = get_integer(object, "exceeds"),
                .has_window = json_is_object(window),
                .window_start = get_integer(window, "start"),
                .charged = get_integer(window, "charged"),
                .charged_time = get_integer(window, "time"),
                .has_tuned = json_is_object(tuned),
                .tuned = get_number(tuned, "bytes"),
                .throughput = get_number(tuned, "throughput"),
                .feedback = {
                        .gain = get_number(tuned, "gain"),
                        .side = (int) CLAMP(side, (json_int_t) -1, (json_int_t) 1),
                        .judged_tuned = get_number(tuned, "judged_bytes"),
                        .judged_score = get_number(tuned, "judged_score"),
                },
        };
}

json_t *state_text_scheme(const SchemeView *view) {
        _cleanup_free_ char *yaml = NULL;
        SchemeMemory memory;

        scheme_memory_take(view, &memory);
        if (config_format_scheme(view->config, &yaml) < 0)
                return NULL;
        return json_pack("{s:s,s:s,s:s,s:o,s:o}", "name", view->config->name, "action",
                         action_name(view->config->action), "yaml", yaml, "stats", format_stats(&memory.stats), "quota",
                         format_quota(&memory.quota));
}

void state_text_read_scheme(const json_t *scheme, SchemeMemory *ret) {
        *ret = (SchemeMemory) { .quota = read_quota(json_object_get(scheme, "quota")) };
        read_stats(json_object_get(scheme, "stats"), &ret->stats);
}
