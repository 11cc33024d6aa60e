/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the client share: scripted frames, captured runs, a scratch directory. */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "frame.h"

typedef struct Captured {
        int status; /* exit status, 128 + signal */
        char *out;
        char *err;
} Captured;

_unused_ static void captured_deinit(Captured *captured) {
        free(captured->out);
        free(captured->err);
}

_unused_ static char *read_fd(int fd) {
        struct stat st;
        char *text;

        ck_assert_int_eq(fstat(fd, &st), 0);
        text = calloc(1, (size_t) st.st_size + 1);
        ck_assert_ptr_nonnull(text);
        ck_assert_int_eq(pread(fd, text, (size_t) st.st_size, 0), st.st_size);
        return text;
}

/* Runs the client in a child, as if typed: capture("regions", "-i", path, NULL). */
_unused_ static Captured capture_args(char **argv) {
        int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC),
            argc = 0, status;
        Captured captured;
        pid_t pid;

        while (argv[argc])
                argc++;
        (void) fflush(NULL);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) dup2(out, STDOUT_FILENO);
                (void) dup2(err, STDERR_FILENO);
                status = ctl_main(argc, argv);
                (void) fflush(NULL);
                _exit(status);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        captured.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        captured.out = read_fd(out);
        captured.err = read_fd(err);
        (void) close(out);
        (void) close(err);
        return captured;
}

#define capture(...) capture_args((char *[]) { (char *) "udamonctl", __VA_ARGS__, NULL })
#define W(word) ((char *) (word))

#define ck_assert_contains(text, part)                                                             \
        ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text)
#define ck_assert_lacks(text, part)                                                                \
        ck_assert_msg(strstr(text, part) == NULL, "'%s' is in:\n%s", part, text)

/* Exactly one line, and that from us. */
#define ck_assert_one_line(text)                                                                   \
        do {                                                                                       \
                ck_assert_msg(strncmp(text, "udamonctl: ", 11) == 0, "not ours: %s", text);        \
                ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);                     \
        } while (0)

typedef struct ScriptedRegion {
        uint64_t start;
        uint64_t end;
        uint64_t hits;
        uint64_t samples;
        uint64_t untrackable;
        uint64_t age_ns;
        const char *mapping;
} ScriptedRegion;

/* A frame of one target (id 7, pid 1234, "web") with these regions; its working set is computed as
 * the interface says: size times rate. */
_unused_ static Frame *scripted_frame(uint64_t sequence, const ScriptedRegion *regions, size_t n) {
        Frame *frame = frame_new();
        double bytes = 0;

        frame->monitor = strdup("web");
        frame->source = strdup("sim");
        frame->granularity = strdup("page");
        frame->reads_seen = true;
        frame->sample_ns = 100000000;
        frame->aggregate_ns = 2000000000;
        frame->point.sequence = sequence;
        frame->point.window_ns = 2000000000;
        frame->point.time_ns = UINT64_C(1767225600000000000) + sequence * UINT64_C(2000000000);
        ck_assert_int_eq(frame_add_target(frame,
                                          &(FrameTarget){
                                                  .id = 7,
                                                  .pid = 1234,
                                                  .command = W("web"),
                                                  .state = W("running"),
                                                  .address_space = 1,
                                                  .resident_bytes = 96 << 20,
                                          }),
                         0);
        for (size_t i = 0; i < n; i++) {
                const ScriptedRegion *s = &regions[i];
                FrameRegion region = {
                        .start = s->start, .end = s->end, .hits = s->hits, .samples = s->samples,
                        .untrackable = s->untrackable, .age_ns = s->age_ns,
                        .rate = s->samples > 0 ? (double) s->hits / (double) s->samples : 0,
                };

                ck_assert_int_eq(frame_add_mapping(frame, s->mapping, &region.mapping), 0);
                ck_assert_int_eq(frame_add_region(frame, &region), 0);
                bytes += frame_region_rate(&region) * (double) (s->end - s->start);
                frame->point.working_set.total += s->end - s->start;
                if (s->hits > 0)
                        frame->point.working_set.touched += s->end - s->start;
                if (s->samples == 0)
                        frame->point.working_set.untrackable += s->end - s->start;
        }
        frame->point.working_set.bytes = (uint64_t) bytes;
        frame->point.working_set.error = 1 << 20;
        frame->point.resident_bytes = 96 << 20;
        frame->point.regions = n;
        return frame;
}

#define MIB (UINT64_C(1) << 20)
#define SEC UINT64_C(1000000000)

typedef struct Scratch {
        char path[64];
} Scratch;

_unused_ static void scratch_init(Scratch *scratch) {
        (void) snprintf(scratch->path, sizeof(scratch->path), "/tmp/udamon-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(scratch->path));
}

_unused_ static int scratch_remove(const char *path, const struct stat *st, int flag,
                                   struct FTW *ftw) {
        return remove(path);
}

_unused_ static void scratch_deinit(Scratch *scratch) {
        (void) nftw(scratch->path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path inside, in a buffer that the next call overwrites after four others. */
_unused_ static char *scratch_path(const Scratch *scratch, const char *name) {
        static char paths[4][128];
        static size_t next;
        char *path = paths[next++ % 4];

        (void) snprintf(path, sizeof(paths[0]), "%s/%s", scratch->path, name);
        return path;
}

_unused_ static char *test_data(const char *name) {
        static char path[512];
        const char *root = getenv("SOURCE_ROOT");

        (void) snprintf(path, sizeof(path), "%s/tests/data/ctl/%s", root ? root : ".", name);
        return path;
}

/* Runs a suite of one case. */
_unused_ static int run_case(const char *name, TCase *tcase) {
        Suite *suite = suite_create(name);
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 60);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* This very program plays the private daemon, too. */
static inline void use_as_daemon(void) {
        char self[512];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        self[MAX(n, (ssize_t) 0)] = 0;
        (void) setenv("UDAMOND", self, 1);
}
