/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The method about events. */
#include "event-readers.h"
#include "event.h"
#include "methods-internal.h"

const Field methods_events_fields[] = {
        { .name = "monitor", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "limit", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        FIELD_END,
};

int method_get_events(ControlCall *call, json_t *parameters, void *userdata) {
        const char *monitor = field_string(parameters, "monitor", NULL);
        int64_t limit = field_int(parameters, "limit", EVENTS_MAX);
        MethodsContext *c = userdata;
        Writer *w;
        int r;

        if (limit < 0)
                return control_error_invalid(call, "limit");
        if (control_call_wants_more(call)) {
                r = event_readers_add(&c->event_readers, call, monitor, (uint64_t) limit);
                return r == CONTROL_E_LIMIT ? methods_too_many_streams(c, call) : r;
        }

        w = control_reply_begin(call);
        if (w)
                event_report_last(w, monitor, (uint64_t) limit);
        return control_reply_end(call);
}
