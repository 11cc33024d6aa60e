/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over the files and directories named on the command line, so that what a
 * fuzzer once found is tested with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_inputs;

static int replay(const char *path);

static int replay_directory(const char *path) {
        struct dirent **entries;
        int n, r = 0;

        n = scandir(path, &entries, NULL, alphasort);
        if (n < 0)
                return -errno;

        for (int i = 0; i < n; i++) {
                _cleanup_free_ struct dirent *entry = entries[i];
                _cleanup_free_ char *child = NULL;

                if (r < 0 || entry->d_name[0] == '.')
                        continue;
                r = asprintf(&child, "%s/%s", path, entry->d_name) < 0 ? -ENOMEM : replay(child);
        }
        free(entries);
        return r;
}

/* The input lies at the very end of its block, so that reading beyond it is noticed. */
static int replay_file(int fd, size_t size) {
        _cleanup_free_ uint8_t *data = malloc(MAX(size, (size_t) 1));

        if (!data)
                return -ENOMEM;
        if (read(fd, data, size) != (ssize_t) size)
                return -EIO;

        (void) LLVMFuzzerTestOneInput(data, size);
        n_inputs++;
        return 0;
}

static int replay(const char *path) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                r = -errno;
        else
                r = S_ISDIR(st.st_mode) ? replay_directory(path)
                                        : replay_file(fd, (size_t) st.st_size);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", path, strerror(-r));
        return r;
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (replay(argv[i]) < 0)
                        return EXIT_FAILURE;

        printf("%u inputs replayed\n", n_inputs);
        /* A test that looked at nothing has not passed. */
        return n_inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
