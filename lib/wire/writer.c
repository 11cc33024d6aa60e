/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing replies piece by piece. */
#include "wire/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"

static void writer_fail(Writer *writer, int result) {
        if (writer->result == 0)
                writer->result = result;
}

static void writer_raw(Writer *writer, const char *text, size_t size) {
        int r;

        if (!writer->output || writer->result != 0)
                return;

        r = frame_output_append(writer->output, text, size);
        if (r == 0 && writer->output->size - writer->mark > writer->max)
                r = FRAME_E_TOO_BIG;
        if (r != 0)
                writer_fail(writer, r);
}

static void writer_text(Writer *writer, const char *text) {
        writer_raw(writer, text, strlen(text));
}

static void writer_key(Writer *writer, const char *key) {
        if (writer->comma)
                writer_raw(writer, ",", 1);
        writer->comma = true;

        if (key) {
                writer_raw(writer, "\"", 1);
                writer_text(writer, key);
                writer_raw(writer, "\":", 2);
        }
}

static void writer_open(Writer *writer, const char *key, char opening, char closing) {
        writer_key(writer, key);
        writer_raw(writer, &opening, 1);
        writer->comma = false;

        assert(writer->depth < ELEMENTSOF(writer->closing));
        writer->closing[writer->depth++] = closing;
}

void writer_begin(Writer *writer, FrameOutput *output, size_t max) {
        *writer = (Writer) {
                .output = output,
                .mark = output ? output->size : 0,
                .max = max,
        };
        writer_open(writer, NULL, '{', '}');
        writer_open_object(writer, "parameters");
}

void writer_open_object(Writer *writer, const char *key) {
        writer_open(writer, key, '{', '}');
}

void writer_open_array(Writer *writer, const char *key) {
        writer_open(writer, key, '[', ']');
}

void writer_close(Writer *writer) {
        assert(writer->depth > 0);

        writer->depth--;
        writer_raw(writer, &writer->closing[writer->depth], 1);
        writer->comma = true;
}

void writer_int(Writer *writer, const char *key, int64_t value) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%" PRIi64, value);

        writer_key(writer, key);
        writer_raw(writer, text, (size_t) n);
}

void writer_value(Writer *writer, const char *key, json_t *value) {
        int r;

        writer_key(writer, key);
        if (!value)
                writer_fail(writer, -ENOMEM);

        if (writer->output && writer->result == 0) {
                r = varlink_dump(writer->output, value);
                if (r == 0 && writer->output->size - writer->mark > writer->max)
                        r = FRAME_E_TOO_BIG;
                if (r != 0)
                        writer_fail(writer, r);
        }

        json_decref(value);
}

void writer_abort(Writer *writer) {
        if (writer->output)
                frame_output_truncate(writer->output, writer->mark);
        writer->output = NULL;
}

#define CONTINUES ",\"continues\":true"

int writer_end_shared(Writer *writer, FrameShared **ret) {
        FrameOutput *output = writer->output;
        FrameShared *shared = NULL;

        assert(writer->depth == 2 && writer->mark == 0);

        writer_close(writer);
        if (writer->result == 0) {
                shared = frame_shared_new(output->size);
                writer->result = shared ? 0 : -ENOMEM;
        }
        if (shared)
                frame_output_copy(output, shared->data);
        writer_abort(writer);
        if (writer->result == 0)
                *ret = shared;
        return writer->result;
}

int writer_share(FrameOutput *output, FrameShared *reply, bool continues) {
        static const char plain[] = "}", more[] = CONTINUES "}";
        size_t mark = output->size;
        int r;

        r = frame_output_append_shared(output, reply);
        if (r == 0)
                r = continues ? frame_output_append(output, more, sizeof(more))
                              : frame_output_append(output, plain, sizeof(plain));
        if (r != 0)
                frame_output_truncate(output, mark);
        return r;
}

int writer_end(Writer *writer, bool continues) {
        /* Only the parameters and the message itself may still be open. */
        assert(writer->depth == 2);

        writer_close(writer);
        if (continues)
                writer_text(writer, CONTINUES);
        writer_close(writer);
        writer_raw(writer, "", 1);

        if (writer->result != 0)
                writer_abort(writer);
        writer->output = NULL;
        return writer->result;
}
