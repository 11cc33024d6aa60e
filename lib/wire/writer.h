/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes one reply piece by piece straight into the output queue, so that a list of any length
 * needs no tree in memory. An error sticks: the calls in between return nothing, writer_end()
 * tells.
 *
 *         writer_begin(&w, output, …);                  {"parameters":{
 *         writer_string(&w, "name", "x");               "name":"x",
 *         writer_open_array(&w, "regions");             "regions":[
 *         for (…)
 *                 writer_value(&w, NULL, region);       {…},{…}
 *         writer_close(&w);                             ]
 *         writer_end(&w, false);                        }}
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/frame.h"
#include "wire/varlink.h"

typedef struct Writer {
        FrameOutput *output; /* NULL: everything is thrown away (nobody wants the reply) */
        size_t mark;         /* length of the queue before this reply */
        size_t max;          /* of the whole reply, in bytes */
        int result;          /* sticky: 0, FRAME_E_TOO_BIG or -errno */
        bool comma;          /* the next member needs one in front */
        unsigned depth;
        char closing[VARLINK_DEPTH_MAX];
} Writer;

/* Starts a reply; what follows are members of its parameters. */
void writer_begin(Writer *writer, FrameOutput *output, size_t max);

/* Closes the reply. 0, or the first failure (FRAME_E_TOO_BIG, or -ENOMEM, also for a value that
 * JSON cannot express), and then the queue is as it was before writer_begin(). */
int writer_end(Writer *writer, bool continues);

/* Ends a reply that is to be sent several times: takes what was written out of the queue, which held nothing else,
 * without the end of the message, which writer_share() adds. 0 or -ENOMEM. */
int writer_end_shared(Writer *writer, FrameShared **ret);

/* Appends such a reply. 0, FRAME_E_TOO_BIG or -ENOMEM, and then nothing was. */
int writer_share(FrameOutput *output, FrameShared *reply, bool continues);

/* Withdraws what was written. */
void writer_abort(Writer *writer);

/* `key` is NULL in an array, a plain name otherwise (it is written without escapes). */
void writer_open_object(Writer *writer, const char *key);
void writer_open_array(Writer *writer, const char *key);
void writer_close(Writer *writer);

/* Steals `value`. NULL counts as out of memory. */
void writer_value(Writer *writer, const char *key, json_t *value);

/* Most of a snapshot is integers: these are written without a value in between. */
void writer_int(Writer *writer, const char *key, int64_t value);

static inline void writer_uint(Writer *writer, const char *key, uint64_t value) {
        writer_int(writer, key, value > INT64_MAX ? INT64_MAX : (int64_t) value);
}

static inline void writer_real(Writer *writer, const char *key, double value) {
        writer_value(writer, key, json_real(value));
}

static inline void writer_bool(Writer *writer, const char *key, bool value) {
        writer_value(writer, key, json_boolean(value));
}

/* Any bytes (see varlink_string()). */
static inline void writer_string(Writer *writer, const char *key, const char *value) {
        writer_value(writer, key, varlink_string(value));
}
