/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries for the journal: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
#include "journal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/macro.h"

bool journal_is_stderr(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        uintmax_t device, inode;
        struct stat st;

        return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
               st.st_dev == device && st.st_ino == inode;
}

int journal_open(Journal *journal, const char *path) {
        int fd;

        if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        *journal = (Journal) { .fd = fd, .path = path };
        return 0;
}

void journal_close(Journal *journal) {
        closep(&journal->fd);
        *journal = JOURNAL_NONE;
}

/* NAME=value, or, where the value has lines, NAME, its length and the value. */
static int append_field(Buffer *b, const JournalField *field) {
        size_t size = strlen(field->value);
        uint64_t length = htole64(size);
        bool lines = strchr(field->value, '\n');
        int r;

        r = buffer_append(b, field->name, strlen(field->name));
        if (r == 0)
                r = lines ? buffer_append(b, "\n", 1) : buffer_append(b, "=", 1);
        if (r == 0 && lines)
                r = buffer_append(b, &length, sizeof(length));
        if (r == 0)
                r = buffer_append(b, field->value, size);
        return r == 0 ? buffer_append(b, "\n", 1) : r;
}

static int outcome(int error) {
        switch (error) {
        case EAGAIN:
        case ENOBUFS:
                return JOURNAL_E_FULL;
        case ECONNREFUSED:
        case ECONNRESET:
        case ENOENT:
        case ENOTDIR:
                return JOURNAL_E_GONE;
        }
        return -error;
}

int journal_send(const Journal *journal, const JournalField *fields, size_t n) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(buffer_deinit) Buffer b = {};
        ssize_t sent;
        int r;

        for (size_t i = 0; i < n; i++) {
                r = append_field(&b, &fields[i]);
                if (r < 0)
                        return r;
        }
        memcpy(address.sun_path, journal->path, strlen(journal->path));
        do
                sent = sendto(journal->fd, b.data, b.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                              (const struct sockaddr *) &address, sizeof(address));
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? outcome(errno) : 0;
}
