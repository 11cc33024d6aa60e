/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading files with schemes. */
#include "scheme-file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "base/error.h"
#include "base/macro.h"
#include "connect.h"
#include "message.h"

/* Up to `size` bytes; fewer only at the end of the file. It may be a pipe: "<(sed … cold.yaml)". */
static ssize_t read_some(int fd, char *buf, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, buf + n, size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        return (ssize_t) n;
}

/* JSON carries it, so it must be UTF-8 without NUL. */
static bool is_text(const char *text, size_t size) {
        _cleanup_json_ json_t *string = json_stringn(text, size);

        return string && !memchr(text, 0, size);
}

int scheme_file_read(const char *path, char **ret) {
        _cleanup_free_ char *text = calloc(1, SCHEME_FILE_MAX + 2);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n;

        if (!text)
                return -ENOMEM;
        n = fd < 0 ? -errno : read_some(fd, text, SCHEME_FILE_MAX + 1);
        if (n < 0)
                return fail(CTL_REFUSED, "cannot read %s: %s", path, error_text((int) n));
        if (n > SCHEME_FILE_MAX)
                return fail(CTL_REFUSED, "%s is longer than the %d KiB that the daemon takes", path,
                            SCHEME_FILE_MAX / 1024);
        if (n == 0)
                return fail(CTL_REFUSED, "%s is empty: it should hold the key 'schemes', as in udamon.yaml(5)",
                            path);
        if (!is_text(text, (size_t) n))
                return fail(CTL_REFUSED, "%s is not a text in UTF-8", path);
        *ret = TAKE_PTR(text);
        return 0;
}
