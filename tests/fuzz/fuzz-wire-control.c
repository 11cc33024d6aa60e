/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a peer sends to the server, in pieces, with turns of the event loop between. */
#include <sys/socket.h>

#include "control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ControlStream *stream;

static void on_closed(void *userdata) {
        stream = NULL;
}

static int handle_echo(ControlCall *call, json_t *parameters, void *userdata) {
        return control_reply(call, json_incref(parameters));
}

static int handle_watch(ControlCall *call, json_t *parameters, void *userdata) {
        if (!control_call_wants_more(call))
                return control_error_expected_more(call);
        return control_stream_open(call, on_closed, NULL, &stream);
}

static int handle_big(ControlCall *call, json_t *parameters, void *userdata) {
        Writer *w = control_reply_begin(call);

        writer_open_array(w, "list");
        for (unsigned i = 0; i < 2000; i++)
                writer_int(w, NULL, i);
        writer_close(w);
        return control_reply_end(call);
}

static const Field echo_fields[] = { { "text", FIELD_STRING, FIELD_NULLABLE }, FIELD_END };
static const ControlMethod methods[] = {
        { "a.b.Echo", echo_fields, handle_echo },
        { "a.b.Watch", NULL, handle_watch },
        { "a.b.Big", NULL, handle_big },
};
static const ServiceInterface interfaces[] = { { "a.b", "interface a.b\n" } };
static const ServiceInfo info = {
        .vendor = "", .product = "", .version = "", .url = "",
        .interfaces = interfaces, .n_interfaces = 1,
};

static void on_end(void *userdata) {
        *(bool *) userdata = true;
}

/* What a client must be able to read: nothing but whole replies. */
static void check_replies(FrameInput *input, int fd, sd_event *event, const bool *end) {
        const char *text;
        size_t size;

        do {
                (void) sd_event_run(event, 0);
                while (frame_input_read(input, fd, 4096) == 0)
                        while (frame_input_next(input, &text, &size) == 0) {
                                VarlinkReply reply = {};
                                int r = varlink_reply_parse(text, size, &reply, NULL);

                                assert(r == 0);
                                varlink_reply_deinit(&reply);
                        }
                if (stream)
                        (void) control_stream_reply(stream, NULL, false);
                stream = NULL;
        } while (!*end);
        assert(frame_input_unfinished(input) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const ControlConfig config = {
                .info = &info, .methods = methods, .n_methods = ELEMENTSOF(methods),
                .limits = CONTROL_LIMITS_DEFAULT,
        };
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(VARLINK_REPLY_MAX);
        Control *control = NULL;
        sd_event *event = NULL;
        bool end = false;
        int pair[2], r;

        if (size == 0)
                return 0;
        r = sd_event_new(&event);
        assert(r >= 0);
        r = control_new(event, &config, &control);
        assert(r == 0);
        r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
        assert(r == 0);
        r = control_add_connection(control, pair[0], on_end, &end);
        assert(r == 0);

        for (size_t at = 1, step = (size_t) data[0] * 8 + 1; at < size && !end; at += step) {
                if (send(pair[1], data + at, MIN(step, size - at), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                        break;
                (void) sd_event_run(event, 0);
        }
        (void) shutdown(pair[1], SHUT_WR);
        check_replies(&input, pair[1], event, &end);

        close(pair[1]);
        control_free(control);
        sd_event_unref(event);
        stream = NULL;
        return 0;
}
