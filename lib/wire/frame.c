/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message framing: input accumulator and output queue. */
#include "wire/frame.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/macro.h"

#define INPUT_MIN ((size_t) 1024)

/* Blocks are not touched before they are filled, so a short reply costs one page of a block. */
#define BLOCK_SIZE ((size_t) 32 * 1024)

struct FrameBlock {
        FrameBlock *next;
        size_t used;
        FrameShared *shared; /* what the block holds; NULL: data */
        char data[];
};

#define BLOCK_CAPACITY (BLOCK_SIZE - sizeof(FrameBlock) - 2 * sizeof(size_t))

void frame_input_deinit(FrameInput *input) {
        free(input->data);
        *input = FRAME_INPUT_INIT(input->max);
}

/* Moving costs at most one unfinished message, and is needed again only after others were taken. */
static void input_compact(FrameInput *input) {
        if (input->start == 0)
                return;

        memmove(input->data, input->data + input->start, input->end - input->start);
        input->scanned -= input->start;
        input->end -= input->start;
        input->start = 0;
}

static int input_reserve(FrameInput *input, size_t size) {
        size_t allocated;
        char *data;

        if (input->allocated - input->end >= size)
                return 0;

        if (input->data)
                input_compact(input);
        if (input->allocated - input->end >= size)
                return 0;
        if (size > SIZE_MAX / 4 - input->end)
                return -ENOMEM;

        allocated = MAX(MAX(INPUT_MIN, 2 * input->allocated), input->end + size);
        data = realloc(input->data, allocated);
        if (!data)
                return -ENOMEM;

        input->data = data;
        input->allocated = allocated;
        return 0;
}

int frame_input_append(FrameInput *input, const void *data, size_t size) {
        int r;

        if (size == 0)
                return 0;

        r = input_reserve(input, size);
        if (r < 0)
                return r;

        memcpy(input->data + input->end, data, size);
        input->end += size;
        return 0;
}

/* Moves `scanned` to the next NUL or to the end; whether there is a NUL. */
static bool input_scan(FrameInput *input) {
        const char *nul;

        if (input->scanned == input->end)
                return false;

        nul = memchr(input->data + input->scanned, 0, input->end - input->scanned);
        input->scanned = nul ? (size_t) (nul - input->data) : input->end;
        return nul;
}

bool frame_input_pending(FrameInput *input) {
        return input_scan(input) || input->scanned - input->start > input->max;
}

int frame_input_next(FrameInput *input, const char **ret_message, size_t *ret_size) {
        bool whole = input_scan(input);

        if (input->scanned - input->start > input->max)
                return FRAME_E_TOO_BIG;

        if (!whole) {
                if (input->start == input->end)
                        frame_input_deinit(input);
                return FRAME_E_NONE;
        }

        *ret_message = input->data + input->start;
        *ret_size = input->scanned - input->start;
        input->start = ++input->scanned;
        return 0;
}

int frame_input_read(FrameInput *input, int fd, size_t size) {
        ssize_t n;
        int r;

        r = input_reserve(input, size);
        if (r < 0)
                return r;

        do
                n = recv(fd, input->data + input->end, size, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);

        if (n > 0) {
                input->end += (size_t) n;
                return 0;
        }
        if (n == 0 || errno == ECONNRESET)
                return FRAME_E_CLOSED;
        if (errno == EAGAIN)
                return FRAME_E_AGAIN;
        return -errno;
}

void frame_output_deinit(FrameOutput *output) {
        frame_output_truncate(output, 0);
}

FrameShared *frame_shared_new(size_t size) {
        FrameShared *shared = malloc(sizeof(*shared) + size);

        if (shared)
                *shared = (FrameShared) { .n_ref = 1, .size = size };
        return shared;
}

FrameShared *frame_shared_ref(FrameShared *shared) {
        shared->n_ref++;
        return shared;
}

FrameShared *frame_shared_unref(FrameShared *shared) {
        if (shared && --shared->n_ref == 0)
                free(shared);
        return NULL;
}

static FrameBlock *block_free(FrameBlock *block) {
        FrameBlock *next = block->next;

        frame_shared_unref(block->shared);
        free(block);
        return next;
}

static const char *block_data(const FrameBlock *block) {
        return block->shared ? block->shared->data : block->data;
}

static int output_add_block(FrameOutput *output, size_t capacity) {
        FrameBlock *block;

        block = malloc(sizeof(FrameBlock) + capacity);
        if (!block)
                return -ENOMEM;

        *block = (FrameBlock) {};
        if (output->last)
                output->last->next = block;
        else
                output->first = block;
        output->last = block;
        return 0;
}

int frame_output_append(FrameOutput *output, const void *data, size_t size) {
        size_t mark = output->size, part;
        const char *p = data;
        int r;

        if (size > output->max || output->size > output->max - size)
                return FRAME_E_TOO_BIG;

        while (size > 0) {
                if (!output->last || output->last->shared || output->last->used == BLOCK_CAPACITY) {
                        r = output_add_block(output, BLOCK_CAPACITY);
                        if (r < 0) {
                                frame_output_truncate(output, mark);
                                return r;
                        }
                }

                part = MIN(size, BLOCK_CAPACITY - output->last->used);
                memcpy(output->last->data + output->last->used, p, part);
                output->last->used += part;
                output->size += part;
                p += part;
                size -= part;
        }

        return 0;
}

int frame_output_append_shared(FrameOutput *output, FrameShared *shared) {
        int r;

        if (shared->size > output->max || output->size > output->max - shared->size)
                return FRAME_E_TOO_BIG;
        if (shared->size == 0)
                return 0;

        r = output_add_block(output, 0);
        if (r < 0)
                return r;
        output->last->shared = frame_shared_ref(shared);
        output->last->used = shared->size;
        output->size += shared->size;
        return 0;
}

static void blocks_free(FrameBlock *block) {
        while (block)
                block = block_free(block);
}

void frame_output_truncate(FrameOutput *output, size_t size) {
        size_t left = output->start + size;
        FrameBlock *block = output->first;

        if (size == 0) {
                blocks_free(output->first);
                *output = FRAME_OUTPUT_INIT(output->max);
                return;
        }
        if (size >= output->size)
                return;

        while (left > block->used) {
                left -= block->used;
                block = block->next;
        }

        block->used = left;
        blocks_free(TAKE_PTR(block->next));
        output->last = block;
        output->size = size;
}

const char *frame_output_peek(const FrameOutput *output, size_t *ret_size) {
        if (output->size == 0) {
                *ret_size = 0;
                return NULL;
        }

        *ret_size = output->first->used - output->start;
        return block_data(output->first) + output->start;
}

void frame_output_copy(const FrameOutput *output, char *ret) {
        size_t start = output->start;

        for (const FrameBlock *block = output->first; block; block = block->next) {
                memcpy(ret, block_data(block) + start, block->used - start);
                ret += block->used - start;
                start = 0;
        }
}

void frame_output_consume(FrameOutput *output, size_t size) {
        assert(size <= output->size);

        output->size -= size;
        output->start += size;
        while (output->first && output->start >= output->first->used) {
                FrameBlock *block = output->first;

                output->start -= block->used;
                output->first = block_free(block);
                if (!output->first)
                        output->last = NULL;
        }
}

int frame_output_write(FrameOutput *output, int fd) {
        const char *data;
        size_t size;
        ssize_t n;

        while ((data = frame_output_peek(output, &size))) {
                n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n >= 0)
                        frame_output_consume(output, (size_t) n);
                else if (errno == EAGAIN)
                        return FRAME_E_AGAIN;
                else if (errno == EPIPE || errno == ECONNRESET)
                        return FRAME_E_CLOSED;
                else if (errno != EINTR)
                        return -errno;
        }

        return 0;
}
