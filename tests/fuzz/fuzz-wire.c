/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as messages, as a client's and as a server's, and as interface text. */
#include "base/macro.h"
#include "wire/field.h"
#include "wire/frame.h"
#include "wire/idl.h"
#include "wire/varlink.h"
#include "wire/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const Field inner[] = { { "pid", FIELD_INT, FIELD_NULLABLE }, FIELD_END };
static const Field fields[] = {
        { "name", FIELD_STRING, FIELD_NULLABLE },
        { "list", FIELD_STRUCT, FIELD_ARRAY | FIELD_NULLABLE, inner },
        { "map", FIELD_FLOAT, FIELD_MAP | FIELD_NULLABLE },
        FIELD_END,
};

/* What was understood can be said again, and is then understood as the same. */
static void check_call(const char *text, size_t size) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(1 << 20);
        _cleanup_(varlink_call_deinit) VarlinkCall call = {}, again = {};
        _cleanup_free_ char *path = NULL;
        const char *copy;
        size_t copied;
        int r;

        r = varlink_call_parse(text, size, &call, NULL);
        assert(r == 0 || r == VARLINK_E_MALFORMED);
        if (r != 0)
                return;

        assert(varlink_interface_length(call.method) < size);
        r = fields_check(fields, call.parameters, &path);
        assert((r == FIELD_E_INVALID) == (path != NULL));

        assert(varlink_call_write(&output, call.method, call.parameters,
                                  call.more ? VARLINK_MORE : VARLINK_ONE) == 0);
        copy = frame_output_peek(&output, &copied);
        /* A long one lies in several pieces. */
        if (copied < output.size)
                return;
        assert(copy[copied - 1] == '\0');
        r = varlink_call_parse(copy, copied - 1, &again, NULL);
        assert(r == 0);
        assert(streq(call.method, again.method) && call.more == again.more);
}

static void check_reply(const char *text, size_t size) {
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = {};

        if (varlink_reply_parse(text, size, &reply, NULL) == 0)
                assert(json_is_object(reply.parameters) && !(reply.error && reply.continues));
}

static void check_text(const char *text) {
        _cleanup_(idl_freep) Idl *idl = NULL;
        _cleanup_free_ char *error = NULL;
        json_auto_t *string = varlink_string(text);
        int r;

        assert(json_is_string(string));
        r = idl_parse(text, &idl, &error);
        assert((r == 0) == (idl != NULL) && (r == IDL_E_INVALID) == (error != NULL));
        for (size_t i = 0; idl && i < idl_n_members(idl); i++)
                assert(fields_equal(idl_member(idl, i)->fields, idl_member(idl, i)->fields));
}

/* The first byte says in how large pieces the rest arrives. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(VARLINK_CALL_MAX);
        size_t step, messages = 0, nuls = 0, length;
        const char *text;
        int r = FRAME_E_NONE;

        if (size == 0)
                return 0;
        step = (size_t) data[0] + 1;

        for (size_t at = 1; at < size && r != FRAME_E_TOO_BIG; at += step) {
                assert(frame_input_append(&input, data + at, MIN(step, size - at)) == 0);
                while ((r = frame_input_next(&input, &text, &length)) == 0) {
                        assert(strlen(text) == length);
                        check_call(text, length);
                        check_reply(text, length);
                        check_text(text);
                        messages++;
                }
        }

        for (size_t at = 1; at < size; at++)
                nuls += data[at] == 0;
        assert(r == FRAME_E_TOO_BIG || messages == nuls);
        return 0;
}
