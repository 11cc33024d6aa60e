/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line by line over a file. */
#include "kernel/lines.h"

#include <errno.h>
#include <unistd.h>

#include "base/macro.h"

typedef struct LineBuffer {
        size_t used;
        char data[2 * LINE_MAX_SIZE + 1];
} LineBuffer;

/* Hands on every complete line and moves the rest to the front. */
static int consume(LineBuffer *buffer, LineFn fn, void *userdata) {
        char *line = buffer->data, *end = buffer->data + buffer->used, *feed;
        int r;

        while ((feed = memchr(line, '\n', (size_t) (end - line)))) {
                *feed = '\0';
                r = fn(line, (size_t) (feed - line), userdata);
                if (r < 0)
                        return r;
                line = feed + 1;
        }

        buffer->used = (size_t) (end - line);
        if (buffer->used > LINE_MAX_SIZE)
                return -EMSGSIZE;
        memmove(buffer->data, line, buffer->used);
        return 0;
}

/* The last line may lack its line feed. */
static int finish(LineBuffer *buffer, LineFn fn, void *userdata) {
        if (buffer->used == 0)
                return 0;

        buffer->data[buffer->used] = '\0';
        return fn(buffer->data, buffer->used, userdata);
}

int lines_read(int fd, LineFn fn, void *userdata, uint64_t *calls) {
        _cleanup_free_ LineBuffer *buffer = malloc(sizeof(*buffer));
        ssize_t n;
        int r;

        if (!buffer)
                return -ENOMEM;
        buffer->used = 0;

        for (;;) {
                n = read(fd, buffer->data + buffer->used, sizeof(buffer->data) - 1 - buffer->used);
                (*calls)++;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return finish(buffer, fn, userdata);

                buffer->used += (size_t) n;
                r = consume(buffer, fn, userdata);
                if (r < 0)
                        return r;
        }
}

int lines_text(const char *text, size_t size, LineFn fn, void *userdata) {
        _cleanup_free_ LineBuffer *buffer = malloc(sizeof(*buffer));
        int r;

        if (!buffer)
                return -ENOMEM;
        buffer->used = 0;

        while (size > 0) {
                size_t n = MIN(size, sizeof(buffer->data) - 1 - buffer->used);

                memcpy(buffer->data + buffer->used, text, n);
                buffer->used += n;
                text += n;
                size -= n;
                r = consume(buffer, fn, userdata);
                if (r < 0)
                        return r;
        }

        return finish(buffer, fn, userdata);
}
