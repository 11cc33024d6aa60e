/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Varlink messages: one JSON object each (https://varlink.org/). Calls are parsed strictly: a
 * message that is not exactly what the protocol says has no meaning, and the connection is to be
 * closed. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/frame.h"

enum {
        VARLINK_E_MALFORMED = 1, /* not a varlink message */
};

/* How replies are written: no spaces, 0.1 as 0.1. In calls floats are exact. */
#define VARLINK_DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(10))

/* Limits of a call. Nesting counts the message itself. The number of values bounds the memory that
 * a small message can make the parser use. */
#define VARLINK_CALL_MAX ((size_t) 64 * 1024)
#define VARLINK_DEPTH_MAX 16
#define VARLINK_VALUES_MAX 8192

#define VARLINK_REPLY_MAX ((size_t) 16 * 1024 * 1024) /* what a client takes */

/* The errors every service may give. */
#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_INVALID_PARAMETER "org.varlink.service.InvalidParameter"
#define VARLINK_PERMISSION_DENIED "org.varlink.service.PermissionDenied"
#define VARLINK_EXPECTED_MORE "org.varlink.service.ExpectedMore"

typedef struct VarlinkCall {
        char *method;       /* as sent: not checked for its form */
        json_t *parameters; /* an object, never NULL */
        bool more;
        bool oneway;
        bool upgrade;
} VarlinkCall;

/* 0, VARLINK_E_MALFORMED with a reason in ret_error, or -ENOMEM. */
int varlink_call_parse(const char *text, size_t size, VarlinkCall *ret, char **ret_error);
void varlink_call_deinit(VarlinkCall *call);

/* What answer a call asks for. */
typedef enum VarlinkMode {
        VARLINK_ONE,    /* one reply */
        VARLINK_MORE,   /* any number of them */
        VARLINK_ONEWAY, /* none */
} VarlinkMode;

/* Appends a call and its NUL. `parameters` may be NULL and is not stolen. 0, FRAME_E_TOO_BIG,
 * -ENOMEM. */
int varlink_call_write(FrameOutput *output, const char *method, json_t *parameters,
                       VarlinkMode mode);

/* Appends one JSON value as it stands, or nothing. */
int varlink_dump(FrameOutput *output, const json_t *value);

typedef struct VarlinkReply {
        char *error;        /* NULL: no error */
        json_t *parameters; /* an object, never NULL */
        bool continues;
} VarlinkReply;

int varlink_reply_parse(const char *text, size_t size, VarlinkReply *ret, char **ret_error);
void varlink_reply_deinit(VarlinkReply *reply);

/* Append a whole reply and its NUL, or nothing. `parameters` may be NULL ({} is sent) and is not
 * stolen. 0, FRAME_E_TOO_BIG or -ENOMEM (also for what JSON cannot express). Long replies are
 * written piece by piece instead: writer.h. */
int varlink_reply_write(FrameOutput *output, json_t *parameters, bool continues);
int varlink_error_write(FrameOutput *output, const char *error, json_t *parameters);

/* "org.example.Method" → the length of "org.example"; 0 when it is not an interface, a dot and a
 * name. The method's own name is behind the dot. */
size_t varlink_interface_length(const char *method);

/* A JSON string of any bytes: what is not UTF-8 becomes U+FFFD, so a command name or a path can
 * always be reported. NULL only without memory. */
json_t *varlink_string(const char *text);
