/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink messages: parsing and writing. */
#include "wire/varlink.h"

#include "base/error.h"
#include "base/macro.h"

/* Looks at nesting and number of values before the parser builds anything: 64 KiB of "[],[],…"
 * would become megabytes of tree. What is no JSON at all passes here and fails in the parser. */
static const char *text_too_rich(const char *text, size_t size, size_t values_max) {
        size_t values = 0;
        unsigned depth = 0;
        bool string = false;

        for (size_t i = 0; i < size; i++) {
                char c = text[i];

                if (string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                string = false;
                        continue;
                }

                if (c == '"')
                        string = true;
                else if (c == '{' || c == '[')
                        depth++;
                else if ((c == '}' || c == ']') && depth > 0)
                        depth--;
                if (c == '{' || c == '[' || c == ',')
                        values++;

                if (depth > VARLINK_DEPTH_MAX)
                        return "nested too deeply";
                if (values > values_max)
                        return "too many values";
        }

        return NULL;
}

/* The parser quotes the text it could not read; what reaches a log must not control a terminal. */
static int malformed_json(const json_error_t *error, char **ret_error) {
        int r;

        if (json_error_code(error) == json_error_out_of_memory)
                return -ENOMEM;

        r = error_setf(ret_error, VARLINK_E_MALFORMED, "byte %d: %s", error->position, error->text);
        if (ret_error && *ret_error)
                for (char *p = *ret_error; *p; p++)
                        if (*p < ' ' || *p > '~')
                                *p = '?';
        return r;
}

static int object_parse(const char *text, size_t size, size_t values_max, json_t **ret,
                        char **ret_error) {
        const char *problem;
        json_error_t error;
        json_t *object;

        problem = text_too_rich(text, size, values_max);
        if (problem)
                return error_setf(ret_error, VARLINK_E_MALFORMED, "%s", problem);

        object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                return malformed_json(&error, ret_error);
        if (!json_is_object(object)) {
                json_decref(object);
                return error_setf(ret_error, VARLINK_E_MALFORMED, "not an object");
        }

        *ret = object;
        return 0;
}

/* A string member, copied. NULL when it is absent (or null). */
static int get_string(const json_t *object, const char *key, char **ret, char **ret_error) {
        const json_t *value = json_object_get(object, key);
        char *copy;

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return error_setf(ret_error, VARLINK_E_MALFORMED, "%s is not a string", key);

        copy = strdup(json_string_value(value));
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int get_bool(const json_t *object, const char *key, bool *ret, char **ret_error) {
        const json_t *value = json_object_get(object, key);

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_boolean(value))
                return error_setf(ret_error, VARLINK_E_MALFORMED, "%s is not a boolean", key);

        *ret = json_is_true(value);
        return 0;
}

static int get_parameters(const json_t *object, json_t **ret, char **ret_error) {
        json_t *value = json_object_get(object, "parameters");

        if (!value || json_is_null(value))
                value = json_object();
        else if (json_is_object(value))
                json_incref(value);
        else
                return error_setf(ret_error, VARLINK_E_MALFORMED, "parameters is not an object");

        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}

void varlink_call_deinit(VarlinkCall *call) {
        free(call->method);
        json_decref(call->parameters);
        *call = (VarlinkCall) {};
}

int varlink_call_parse(const char *text, size_t size, VarlinkCall *ret, char **ret_error) {
        _cleanup_(varlink_call_deinit) VarlinkCall call = {};
        _cleanup_(json_decrefp) json_t *object = NULL;
        int r;

        r = object_parse(text, size, VARLINK_VALUES_MAX, &object, ret_error);
        if (r == 0)
                r = get_string(object, "method", &call.method, ret_error);
        if (r == 0)
                r = get_bool(object, "more", &call.more, ret_error);
        if (r == 0)
                r = get_bool(object, "oneway", &call.oneway, ret_error);
        if (r == 0)
                r = get_bool(object, "upgrade", &call.upgrade, ret_error);
        if (r == 0)
                r = get_parameters(object, &call.parameters, ret_error);
        if (r != 0)
                return r;
        if (!call.method)
                return error_setf(ret_error, VARLINK_E_MALFORMED, "no method");

        *ret = call;
        call = (VarlinkCall) {};
        return 0;
}

void varlink_reply_deinit(VarlinkReply *reply) {
        free(reply->error);
        json_decref(reply->parameters);
        *reply = (VarlinkReply) {};
}

int varlink_reply_parse(const char *text, size_t size, VarlinkReply *ret, char **ret_error) {
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = {};
        _cleanup_(json_decrefp) json_t *object = NULL;
        int r;

        r = object_parse(text, size, SIZE_MAX, &object, ret_error);
        if (r == 0)
                r = get_string(object, "error", &reply.error, ret_error);
        if (r == 0)
                r = get_bool(object, "continues", &reply.continues, ret_error);
        if (r == 0)
                r = get_parameters(object, &reply.parameters, ret_error);
        if (r != 0)
                return r;
        if (reply.error && reply.continues)
                return error_setf(ret_error, VARLINK_E_MALFORMED, "an error that continues");

        *ret = reply;
        reply = (VarlinkReply) {};
        return 0;
}

typedef struct Dump {
        FrameOutput *output;
        int result;
} Dump;

static int dump_piece(const char *data, size_t size, void *userdata) {
        Dump *dump = userdata;

        dump->result = frame_output_append(dump->output, data, size);
        return dump->result == 0 ? 0 : -1;
}

static int dump_value(FrameOutput *output, const json_t *value, size_t flags) {
        Dump dump = { .output = output };
        size_t mark = output->size;

        if (json_dump_callback(value, dump_piece, &dump, flags | JSON_ENCODE_ANY) == 0)
                return 0;

        frame_output_truncate(output, mark);
        return dump.result ?: -ENOMEM;
}

int varlink_dump(FrameOutput *output, const json_t *value) {
        return dump_value(output, value, VARLINK_DUMP_FLAGS);
}

static int append_text(FrameOutput *output, const char *text) {
        return frame_output_append(output, text, strlen(text));
}

static int append_string(FrameOutput *output, const char *text) {
        _cleanup_(json_decrefp) json_t *string = varlink_string(text);

        return string ? varlink_dump(output, string) : -ENOMEM;
}

/* {"KEY":"VALUE","parameters":{…}TAIL and the NUL; all or nothing. */
static int message_write(FrameOutput *output, const char *key, const char *value,
                         const json_t *parameters, size_t flags, const char *tail) {
        size_t mark = output->size;
        int r;

        r = append_text(output, "{");
        if (r == 0 && key)
                r = append_text(output, key);
        if (r == 0 && key)
                r = append_string(output, value);
        if (r == 0)
                r = append_text(output, key ? ",\"parameters\":" : "\"parameters\":");
        if (r == 0)
                r = parameters ? dump_value(output, parameters, flags)
                               : append_text(output, "{}");
        if (r == 0)
                r = frame_output_append(output, tail, strlen(tail) + 1);
        if (r != 0)
                frame_output_truncate(output, mark);
        return r;
}

int varlink_call_write(FrameOutput *output, const char *method, json_t *parameters,
                       VarlinkMode mode) {
        static const char *const tails[] = {
                [VARLINK_ONE] = "}",
                [VARLINK_MORE] = ",\"more\":true}",
                [VARLINK_ONEWAY] = ",\"oneway\":true}",
        };

        /* What a call carries may come from a reply, and must go back as it was. */
        return message_write(output, "\"method\":", method, parameters, JSON_COMPACT, tails[mode]);
}

int varlink_reply_write(FrameOutput *output, json_t *parameters, bool continues) {
        return message_write(output, NULL, NULL, parameters, VARLINK_DUMP_FLAGS,
                             continues ? ",\"continues\":true}" : "}");
}

int varlink_error_write(FrameOutput *output, const char *error, json_t *parameters) {
        return message_write(output, "\"error\":", error, parameters, VARLINK_DUMP_FLAGS, "}");
}

size_t varlink_interface_length(const char *method) {
        const char *dot = strrchr(method, '.');

        return dot && dot[1] != '\0' ? (size_t) (dot - method) : 0;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629, table 3-7 of the Unicode standard); 0
 * when there is none. Ends at a NUL by itself, which is no continuation byte. */
static size_t utf8_length(const unsigned char *s) {
        unsigned char low = 0x80, high = 0xbf;
        size_t n;

        if (s[0] < 0x80)
                return 1;
        if (s[0] < 0xc2 || s[0] > 0xf4)
                return 0;

        n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        if (s[0] == 0xe0)
                low = 0xa0;
        else if (s[0] == 0xed)
                high = 0x9f;
        else if (s[0] == 0xf0)
                low = 0x90;
        else if (s[0] == 0xf4)
                high = 0x8f;

        for (size_t i = 1; i < n; i++) {
                if (s[i] < low || s[i] > high)
                        return 0;
                low = 0x80;
                high = 0xbf;
        }
        return n;
}

json_t *varlink_string(const char *text) {
        static const char replacement[] = "\xef\xbf\xbd";
        _cleanup_free_ char *clean = NULL;
        size_t length = 0, n;
        json_t *string;

        string = json_string(text);
        if (string)
                return string;

        clean = malloc(3 * strlen(text) + 1);
        if (!clean)
                return NULL;

        for (const char *p = text; *p; p += MAX(n, (size_t) 1)) {
                n = utf8_length((const unsigned char *) p);
                memcpy(clean + length, n > 0 ? p : replacement, n > 0 ? n : 3);
                length += n > 0 ? n : 3;
        }

        return json_stringn(clean, length);
}
