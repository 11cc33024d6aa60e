/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The varlink server: dispatch, replies, streams. */
#include "control.h"

#include <stdarg.h>

#include "base/error.h"
#include "control-internal.h"

void control_log(const Control *control, ControlFact fact, const ControlPeer *peer, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        if (!control->config.log)
                return;

        va_start(ap, format);
        text = text_vformat(format, ap);
        va_end(ap);
        if (text)
                control->config.log(control->config.userdata, fact, peer, text);
}

nsec_t control_now(const Control *control) {
        uint64_t usec = 0;

        (void) sd_event_now(control->event, CLOCK_MONOTONIC, &usec);
        return usec * NSEC_PER_USEC;
}

int control_new(sd_event *event, const ControlConfig *config, Control **ret) {
        Control *control;
        int r;

        control = malloc(sizeof(*control));
        if (!control)
                return -ENOMEM;

        *control = (Control) {
                .event = sd_event_ref(event),
                .config = *config,
        };
        r = turn_init(control);
        if (r < 0) {
                control_free(control);
                return r;
        }
        *ret = control;
        return 0;
}

void control_set_limits(Control *control, const ControlLimits *limits) {
        control->config.limits = *limits;
}

const ControlLimits *control_limits(const Control *control) {
        return &control->config.limits;
}

Control *control_free(Control *control) {
        if (!control)
                return NULL;

        while (control->listeners)
                control->listeners = listener_free(control->listeners);
        while (control->connections) {
                /* last replies: what of them is taken without waiting */
                (void) frame_output_write(&control->connections->output, control->connections->fd);
                connection_free(control->connections);
        }

        sd_event_source_disable_unref(control->turn);
        sd_event_unref(control->event);
        free(control);
        return NULL;
}

unsigned control_n_connections(const Control *control) {
        return control->n_connections;
}

ControlCounters control_counters(const Control *control) {
        return control->counters;
}

bool control_peer_in_group(const ControlPeer *peer, gid_t group) {
        if (peer->gid == group)
                return true;

        for (size_t i = 0; i < peer->n_groups; i++)
                if (peer->groups[i] == group)
                        return true;
        return false;
}

/* Replies. */

/* FRAME_E_TOO_BIG has one meaning here, and a name of its own. */
static int queued(Connection *c, int r) {
        if (r == FRAME_E_TOO_BIG)
                return CONTROL_E_FULL;
        if (r == 0)
                connection_update(c);
        return r;
}

/* A whole message, `error` NULL for a plain reply. */
static int queue_message(Connection *c, const char *error, json_t *parameters, bool continues) {
        json_auto_t *stolen = parameters;
        size_t mark = c->output.size;
        int r;

        if (error)
                r = varlink_error_write(&c->output, error, stolen);
        else
                r = varlink_reply_write(&c->output, stolen, continues);

        if (r == 0 && c->output.size - mark > c->control->config.limits.reply_bytes) {
                frame_output_truncate(&c->output, mark);
                r = FRAME_E_TOO_BIG;
        }
        return queued(c, r);
}

static int answer(ControlCall *call, const char *error, json_t *parameters) {
        int r;

        assert(!call->answered);

        if (call->message.oneway) {
                json_decref(parameters);
                r = 0;
        } else
                r = queue_message(call->connection, error, parameters, false);

        call->answered = r == 0;
        if (r == 0)
                call->error = error;
        return r;
}

int control_reply(ControlCall *call, json_t *parameters) {
        return answer(call, NULL, parameters);
}

int control_error(ControlCall *call, const char *name, json_t *parameters) {
        return answer(call, name, parameters);
}

static int answer_text(ControlCall *call, const char *error, const char *key, json_t *value) {
        json_t *parameters = json_pack("{s:o}", key, value);

        return parameters ? answer(call, error, parameters) : -ENOMEM;
}

int control_error_invalid(ControlCall *call, const char *field) {
        return answer_text(call, VARLINK_INVALID_PARAMETER, "parameter", varlink_string(field));
}

int control_error_denied(ControlCall *call) {
        return answer(call, VARLINK_PERMISSION_DENIED, NULL);
}

int control_error_expected_more(ControlCall *call) {
        return answer(call, VARLINK_EXPECTED_MORE, NULL);
}

static Writer *begin(Connection *c, bool oneway) {
        writer_begin(&c->writer, oneway ? NULL : &c->output,
                     c->control->config.limits.reply_bytes);
        return &c->writer;
}

Writer *control_reply_begin(ControlCall *call) {
        assert(!call->answered);

        return begin(call->connection, call->message.oneway);
}

int control_reply_end(ControlCall *call) {
        int r;

        r = queued(call->connection, writer_end(&call->connection->writer, false));
        call->answered = r == 0;
        return r;
}

static int queue_shared(Connection *c, FrameShared *reply, bool continues) {
        bool fits = reply->size <= c->control->config.limits.reply_bytes;

        return queued(c, fits ? writer_share(&c->output, reply, continues) : FRAME_E_TOO_BIG);
}

int control_reply_shared(ControlCall *call, FrameShared *reply) {
        int r;

        assert(!call->answered);

        r = call->message.oneway ? 0 : queue_shared(call->connection, reply, false);
        call->answered = r == 0;
        return r;
}

const ControlPeer *control_call_peer(const ControlCall *call) {
        return &call->connection->peer;
}

bool control_call_wants_more(const ControlCall *call) {
        return call->message.more && !call->message.oneway;
}

/* Streams. */

static unsigned count_streams(const Control *control, uid_t uid) {
        unsigned n = 0;

        for (const Connection *c = control->connections; c; c = c->next)
                n += c->stream && c->peer.uid == uid;
        return n;
}

int control_stream_open(ControlCall *call, void (*closed)(void *userdata), void *userdata,
                        ControlStream **ret) {
        Connection *c = call->connection;
        ControlStream *stream;

        assert(!call->answered && !c->stream);

        if (c->peer.uid != 0 && count_streams(c->control, c->peer.uid) >=
                                        c->control->config.limits.streams_per_uid)
                return CONTROL_E_LIMIT;

        stream = malloc(sizeof(*stream));
        if (!stream)
                return -ENOMEM;

        *stream = (ControlStream) {
                .connection = c,
                .closed = closed,
                .userdata = userdata,
                .more = control_call_wants_more(call),
                .oneway = call->message.oneway,
        };
        c->stream = stream;
        call->answered = true;
        *ret = stream;
        return 0;
}

const ControlPeer *control_stream_peer(const ControlStream *stream) {
        return &stream->connection->peer;
}

bool control_stream_ready(const ControlStream *stream) {
        return connection_keeps_up(stream->connection);
}

size_t control_stream_room(const ControlStream *stream) {
        return stream->connection->output.max - stream->connection->output.size;
}

/* The call is done: the next one may be looked at. */
static void stream_end(ControlStream *stream) {
        Connection *c = stream->connection;

        c->stream = NULL;
        free(stream);
        connection_update(c);
}

static int stream_message(ControlStream *stream, const char *error, json_t *parameters,
                          bool continues) {
        int r = 0;

        if (continues && !stream->more && !stream->oneway) {
                json_decref(parameters);
                return -EINVAL;
        }

        if (stream->oneway)
                json_decref(parameters);
        else
                r = queue_message(stream->connection, error, parameters, continues);
        if (r == 0 && !continues)
                stream_end(stream);
        return r;
}

int control_stream_reply(ControlStream *stream, json_t *parameters, bool continues) {
        return stream_message(stream, NULL, parameters, continues);
}

int control_stream_error(ControlStream *stream, const char *name, json_t *parameters) {
        return stream_message(stream, name, parameters, false);
}

Writer *control_stream_begin(ControlStream *stream) {
        return begin(stream->connection, stream->oneway);
}

int control_stream_end(ControlStream *stream, bool continues) {
        Connection *c = stream->connection;
        int r;

        if (continues && !stream->more && !stream->oneway) {
                writer_abort(&c->writer);
                return -EINVAL;
        }

        r = queued(c, writer_end(&c->writer, continues));
        if (r == 0 && !continues)
                stream_end(stream);
        return r;
}

int control_stream_shared(ControlStream *stream, FrameShared *reply, bool continues) {
        int r;

        if (continues && !stream->more && !stream->oneway)
                return -EINVAL;

        r = stream->oneway ? 0 : queue_shared(stream->connection, reply, continues);
        if (r == 0 && !continues)
                stream_end(stream);
        return r;
}

void control_stream_close(ControlStream *stream) {
        stream->connection->control->counters.dropped++;
        connection_end(stream->connection, NULL);
        stream_end(stream);
}

/* Dispatch. */

static int service_handle_info(ControlCall *call, json_t *parameters, void *userdata) {
        json_t *info = service_get_info(call->connection->control->config.info);

        return info ? control_reply(call, info) : -ENOMEM;
}

static int service_handle_description(ControlCall *call, json_t *parameters, void *userdata) {
        const ServiceInfo *info = call->connection->control->config.info;
        const char *name = field_string(parameters, "interface", "");
        const ServiceInterface *interface = service_find(info, name, strlen(name));
        json_t *reply;

        if (!interface)
                return answer_text(call, VARLINK_INTERFACE_NOT_FOUND, "interface",
                                   json_string(name));

        reply = service_get_description(interface);
        return reply ? control_reply(call, reply) : -ENOMEM;
}

static const ControlMethod service_methods[] = {
        { "org.varlink.service.GetInfo", NULL, service_handle_info },
        { "org.varlink.service.GetInterfaceDescription", service_description_fields,
          service_handle_description },
};

static const ControlMethod *find(const ControlMethod *methods, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (streq(methods[i].name, name))
                        return &methods[i];
        return NULL;
}

static bool is_own(const ControlConfig *config, const ControlMethod *method) {
        return method >= config->methods && method < config->methods + config->n_methods;
}

static int call_method(ControlCall *call, const ControlMethod *method) {
        const ControlConfig *config = &call->connection->control->config;
        _cleanup_free_ char *field = NULL;
        int r;

        if (config->allowed && is_own(config, method) &&
            !config->allowed(config->userdata, &call->connection->peer, method))
                return control_error_denied(call);

        r = fields_check(method->fields, call->message.parameters, &field);
        if (r == FIELD_E_INVALID)
                return control_error_invalid(call, field);
        if (r < 0)
                return r;

        return method->handle(call, call->message.parameters, config->userdata);
}

static void tell_called(const ControlCall *call, const ControlMethod *method) {
        const ControlConfig *config = &call->connection->control->config;

        if (config->called && is_own(config, method))
                config->called(config->userdata, &call->connection->peer, method,
                               call->answered ? call->error : "");
}

static int call_run(ControlCall *call) {
        const ControlConfig *config = &call->connection->control->config;
        const char *name = call->message.method;
        const ControlMethod *method;
        size_t length;
        int r;

        length = varlink_interface_length(name);
        if (length == 0)
                return control_error_invalid(call, "method");
        if (!service_find(config->info, name, length))
                return answer_text(call, VARLINK_INTERFACE_NOT_FOUND, "interface",
                                   json_stringn(name, length));

        method = find(service_methods, ELEMENTSOF(service_methods), name)
                         ?: find(config->methods, config->n_methods, name);
        if (!method)
                return answer_text(call, VARLINK_METHOD_NOT_FOUND, "method", json_string(name));
        if (call->message.upgrade)
                return answer_text(call, VARLINK_METHOD_NOT_IMPLEMENTED, "method",
                                   json_string(name));

        r = call_method(call, method);
        tell_called(call, method);
        return r;
}

bool control_dispatch(Connection *c, const char *text, size_t size, char **ret_reason) {
        ControlCall call = { .connection = c };
        _cleanup_free_ char *problem = NULL;
        int r;

        r = varlink_call_parse(text, size, &call.message, &problem);
        if (r != 0) {
                (void) error_setf(ret_reason, r, "not a varlink call: %s",
                                  r < 0 ? error_text(r) : problem ?: "malformed");
                return false;
        }

        r = call_run(&call);
        if (!call.answered) {
                /* A handler may have given up in the middle of a long reply. */
                writer_abort(&c->writer);
                (void) error_setf(ret_reason, r, "a call could not be answered: %s",
                                  r == CONTROL_E_FULL ? "the reply is too long"
                                  : r < 0             ? error_text(r)
                                                      : "no answer given");
        }
        varlink_call_deinit(&call.message);
        return call.answered;
}
