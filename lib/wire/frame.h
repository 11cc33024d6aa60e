/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUL-terminated messages in a byte stream: a bounded input accumulator and a bounded output queue.
 * Both are plain byte containers; the two helpers at the end move bytes to and from a socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
        FRAME_E_NONE = 1,   /* no whole message yet */
        FRAME_E_TOO_BIG = 2, /* the message is longer than allowed, or the queue is full */
        FRAME_E_AGAIN = 3,  /* the socket has nothing now, or takes nothing now */
        FRAME_E_CLOSED = 4, /* the peer has closed its end */
};

/* Input. The memory follows what is buffered: nothing is held between messages. */
typedef struct FrameInput {
        char *data;
        size_t start;     /* first byte of the current message */
        size_t scanned;   /* bytes from start to here hold no NUL: they are not looked at again */
        size_t end;       /* bytes in use */
        size_t allocated;
        size_t max;       /* the longest message in bytes, without its NUL */
} FrameInput;

#define FRAME_INPUT_INIT(max_bytes) ((FrameInput) { .max = (max_bytes) })

void frame_input_deinit(FrameInput *input);

/* 0 or -ENOMEM. Any amount is taken: the limit is checked by frame_input_next(), so a caller that
 * takes messages out after each append never buffers more than one message and one append. */
int frame_input_append(FrameInput *input, const void *data, size_t size);

/* The next whole message, without its NUL but with the NUL behind it (so it is a C string too, as
 * far as it holds no other NUL, and it cannot). It stays valid until the next append or read.
 * 0, FRAME_E_NONE or FRAME_E_TOO_BIG (for good: the stream cannot be resynchronised). */
int frame_input_next(FrameInput *input, const char **ret_message, size_t *ret_size);

/* Whether frame_input_next() would return something else than FRAME_E_NONE. Scans, but never the
 * same byte twice. */
bool frame_input_pending(FrameInput *input);

/* Bytes of a message that is not complete yet (as far as was scanned). */
static inline size_t frame_input_unfinished(const FrameInput *input) {
        return input->end - input->start;
}

/* Output: a queue of blocks, so a long queue neither moves in memory nor keeps it once sent. */
typedef struct FrameBlock FrameBlock;

typedef struct FrameOutput {
        FrameBlock *first, *last;
        size_t start; /* bytes of the first block that are sent already */
        size_t size;  /* bytes queued */
        size_t max;
} FrameOutput;

#define FRAME_OUTPUT_INIT(max_bytes) ((FrameOutput) { .max = (max_bytes) })

void frame_output_deinit(FrameOutput *output);

/* Bytes that several queues hold, once. Not for several threads. */
typedef struct FrameShared {
        unsigned n_ref;
        size_t size;
        char data[];
} FrameShared;

FrameShared *frame_shared_new(size_t size); /* contents are the caller's to write; NULL without memory */
FrameShared *frame_shared_ref(FrameShared *shared);
FrameShared *frame_shared_unref(FrameShared *shared); /* returns NULL; accepts NULL */

/* Appends them, by reference. 0, FRAME_E_TOO_BIG or -ENOMEM. */
int frame_output_append_shared(FrameOutput *output, FrameShared *shared);

/* Appends all of it or nothing. 0, FRAME_E_TOO_BIG (queue full) or -ENOMEM. */
int frame_output_append(FrameOutput *output, const void *data, size_t size);

/* Takes back the newest bytes, so that `size` are left: how a message is withdrawn half way. */
void frame_output_truncate(FrameOutput *output, size_t size);

/* Copies everything that is queued to `ret`, which has room for output->size bytes. */
void frame_output_copy(const FrameOutput *output, char *ret);

/* The oldest bytes that lie in one piece; NULL when empty. */
const char *frame_output_peek(const FrameOutput *output, size_t *ret_size);

/* Removes the oldest bytes. */
void frame_output_consume(FrameOutput *output, size_t size);

/* One recv() of at most `size` bytes, never waiting, and without a control buffer, so that the
 * kernel drops passed file descriptors. 0 (something was read), FRAME_E_AGAIN, FRAME_E_CLOSED or
 * -errno. */
int frame_input_read(FrameInput *input, int fd, size_t size);

/* Sends as much as the socket takes, never waiting and never raising SIGPIPE. 0 (all of it),
 * FRAME_E_AGAIN, FRAME_E_CLOSED (nobody reads any more) or -errno. */
int frame_output_write(FrameOutput *output, int fd);
