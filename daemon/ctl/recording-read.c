/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings: reading. A file may come from anywhere: what it says is checked like a reply. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "base/error.h"
#include "recording-internal.h"
#include "message.h"

static int damaged(const Recording *recording, uint64_t number, const char *what) {
        return fail(CTL_REFUSED, "%s is damaged: snapshot %" PRIu64 ": %s",
                    recording->path ? recording->path : "the temporary recording", number, what);
}

static int query_number(Recording *recording, const char *sql, int64_t *ret) {
        _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;

        if (sqlite3_prepare_v2(recording->db, sql, -1, &statement, NULL) != SQLITE_OK ||
            sqlite3_step(statement) != SQLITE_ROW)
                return recording_complain(recording, "cannot read");
        *ret = sqlite3_column_int64(statement, 0);
        return 0;
}

static int check_identity(Recording *recording) {
        int64_t id, version;
        int r;

        r = query_number(recording, "PRAGMA application_id", &id);
        if (r == 0)
                r = query_number(recording, "PRAGMA user_version", &version);
        if (r != 0)
                return r;
        if (id != RECORDING_APPLICATION_ID)
                return fail(CTL_REFUSED,
                            "%s is not a recording (an SQLite database of another program)",
                            recording->path);
        recording->version = (int) CLAMP(version, (int64_t) 0, (int64_t) INT_MAX);
        if (version < RECORDING_VERSION_OLDEST || version > RECORDING_VERSION)
                return fail(CTL_REFUSED,
                            "%s has format %" PRIi64 "; this udamonctl reads formats up to %d",
                            recording->path, version, RECORDING_VERSION);
        return 0;
}

static int load_meta(Recording *recording) {
        _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
        int code, r;

        r = recording_prepare(recording, "SELECT key, value FROM meta", &statement);
        if (r != 0)
                return r;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                const char *key = (const char *) sqlite3_column_text(statement, 0);
                const char *value = (const char *) sqlite3_column_text(statement, 1);

                r = recording_remember_meta(recording, key ? key : "", value ? value : "");
                if (r < 0)
                        return r;
        }
        return code == SQLITE_DONE ? 0 : recording_complain(recording, "cannot read");
}

static int load_extent(Recording *recording) {
        _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
        int r;

        r = recording_prepare(recording,
                              "SELECT count(*), coalesce(max(id), 0), coalesce(min(sequence), 0),"
                              " coalesce(max(sequence), 0) FROM snapshot",
                              &statement);
        if (r != 0)
                return r;
        if (sqlite3_step(statement) != SQLITE_ROW)
                return recording_complain(recording, "cannot read");
        recording->count = (uint64_t) sqlite3_column_int64(statement, 0);
        if (sqlite3_column_int64(statement, 1) != sqlite3_column_int64(statement, 0))
                return damaged(recording, recording->count, "the numbers are not consecutive");
        recording->first_sequence = (uint64_t) sqlite3_column_int64(statement, 2);
        recording->last_sequence = (uint64_t) sqlite3_column_int64(statement, 3);
        return 0;
}

int recording_open(const char *path, Recording **ret) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        int r;

        if (access(path, R_OK) < 0)
                return fail(errno == ENOENT ? CTL_GONE : errno == EACCES ? CTL_DENIED : CTL_REFUSED,
                            "cannot read %s: %s", path, error_text(-errno));
        r = recording_new(path, SQLITE_OPEN_READONLY, &recording);
        if (r == 0)
                r = check_identity(recording);
        if (r == 0)
                r = load_meta(recording);
        if (r == 0)
                r = load_extent(recording);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(recording);
        return 0;
}

static uint64_t column_number(sqlite3_stmt *statement, int column) {
        sqlite3_int64 value;

        if (sqlite3_column_type(statement, column) == SQLITE_NULL)
                return FRAME_UNKNOWN;
        value = sqlite3_column_int64(statement, column);
        return value < 0 ? 0 : (uint64_t) value;
}

#define POINT_COLUMNS                                                                              \
        "sequence, time_ns, window_ns, ws_bytes, ws_error, ws_touched, ws_untrackable, "           \
        "total_bytes, resident_bytes, regions, sample_ns, aggregate_ns, "
/* Without them the working set would count what is free as idle. */
#define POINT_APART "free_bytes, kernel_bytes, hugetlb_bytes, offline_bytes FROM snapshot "
#define POINT_APART_OLD "0, 0, 0, 0 FROM snapshot "

static bool is_with_physical(const Recording *recording) {
        return recording->version > 2;
}

static FramePoint point_of_row(sqlite3_stmt *statement) {
        return (FramePoint) {
                .sequence = column_number(statement, 0),
                .time_ns = column_number(statement, 1),
                .window_ns = column_number(statement, 2),
                .working_set.bytes = column_number(statement, 3),
                .working_set.error = column_number(statement, 4),
                .working_set.touched = column_number(statement, 5),
                .working_set.untrackable = column_number(statement, 6),
                .working_set.total = column_number(statement, 7),
                .resident_bytes = column_number(statement, 8),
                .regions = column_number(statement, 9),
                .working_set.free = column_number(statement, 12),
                .working_set.kernel = column_number(statement, 13),
                .working_set.hugetlb = column_number(statement, 14),
                .working_set.offline = column_number(statement, 15),
        };
}

int recording_points(Recording *recording, FramePoint **ret, size_t *ret_n) {
        _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
        _cleanup_free_ FramePoint *points = calloc(recording->count + 1, sizeof(*points));
        size_t n = 0;
        int code = SQLITE_DONE, r;

        if (!points)
                return -ENOMEM;
        r = recording_prepare(recording,
                              is_with_physical(recording) ? "SELECT " POINT_COLUMNS POINT_APART "ORDER BY id"
                                                          : "SELECT " POINT_COLUMNS POINT_APART_OLD "ORDER BY id",
                              &statement);
        if (r != 0)
                return r;
        /* a writer may have added some since it was opened */
        while (n < recording->count && (code = sqlite3_step(statement)) == SQLITE_ROW)
                points[n++] = point_of_row(statement);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return recording_complain(recording, "cannot read");
        *ret = TAKE_PTR(points);
        *ret_n = n;
        return 0;
}

static char *copy_meta(const Recording *recording, const char *key, const char *fallback) {
        const char *value = recording_meta(recording, key);

        return strdup(value ? value : fallback);
}

/* The row of the snapshot itself. *ret_found says whether there is one. */
static int read_header(Recording *recording, uint64_t number, Frame *frame, bool *ret_found) {
        _cleanup_(statement_resetp) sqlite3_stmt *statement = NULL;
        const char *reads;
        int code, r;

        r = recording_prepare(recording,
                              is_with_physical(recording) ? "SELECT " POINT_COLUMNS POINT_APART "WHERE id=?"
                                                          : "SELECT " POINT_COLUMNS POINT_APART_OLD "WHERE id=?",
                              &recording->select_snapshot);
        if (r != 0)
                return r;
        statement = recording->select_snapshot;
        (void) sqlite3_bind_int64(statement, 1, (sqlite3_int64) number);
        code = sqlite3_step(statement);
        if (code == SQLITE_DONE) {
                *ret_found = false;
                return 0;
        }
        if (code != SQLITE_ROW)
                return recording_complain(recording, "cannot read");

        frame->point = point_of_row(statement);
        frame->sample_ns = column_number(statement, 10);
        frame->aggregate_ns = column_number(statement, 11);
        frame->monitor = copy_meta(recording, "monitor", "?");
        frame->source = copy_meta(recording, "source", "?");
        frame->granularity = copy_meta(recording, "granularity", "page");
        reads = recording_meta(recording, "reads_seen");
        frame->reads_seen = !reads || streq(reads, "1");
        *ret_found = true;
        return frame->monitor && frame->source && frame->granularity ? 0 : -ENOMEM;
}

static int read_targets(Recording *recording, uint64_t number, Frame *frame) {
        _cleanup_(statement_resetp) sqlite3_stmt *s = NULL;
        int code, r;

        r = recording_prepare(
                recording,
                "SELECT s.target, t.pid, t.command, s.state, s.address_space, "
                "s.resident_bytes FROM target_state s JOIN target t ON t.id = s.target "
                "WHERE s.snapshot=? ORDER BY s.target",
                &recording->select_states);
        if (r != 0)
                return r;
        s = recording->select_states;
        (void) sqlite3_bind_int64(s, 1, (sqlite3_int64) number);
        while ((code = sqlite3_step(s)) == SQLITE_ROW) {
                const char *command = (const char *) sqlite3_column_text(s, 2);
                const char *state = (const char *) sqlite3_column_text(s, 3);

                r = frame_add_target(frame, &(FrameTarget) {
                        .id = column_number(s, 0),
                        .pid = sqlite3_column_int64(s, 1),
                        .command = (char *) (command ? command : "?"),
                        .state = (char *) (state ? state : "?"),
                        .address_space = column_number(s, 4),
                        .resident_bytes = column_number(s, 5),
                });
                if (r < 0)
                        return r;
        }
        return code == SQLITE_DONE ? 0 : recording_complain(recording, "cannot read");
}

static int add_row(Recording *recording, sqlite3_stmt *s, uint64_t number, Frame *frame) {
        const char *mapping = (const char *) sqlite3_column_text(s, 8);
        int target = frame_find_target(frame, column_number(s, 0));
        FrameRegion region = {
                .start = column_number(s, 1),
                .end = column_number(s, 2),
                .hits = column_number(s, 3),
                .samples = column_number(s, 4),
                .untrackable = column_number(s, 5),
                .rate = sqlite3_column_double(s, 6),
                .age_ns = column_number(s, 7),
                .rate_samples = sqlite3_column_type(s, 9) == SQLITE_NULL ? -1 : sqlite3_column_double(s, 9),
                .apart = 1 - sqlite3_column_double(s, 10),
        };
        const FrameRegion *last =
                frame->n_regions > 0 ? &frame->regions[frame->n_regions - 1] : NULL;
        int r;

        if (target < 0 || region.start >= region.end || region.hits > region.samples ||
            !(region.rate >= 0 && region.rate <= 1) || !(region.apart >= 0 && region.apart <= 1))
                return damaged(recording, number, "a region makes no sense");
        region.target = (uint32_t) target;
        if (last && last->target == region.target && last->end > region.start)
                return damaged(recording, number, "regions overlap");
        r = frame_add_mapping(frame, mapping ? mapping : "", &region.mapping);
        return r < 0 ? r : frame_add_region(frame, &region);
}

#define REGIONS(samples, trackable)                                                                \
        "SELECT r.target, r.start_address, r.end_address, r.hits, r.samples, r.untrackable, "      \
        "r.rate, r.age_ns, m.name, " samples ", " trackable " FROM region r LEFT JOIN mapping m "  \
        "ON m.id = r.mapping WHERE r.snapshot=? ORDER BY r.target, r.start_address"
/* By version. */
static const char *const select_regions[] = {
        [1] = REGIONS("NULL", "1"),
        [2] = REGIONS("r.rate_samples", "1"),
        [RECORDING_VERSION] = REGIONS("r.rate_samples", "r.trackable"),
};

static int read_regions(Recording *recording, uint64_t number, Frame *frame) {
        _cleanup_(statement_resetp) sqlite3_stmt *s = NULL;
        int code, r;

        r = recording_prepare(recording, select_regions[recording->version],
                              &recording->select_regions);
        if (r != 0)
                return r;
        s = recording->select_regions;
        (void) sqlite3_bind_int64(s, 1, (sqlite3_int64) number);
        while ((code = sqlite3_step(s)) == SQLITE_ROW) {
                r = add_row(recording, s, number, frame);
                if (r != 0)
                        return r;
        }
        return code == SQLITE_DONE ? 0 : recording_complain(recording, "cannot read");
}

int recording_read(Recording *recording, uint64_t number, Frame **ret) {
        _cleanup_(frame_freep) Frame *frame = frame_new();
        bool found = false;
        int r;

        if (!frame)
                return -ENOMEM;
        r = read_header(recording, number, frame, &found);
        if (r != 0)
                return r;
        if (!found) {
                *ret = NULL;
                return 0;
        }
        r = read_targets(recording, number, frame);
        if (r == 0)
                r = read_regions(recording, number, frame);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(frame);
        return 0;
}
