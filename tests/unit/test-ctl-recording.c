/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings: round trip, writers that are killed, full disks, files of others. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "recording.h"
#include "message.h"
#include "test-ctl.h"

static const ScriptedRegion regions[] = {
        { 0x10000, 0x10000 + 4 * MIB, 20, 20, 0, 8 * SEC, "/usr/bin/web" },
        { 0x7f0000000000, 0x7f0000000000 + MIB, 1, 20, 3, 0, "" },
        { 0x7f0000100000, 0x7f0000100000 + MIB, 0, 0, 20, 0, "/a file, with 'quotes'" },
};

/* Makes of a recording one of before physical memory had a place in them. */
#define NO_PHYSICAL                                                                                                   \
        "ALTER TABLE region DROP COLUMN trackable; ALTER TABLE snapshot DROP COLUMN free_bytes;"                      \
        "ALTER TABLE snapshot DROP COLUMN kernel_bytes; ALTER TABLE snapshot DROP COLUMN hugetlb_bytes;"              \
        "ALTER TABLE snapshot DROP COLUMN offline_bytes;"

static Frame *frame_number(uint64_t sequence) {
        return scripted_frame(sequence, regions, ELEMENTSOF(regions));
}

static void append_numbers(Recording *recording, uint64_t first, uint64_t last) {
        for (uint64_t n = first; n <= last; n++) {
                _cleanup_(frame_freep) Frame *frame = frame_number(n);

                ck_assert_int_eq(recording_append(recording, frame), 0);
        }
}

static void assert_frames_equal(const Frame *a, const Frame *b) {
        ck_assert_mem_eq(&a->point, &b->point, sizeof(a->point));
        ck_assert_str_eq(a->monitor, b->monitor);
        ck_assert_str_eq(a->source, b->source);
        ck_assert_str_eq(a->granularity, b->granularity);
        ck_assert_int_eq(a->reads_seen, b->reads_seen);
        ck_assert_uint_eq(a->sample_ns, b->sample_ns);
        ck_assert_uint_eq(a->n_targets, b->n_targets);
        ck_assert_str_eq(a->targets[0].command, b->targets[0].command);
        ck_assert_uint_eq(a->targets[0].resident_bytes, b->targets[0].resident_bytes);
        ck_assert_uint_eq(a->n_regions, b->n_regions);
        for (size_t i = 0; i < a->n_regions; i++) {
                const FrameRegion *x = &a->regions[i], *y = &b->regions[i];

                ck_assert_uint_eq(x->start, y->start);
                ck_assert_uint_eq(x->end, y->end);
                ck_assert_uint_eq(x->hits, y->hits);
                ck_assert_uint_eq(x->samples, y->samples);
                ck_assert_uint_eq(x->untrackable, y->untrackable);
                ck_assert_uint_eq(x->age_ns, y->age_ns);
                ck_assert_double_eq(x->rate, y->rate);
                ck_assert_double_eq(x->apart, y->apart);
                ck_assert_str_eq(a->mappings[x->mapping], b->mappings[y->mapping]);
        }
}

static void execute_sql(const char *path, const char *sql) {
        sqlite3 *db = NULL;

        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(round_trip) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *expected = frame_number(12), *frame = NULL, *none = NULL;
        _cleanup_free_ FramePoint *points = NULL;
        struct stat st;
        size_t n = 0;
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        append_numbers(recording, 10, 12);
        append_numbers(recording, 15, 15);
        ck_assert_uint_eq(recording_missed(recording), 2);
        recording = recording_close(recording);

        /* for the owner only, and one plain file */
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
        ck_assert_int_lt(access(scratch_path(&scratch, "a.db-wal"), F_OK), 0);

        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_eq(recording_count(recording), 4);
        ck_assert_uint_eq(recording_missed(recording), 2);
        ck_assert_str_eq(recording_meta(recording, "monitor"), "web");
        ck_assert_ptr_null(recording_meta(recording, "nothing"));
        ck_assert_int_eq(recording_read(recording, 3, &frame), 0);
        assert_frames_equal(frame, expected);
        ck_assert_int_eq(recording_read(recording, 5, &none), 0);
        ck_assert_ptr_null(none);
        ck_assert_int_eq(recording_points(recording, &points, &n), 0);
        ck_assert_uint_eq(n, 4);
        ck_assert_uint_eq(points[3].sequence, 15);
}
END_TEST

/* Recordings of the first format do not tell what rates rest on. */
START_TEST(first_format) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *frame = frame_number(1), *told = NULL, *untold = NULL;
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        frame->regions[0].rate_samples = 12.5;
        frame->regions[1].rate_samples = -1;
        ck_assert_int_eq(recording_append(recording, frame), 0);
        recording = recording_close(recording);

        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_int_eq(recording_read(recording, 1, &told), 0);
        recording = recording_close(recording);
        ck_assert_double_eq(told->regions[0].rate_samples, 12.5);
        ck_assert_double_ge(frame_region_confidence(&told->regions[0]), 0.5);
        ck_assert_double_lt(frame_region_confidence(&told->regions[1]), 0);

        execute_sql(path, "ALTER TABLE region DROP COLUMN rate_samples;" NO_PHYSICAL "PRAGMA user_version=1");
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_int_eq(recording_read(recording, 1, &untold), 0);
        ck_assert_uint_eq(untold->n_regions, told->n_regions);
        ck_assert_double_lt(frame_region_confidence(&untold->regions[0]), 0);
        ck_assert_double_eq(untold->regions[0].rate, told->regions[0].rate);
}
END_TEST

START_TEST(private_one) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *frame = NULL;

        ck_assert_int_eq(recording_create(NULL, false, &recording), 0);
        append_numbers(recording, 1, 5);
        ck_assert_int_eq(recording_read(recording, 5, &frame), 0);
        ck_assert_uint_eq(frame->point.sequence, 5);
}
END_TEST

START_TEST(overwriting) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        append_numbers(recording, 1, 3);
        recording = recording_close(recording);
        ck_assert_int_eq(recording_create(path, false, &recording), CTL_REFUSED);
        ck_assert_ptr_null(recording);
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_eq(recording_count(recording), 3);
        recording = recording_close(recording);

        ck_assert_int_eq(recording_create(path, true, &recording), 0);
        recording = recording_close(recording);
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_eq(recording_count(recording), 0);
        recording = recording_close(recording);
        /* not even with force */
        ck_assert_int_eq(recording_create(scratch.path, true, &recording), CTL_REFUSED);
        ck_assert_int_ne(recording_create(scratch_path(&scratch, "none/a.db"), false, &recording),
                         0);
}
END_TEST

/* Writes until it is killed; says on the pipe what was committed. */
__attribute__((noreturn)) static void write_for_ever(const char *path, int fd) {
        Recording *recording = NULL;

        if (recording_create(path, false, &recording) != 0)
                _exit(1);
        for (uint64_t n = 1;; n++) {
                Frame *frame = frame_number(n);

                if (recording_append(recording, frame) != 0 ||
                    write(fd, &n, sizeof(n)) != sizeof(n))
                        _exit(1);
                (void) frame_free(frame);
        }
}

START_TEST(killed_writer) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *frame = NULL;
        uint64_t committed = 0, n;
        char *path;
        int fds[2];
        pid_t pid;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        if (pid == 0)
                write_for_ever(path, fds[1]);
        (void) close(fds[1]);
        while (committed < 500 && read(fds[0], &n, sizeof(n)) == sizeof(n))
                committed = n;
        (void) kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        while (read(fds[0], &n, sizeof(n)) == sizeof(n))
                committed = n;
        (void) close(fds[0]);

        ck_assert_uint_ge(committed, 500);
        ck_assert_int_eq(recording_open(path, &recording), 0);
        /* the last one may have been committed without having been announced */
        ck_assert_uint_ge(recording_count(recording), committed);
        ck_assert_uint_le(recording_count(recording), committed + 1);
        ck_assert_int_eq(recording_read(recording, committed, &frame), 0);
        ck_assert_uint_eq(frame->point.sequence, committed);
        ck_assert_uint_eq(frame->n_regions, ELEMENTSOF(regions));
}
END_TEST

/* A reader beside the writer sees what is committed and disturbs nobody. */
START_TEST(reader_beside_writer) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *writer = NULL, *reader = NULL;
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &writer), 0);
        append_numbers(writer, 1, 3);
        ck_assert_int_eq(recording_open(path, &reader), 0);
        ck_assert_uint_eq(recording_count(reader), 3);
        append_numbers(writer, 4, 6);
        ck_assert_uint_eq(recording_count(reader), 3);
}
END_TEST

/* Runs in a child of its own, as the limit on file sizes cannot be taken back. */
static int fill_disk(const char *path) {
        struct rlimit limit = { 300 * 1024, 300 * 1024 };
        Recording *recording = NULL;
        uint64_t n = 0;
        int r = 0;

        (void) signal(SIGXFSZ, SIG_IGN);
        if (recording_create(path, false, &recording) != 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0)
                return 1;
        while (r == 0 && n < 100000) {
                Frame *frame = frame_number(++n);

                r = recording_append(recording, frame);
                (void) frame_free(frame);
        }
        if (r != CTL_REFUSED || !recording_failed(recording))
                return 2;
        for (int i = 0; i < 3; i++) {
                Frame *frame = frame_number(++n);

                if (recording_append(recording, frame) != CTL_REFUSED)
                        return 3;
                (void) frame_free(frame);
        }
        (void) recording_close(recording);
        return 0;
}

START_TEST(full_disk) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *frame = NULL;
        _cleanup_free_ char *told = NULL;
        int err = memfd_create("err", MFD_CLOEXEC), status;
        char *path;
        pid_t pid;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        pid = fork();
        if (pid == 0) {
                (void) dup2(err, STDERR_FILENO);
                _exit(fill_disk(path));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        told = read_fd(err);
        ck_assert_contains(told, "cannot write: ");
        ck_assert_contains(told, "recording stops after");
        /* once */
        ck_assert_ptr_null(strstr(strstr(told, "recording stops") + 1, "recording stops"));

        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_uint_gt(recording_count(recording), 0);
        ck_assert_int_eq(recording_read(recording, recording_count(recording), &frame), 0);
        ck_assert_uint_eq(frame->n_regions, ELEMENTSOF(regions));
        (void) close(err);
}
END_TEST

static void write_file(const char *path, const char *text, size_t size) {
        int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

        ck_assert_int_eq(write(fd, text, size), (ssize_t) size);
        (void) close(fd);
}

static void assert_refused(const char *path, int status, const char *reason) {
        _cleanup_(captured_deinit) Captured c = capture(W("regions"), W("-i"), W(path));

        ck_assert_contains(c.err, reason);
        ck_assert_int_eq(c.status, status);
        ck_assert_one_line(c.err);
        ck_assert_str_eq(c.out, "");
}

/* What of physical memory is free, or the kernel's, is told as it was. */
START_TEST(physical_memory) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *frame = frame_number(1), *read = NULL;
        _cleanup_free_ FramePoint *points = NULL;
        size_t n = 0;
        char *path;

        frame->point.working_set.free = 3 * MIB;
        frame->point.working_set.kernel = MIB;
        frame->point.working_set.hugetlb = 4096;
        frame->point.working_set.offline = 8192;
        frame->regions[0].apart = 0.75;
        frame->regions[1].apart = 1;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        ck_assert_int_eq(recording_append(recording, frame), 0);
        recording = recording_close(recording);
        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_int_eq(recording_read(recording, 1, &read), 0);
        assert_frames_equal(read, frame);
        ck_assert_uint_eq(frame_region_memory(&read->regions[0]), MIB);
        ck_assert_uint_eq(frame_region_memory(&read->regions[1]), 0);
        ck_assert_int_eq(recording_points(recording, &points, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_mem_eq(&points[0], &frame->point, sizeof(points[0]));
        recording = recording_close(recording);

        execute_sql(path, "UPDATE region SET trackable = 1.5");
        assert_refused(path, CTL_REFUSED, "damaged: snapshot 1: a region makes no sense");
}
END_TEST

START_TEST(second_format) {
        _cleanup_(scratch_deinit) Scratch scratch;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(frame_freep) Frame *expected = frame_number(2), *frame = NULL;
        _cleanup_free_ FramePoint *points = NULL;
        size_t n = 0;
        char *path;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        append_numbers(recording, 1, 3);
        recording = recording_close(recording);
        execute_sql(path, NO_PHYSICAL "PRAGMA user_version=2");

        ck_assert_int_eq(recording_open(path, &recording), 0);
        ck_assert_int_eq(recording_read(recording, 2, &frame), 0);
        assert_frames_equal(frame, expected);
        ck_assert_int_eq(recording_points(recording, &points, &n), 0);
        ck_assert_uint_eq(n, 3);
        ck_assert_mem_eq(&points[1], &expected->point, sizeof(points[1]));
}
END_TEST

START_TEST(foreign_files) {
        _cleanup_(scratch_deinit) Scratch scratch;
        char text[4096], *path;

        scratch_init(&scratch);
        memset(text, 'x', sizeof(text));
        path = scratch_path(&scratch, "a.db");
        assert_refused(path, CTL_GONE, "No such file");
        write_file(path, text, sizeof(text));
        assert_refused(path, CTL_REFUSED, "not a recording (not an SQLite database)");
        write_file(path, "", 0);
        assert_refused(path, CTL_REFUSED, "not a recording");
        assert_refused(scratch.path, CTL_REFUSED, "cannot");

        path = scratch_path(&scratch, "b.db");
        execute_sql(path, "CREATE TABLE t(x)");
        assert_refused(path, CTL_REFUSED, "an SQLite database of another program");
        execute_sql(path, "PRAGMA application_id=1969512813; PRAGMA user_version=99");
        assert_refused(path, CTL_REFUSED, "has format 99");
        execute_sql(path, "PRAGMA user_version=1");
        assert_refused(path, CTL_REFUSED, "no such table");
}
END_TEST

START_TEST(damaged_files) {
        _cleanup_(scratch_deinit) Scratch scratch;
        Recording *recording = NULL;
        char junk[8192], *path;
        int fd;

        scratch_init(&scratch);
        path = scratch_path(&scratch, "a.db");
        ck_assert_int_eq(recording_create(path, false, &recording), 0);
        assert_refused(path, CTL_GONE, "holds no snapshot");
        append_numbers(recording, 1, 200);
        (void) recording_close(recording);

        execute_sql(path,
                    "UPDATE region SET hits = 30 WHERE snapshot = 200 AND start_address = 65536");
        assert_refused(path, CTL_REFUSED, "damaged: snapshot 200: a region makes no sense");
        execute_sql(path, "UPDATE region SET hits = 1; UPDATE region SET end_address = 1 << 46 "
                          "WHERE snapshot = 200");
        assert_refused(path, CTL_REFUSED, "damaged: snapshot 200: ");
        execute_sql(path, "DELETE FROM snapshot WHERE id = 100");
        assert_refused(path, CTL_REFUSED, "not consecutive");

        memset(junk, 0xa5, sizeof(junk));
        fd = open(path, O_WRONLY | O_CLOEXEC);
        for (off_t at = 4096; at < 20 * 4096; at += 8192)
                ck_assert_int_eq(pwrite(fd, junk, 4096, at), 4096);
        (void) close(fd);
        assert_refused(path, CTL_REFUSED, "damaged");
}
END_TEST

int main(void) {
        TCase *tcase = tcase_create("recording");

        tcase_add_test(tcase, round_trip);
        tcase_add_test(tcase, first_format);
        tcase_add_test(tcase, private_one);
        tcase_add_test(tcase, overwriting);
        tcase_add_test(tcase, physical_memory);
        tcase_add_test(tcase, second_format);
        tcase_add_test(tcase, killed_writer);
        tcase_add_test(tcase, reader_beside_writer);
        tcase_add_test(tcase, full_disk);
        tcase_add_test(tcase, foreign_files);
        tcase_add_test(tcase, damaged_files);
        return run_case("ctl-recording", tcase);
}
