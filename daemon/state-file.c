/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that is replaced whole. */
#include "state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "thread.h"

#define NAME "state"
#define NAME_NEW "state.new"
#define NAME_ASIDE "state.refused"

struct StateFile {
        int directory;
        state_file_done_t done;
        void *userdata;
        int eventfd;
        sd_event_source *source;
        pthread_t thread;
        bool has_thread;

        pthread_mutex_t lock; /* for what follows */
        pthread_cond_t wake;  /* either way */
        bool quit;
        char *text; /* to be written; NULL: nothing */
        size_t size;
        bool ended; /* a write has, and nobody was told */
        int error;
};

/* ---- Writing ---- */

static int write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                size -= (size_t) n;
        }
        return 0;
}

static int replace(int directory, const char *text, size_t size) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = openat(directory, NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, size);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && renameat(directory, NAME_NEW, directory, NAME) < 0)
                r = -errno;
        if (r < 0) {
                /* what it holds may be what the disk lacks */
                (void) unlinkat(directory, NAME_NEW, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 0;
}

static void *work(void *userdata) {
        const uint64_t one = 1;
        StateFile *f = userdata;

        (void) pthread_mutex_lock(&f->lock);
        while (!f->quit || f->text) {
                int r;

                if (!f->text) {
                        (void) pthread_cond_wait(&f->wake, &f->lock);
                        continue;
                }
                (void) pthread_mutex_unlock(&f->lock);
                r = replace(f->directory, f->text, f->size);
                (void) pthread_mutex_lock(&f->lock);
                free(TAKE_PTR(f->text));
                f->error = r;
                f->ended = true;
                (void) !write(f->eventfd, &one, sizeof(one));
                (void) pthread_cond_broadcast(&f->wake);
        }
        (void) pthread_mutex_unlock(&f->lock);
        return NULL;
}

static int on_eventfd(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        StateFile *f = userdata;
        uint64_t count;
        bool ended;
        int error;

        (void) s;
        (void) events;
        (void) !read(fd, &count, sizeof(count));
        (void) pthread_mutex_lock(&f->lock);
        ended = TAKE_GENERIC(f->ended, false);
        error = f->error;
        (void) pthread_mutex_unlock(&f->lock);
        if (ended)
                f->done(f->userdata, error);
        return 0;
}

bool state_file_is_busy(const StateFile *file) {
        StateFile *f = (StateFile *) file;
        bool busy;

        (void) pthread_mutex_lock(&f->lock);
        busy = f->text || f->ended;
        (void) pthread_mutex_unlock(&f->lock);
        return busy;
}

void state_file_write(StateFile *f, char *text, size_t size) {
        (void) pthread_mutex_lock(&f->lock);
        assert(!f->text);
        f->text = text;
        f->size = size;
        (void) pthread_cond_broadcast(&f->wake);
        (void) pthread_mutex_unlock(&f->lock);
}

int state_file_write_now(StateFile *f, const char *text, size_t size) {
        (void) pthread_mutex_lock(&f->lock);
        while (f->text)
                (void) pthread_cond_wait(&f->wake, &f->lock);
        f->ended = false;
        (void) pthread_mutex_unlock(&f->lock);
        return replace(f->directory, text, size);
}

/* ---- Reading ---- */

int state_file_read(const StateFile *f, Buffer *ret) {
        return read_whole_at(f->directory, NAME, STATE_FILE_MAX, ret);
}

void state_file_put_aside(const StateFile *f) {
        (void) renameat(f->directory, NAME, f->directory, NAME_ASIDE);
}

/* ---- Life ---- */

static int open_directory(const char *path, int *ret) {
        _cleanup_close_ int fd = -1;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* gone with the process, however that ends */
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? STATE_FILE_E_BUSY : -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

int state_file_open(sd_event *event, const char *directory, state_file_done_t done, void *userdata, StateFile **ret) {
        StateFile *f;
        int r;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->directory = -1;
        f->done = done;
        f->userdata = userdata;
        (void) pthread_mutex_init(&f->lock, NULL);
        (void) pthread_cond_init(&f->wake, NULL);
        f->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        r = f->eventfd < 0 ? -errno : open_directory(directory, &f->directory);
        if (r == 0)
                r = sd_event_add_io(event, &f->source, f->eventfd, EPOLLIN, on_eventfd, f);
        if (r >= 0 && f->source) {
                r = thread_start(work, f, &f->thread);
                f->has_thread = r == 0;
        }
        if (r != 0) {
                state_file_close(f);
                return r;
        }
        *ret = f;
        return 0;
}

StateFile *state_file_close(StateFile *f) {
        if (!f)
                return NULL;
        if (f->has_thread) {
                (void) pthread_mutex_lock(&f->lock);
                f->quit = true;
                (void) pthread_cond_broadcast(&f->wake);
                (void) pthread_mutex_unlock(&f->lock);
                (void) pthread_join(f->thread, NULL);
        }
        sd_event_source_disable_unref(f->source);
        free(f->text);
        (void) pthread_cond_destroy(&f->wake);
        (void) pthread_mutex_destroy(&f->lock);
        closep(&f->eventfd);
        closep(&f->directory);
        free(f);
        return NULL;
}
