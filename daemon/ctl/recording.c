/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings: opening, closing and writing. */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "recording-internal.h"
#include "message.h"

static const char schema[] =
        "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
        "CREATE TABLE target(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, command TEXT NOT NULL);"
        "CREATE TABLE mapping(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
        "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL,"
        " time_ns INTEGER NOT NULL, window_ns INTEGER NOT NULL, sample_ns INTEGER NOT NULL,"
        " aggregate_ns INTEGER NOT NULL, ws_bytes INTEGER NOT NULL, ws_error INTEGER NOT NULL,"
        " ws_touched INTEGER NOT NULL, ws_untrackable INTEGER NOT NULL, total_bytes INTEGER NOT "
        "NULL,"
        " resident_bytes INTEGER, regions INTEGER NOT NULL, free_bytes INTEGER NOT NULL,"
        " kernel_bytes INTEGER NOT NULL, hugetlb_bytes INTEGER NOT NULL, offline_bytes INTEGER NOT "
        "NULL);"
        "CREATE TABLE target_state(snapshot INTEGER NOT NULL, target INTEGER NOT NULL,"
        " state TEXT NOT NULL, address_space INTEGER NOT NULL, resident_bytes INTEGER,"
        " PRIMARY KEY(snapshot, target)) WITHOUT ROWID;"
        "CREATE TABLE region(snapshot INTEGER NOT NULL, target INTEGER NOT NULL,"
        " start_address INTEGER NOT NULL, end_address INTEGER NOT NULL, hits INTEGER NOT NULL,"
        " samples INTEGER NOT NULL, untrackable INTEGER NOT NULL, rate REAL NOT NULL,"
        " age_ns INTEGER NOT NULL, mapping INTEGER NOT NULL, rate_samples REAL,"
        " trackable REAL NOT NULL,"
        " PRIMARY KEY(snapshot, target, start_address)) WITHOUT ROWID;";

static const char *display_path(const Recording *recording) {
        return recording->path ? recording->path : "the temporary recording";
}

int recording_complain(Recording *recording, const char *what) {
        int code = sqlite3_errcode(recording->db), e = sqlite3_system_errno(recording->db);

        if (code == SQLITE_NOMEM)
                return -ENOMEM;
        if (code == SQLITE_NOTADB)
                return fail(CTL_REFUSED, "%s is not a recording (not an SQLite database)",
                            display_path(recording));
        if (code == SQLITE_CORRUPT)
                return fail(CTL_REFUSED,
                            "%s is damaged; 'sqlite3 FILE .recover' may save what is left",
                            display_path(recording));
        if (code == SQLITE_FULL)
                return fail(CTL_REFUSED, "%s: %s: no space left", display_path(recording), what);
        if (code == SQLITE_IOERR && e > 0)
                return fail(CTL_REFUSED, "%s: %s: %s", display_path(recording), what,
                            error_text(-e));
        return fail(CTL_REFUSED, "%s: %s: %s", display_path(recording), what,
                    sqlite3_errmsg(recording->db));
}

int recording_prepare(Recording *recording, const char *sql, sqlite3_stmt **statement) {
        if (*statement)
                return 0;
        if (sqlite3_prepare_v3(recording->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement,
                               NULL) != SQLITE_OK)
                return recording_complain(recording, "a statement");
        return 0;
}

static int execute(Recording *recording, const char *sql, const char *what) {
        if (sqlite3_exec(recording->db, sql, NULL, NULL, NULL) != SQLITE_OK)
                return recording_complain(recording, what);
        return 0;
}

/* Takes the place of what is there only when told to; the write-ahead files of an old recording
 * must never be replayed into the new one. */
static int claim_path(const char *path, bool force) {
        static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
        struct stat st;
        int fd;

        if (force && lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
                return fail(CTL_REFUSED, "%s is not a regular file", path);
        for (size_t i = force ? 0 : ELEMENTSOF(suffixes); i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *name = NULL;

                if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
                        return -ENOMEM;
                if (unlink(name) < 0 && errno != ENOENT)
                        return fail(CTL_REFUSED, "cannot replace %s: %s", name, error_text(-errno));
        }

        /* for the owner only: addresses help an attacker */
        fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
                return fail(CTL_REFUSED, "%s exists; --force replaces it", path);
        if (fd < 0)
                return fail(errno == EACCES || errno == EPERM ? CTL_DENIED : CTL_REFUSED,
                            "cannot create %s: %s", path, error_text(-errno));
        (void) close(fd);
        return 0;
}

int recording_new(const char *path, int flags, Recording **ret) {
        _cleanup_(recording_closep) Recording *recording = calloc(1, sizeof(Recording));
        _cleanup_free_ char *name = NULL;

        if (!recording)
                return -ENOMEM;
        recording->names = frame_new();
        recording->path = path ? strdup(path) : NULL;
        if (!recording->names || (path && !recording->path))
                return -ENOMEM;

        /* SQLite takes names such as ":memory:" for its own */
        if (asprintf(&name, "%s%s", path && path[0] == ':' ? "./" : "", path ? path : "") < 0)
                return -ENOMEM;
        if (sqlite3_open_v2(name, &recording->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
                return recording->db ? recording_complain(recording, "cannot open") : -ENOMEM;
        (void) sqlite3_busy_timeout(recording->db, 5000);
        (void) sqlite3_db_config(recording->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void) sqlite3_db_config(recording->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);

        *ret = TAKE_PTR(recording);
        return 0;
}

static int set_up(Recording *recording) {
        char sql[256], now[32];
        int r;

        (void) snprintf(sql, sizeof(sql),
                        "PRAGMA application_id=%d; PRAGMA user_version=%d; "
                        "PRAGMA journal_mode=%s; PRAGMA synchronous=%s; BEGIN",
                        RECORDING_APPLICATION_ID, RECORDING_VERSION,
                        recording->path ? "WAL" : "MEMORY", recording->path ? "NORMAL" : "OFF");
        r = execute(recording, sql, "cannot set up");
        if (r == 0)
                r = execute(recording, schema, "cannot set up");
        if (r == 0)
                r = execute(recording, "COMMIT", "cannot set up");
        if (r != 0)
                return r;

        (void) snprintf(now, sizeof(now), "%" PRIu64, clock_nsec(CLOCK_REALTIME));
        r = recording_set_meta(recording, "writer", "udamonctl " UDAMON_VERSION);
        return r != 0 ? r : recording_set_meta(recording, "created_ns", now);
}

int recording_create(const char *path, bool force, Recording **ret) {
        _cleanup_(recording_closep) Recording *recording = NULL;
        int r;

        r = path ? claim_path(path, force) : 0;
        if (r != 0)
                return r;
        r = recording_new(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &recording);
        if (r != 0)
                return r;
        recording->writing = true;
        recording->version = RECORDING_VERSION;
        r = set_up(recording);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(recording);
        return 0;
}

static void finalize_all(Recording *recording) {
        sqlite3_stmt *statement;

        while ((statement = sqlite3_next_stmt(recording->db, NULL)))
                (void) sqlite3_finalize(statement);
}

Recording *recording_close(Recording *recording) {
        if (!recording)
                return NULL;

        if (recording->db) {
                finalize_all(recording);
                /* Best effort: a plain file can be read from anywhere, also from a read-only
                 * medium. With readers at work or a full disk it stays in write-ahead mode. */
                if (recording->writing && recording->path)
                        (void) sqlite3_exec(recording->db, "PRAGMA journal_mode=DELETE", NULL, NULL,
                                            NULL);
                (void) sqlite3_close(recording->db);
        }
        for (size_t i = 0; i < recording->n_meta; i++) {
                free(recording->meta[i].key);
                free(recording->meta[i].value);
        }
        free(recording->meta);
        (void) frame_free(recording->names);
        free(recording->path);
        free(recording);
        return NULL;
}

int recording_remember_meta(Recording *recording, const char *key, const char *value) {
        MetaEntry *meta = reallocarray(recording->meta, recording->n_meta + 1, sizeof(*meta));
        _cleanup_free_ char *k = strdup(key), *v = strdup(value);

        if (meta)
                recording->meta = meta;
        if (!meta || !k || !v)
                return -ENOMEM;
        recording->meta[recording->n_meta++] = (MetaEntry) { TAKE_PTR(k), TAKE_PTR(v) };
        return 0;
}

const char *recording_meta(const Recording *recording, const char *key) {
        /* the last one set is the one that counts */
        for (size_t i = recording->n_meta; i-- > 0;)
                if (streq(recording->meta[i].key, key))
                        return recording->meta[i].value;
        return NULL;
}

int recording_set_meta(Recording *recording, const char *key, const char *value) {
        _cleanup_(statement_finalizep) sqlite3_stmt *statement = NULL;
        int r;

        if (recording->failed)
                return CTL_REFUSED;
        r = recording_prepare(recording, "INSERT OR REPLACE INTO meta VALUES(?,?)", &statement);
        if (r != 0)
                return r;
        (void) sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        (void) sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) != SQLITE_DONE)
                return recording_complain(recording, "cannot write");
        return recording_remember_meta(recording, key, value);
}

/* Binds integers to the parameters from `first` on. FRAME_UNKNOWN becomes NULL. */
static void bind_numbers(sqlite3_stmt *statement, int first, const uint64_t *numbers, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (numbers[i] == FRAME_UNKNOWN)
                        (void) sqlite3_bind_null(statement, first + (int) i);
                else
                        (void) sqlite3_bind_int64(statement, first + (int) i,
                                                  (sqlite3_int64) numbers[i]);
}

static int step_and_reset(Recording *recording, sqlite3_stmt *statement) {
        int code = sqlite3_step(statement);

        (void) sqlite3_reset(statement);
        return code == SQLITE_DONE ? 0 : recording_complain(recording, "cannot write");
}

static int prepare_inserts(Recording *r) {
        int e;

        e = recording_prepare(r, "INSERT INTO snapshot VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                              &r->insert_snapshot);
        if (e == 0)
                e = recording_prepare(r, "INSERT OR REPLACE INTO target VALUES(?,?,?)",
                                      &r->insert_target);
        if (e == 0)
                e = recording_prepare(r, "INSERT INTO target_state VALUES(?,?,?,?,?)",
                                      &r->insert_state);
        if (e == 0)
                e = recording_prepare(r, "INSERT INTO region VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
                                      &r->insert_region);
        if (e == 0)
                e = recording_prepare(r, "INSERT OR IGNORE INTO mapping VALUES(?,?)",
                                      &r->insert_mapping);
        return e;
}

static int append_header(Recording *recording, const Frame *frame, uint64_t id) {
        const FramePoint *p = &frame->point;
        const uint64_t numbers[] = {
                id, p->sequence, p->time_ns, p->window_ns, frame->sample_ns, frame->aggregate_ns,
                p->working_set.bytes, p->working_set.error, p->working_set.touched,
                p->working_set.untrackable, p->working_set.total, p->resident_bytes, p->regions,
                p->working_set.free, p->working_set.kernel, p->working_set.hugetlb, p->working_set.offline,
        };

        bind_numbers(recording->insert_snapshot, 1, numbers, ELEMENTSOF(numbers));
        return step_and_reset(recording, recording->insert_snapshot);
}

static int append_target(Recording *recording, const FrameTarget *target, uint64_t id) {
        sqlite3_stmt *t = recording->insert_target, *s = recording->insert_state;
        int r;

        (void) sqlite3_bind_int64(t, 1, (sqlite3_int64) target->id);
        (void) sqlite3_bind_int64(t, 2, target->pid);
        (void) sqlite3_bind_text(t, 3, target->command, -1, SQLITE_STATIC);
        r = step_and_reset(recording, t);
        if (r != 0)
                return r;

        bind_numbers(s, 1, (const uint64_t[]) { id, target->id }, 2);
        (void) sqlite3_bind_text(s, 3, target->state, -1, SQLITE_STATIC);
        bind_numbers(s, 4, (const uint64_t[]) { target->address_space, target->resident_bytes }, 2);
        return step_and_reset(recording, s);
}

/* Names the frame's mappings; ids[i] is the id of its mapping i. */
static int append_mappings(Recording *recording, const Frame *frame, uint32_t *ids) {
        for (size_t i = 0; i < frame->n_mappings; i++) {
                size_t known = recording->names->n_mappings;
                int r;

                r = frame_add_mapping(recording->names, frame->mappings[i], &ids[i]);
                if (r < 0)
                        return r;
                ids[i]++;
                if (recording->names->n_mappings == known)
                        continue;
                bind_numbers(recording->insert_mapping, 1, (const uint64_t[]) { ids[i] }, 1);
                (void) sqlite3_bind_text(recording->insert_mapping, 2, frame->mappings[i], -1,
                                         SQLITE_STATIC);
                r = step_and_reset(recording, recording->insert_mapping);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int append_regions(Recording *recording, const Frame *frame, uint64_t id) {
        _cleanup_free_ uint32_t *ids = calloc(frame->n_mappings + 1, sizeof(*ids));
        sqlite3_stmt *s = recording->insert_region;
        int r;

        if (!ids)
                return -ENOMEM;
        r = append_mappings(recording, frame, ids);
        for (size_t i = 0; r == 0 && i < frame->n_regions; i++) {
                const FrameRegion *region = &frame->regions[i];
                const uint64_t head[] = {id,
                                         frame->targets[region->target].id,
                                         region->start,
                                         region->end,
                                         region->hits,
                                         region->samples,
                                         region->untrackable};

                bind_numbers(s, 1, head, ELEMENTSOF(head));
                (void) sqlite3_bind_double(s, 8, region->rate);
                bind_numbers(s, 9, (const uint64_t[]) { region->age_ns, ids[region->mapping] }, 2);
                if (region->rate_samples >= 0)
                        (void) sqlite3_bind_double(s, 11, region->rate_samples);
                else
                        (void) sqlite3_bind_null(s, 11);
                (void) sqlite3_bind_double(s, 12, 1 - region->apart);
                r = step_and_reset(recording, s);
        }
        return r;
}

static int append_meta(Recording *recording, const Frame *frame) {
        int r;

        r = recording_set_meta(recording, "monitor", frame->monitor);
        if (r == 0)
                r = recording_set_meta(recording, "source", frame->source);
        if (r == 0)
                r = recording_set_meta(recording, "granularity", frame->granularity);
        if (r == 0)
                r = recording_set_meta(recording, "reads_seen", frame->reads_seen ? "1" : "0");
        return r;
}

static int append_all(Recording *recording, const Frame *frame) {
        uint64_t id = recording->count + 1;
        int r;

        r = prepare_inserts(recording);
        if (r == 0)
                r = execute(recording, "BEGIN", "cannot write");
        if (r == 0 && recording->count == 0)
                r = append_meta(recording, frame);
        if (r == 0)
                r = append_header(recording, frame, id);
        for (size_t i = 0; r == 0 && i < frame->n_targets; i++)
                r = append_target(recording, &frame->targets[i], id);
        if (r == 0)
                r = append_regions(recording, frame, id);
        if (r == 0)
                r = execute(recording, "COMMIT", "cannot write");
        return r;
}

int recording_append(Recording *recording, const Frame *frame) {
        int r;

        assert(recording->writing);
        if (recording->failed)
                return CTL_REFUSED;
        r = append_all(recording, frame);
        if (r != 0) {
                recording->failed = true;
                (void) sqlite3_exec(recording->db, "ROLLBACK", NULL, NULL, NULL);
                tell("recording stops after %" PRIu64 " snapshots; what was recorded is kept",
                     recording->count);
                return r;
        }
        if (recording->count++ == 0)
                recording->first_sequence = frame->point.sequence;
        recording->last_sequence = frame->point.sequence;
        return 0;
}

bool recording_failed(const Recording *recording) {
        return recording->failed;
}

uint64_t recording_count(const Recording *recording) {
        return recording->count;
}

uint64_t recording_missed(const Recording *recording) {
        uint64_t made = recording->last_sequence - recording->first_sequence + 1;

        return recording->count == 0 || made < recording->count ? 0 : made - recording->count;
}
