/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the writing and the reading half of recordings share. */
#pragma once

#include <sqlite3.h>

#include "recording.h"

typedef struct MetaEntry {
        char *key;
        char *value;
} MetaEntry;

struct Recording {
        sqlite3 *db;
        char *path; /* NULL: private */
        bool writing;
        bool failed;
        int version; /* of the format; that of one that is read may be older */
        uint64_t count;
        uint64_t first_sequence;
        uint64_t last_sequence;
        MetaEntry *meta;
        size_t n_meta;

        sqlite3_stmt *insert_snapshot;
        sqlite3_stmt *insert_target;
        sqlite3_stmt *insert_state;
        sqlite3_stmt *insert_region;
        sqlite3_stmt *insert_mapping;
        sqlite3_stmt *select_snapshot;
        sqlite3_stmt *select_states;
        sqlite3_stmt *select_regions;

        /* mapping ids handed out so far: mapping i + 1 is names[i]; a frame of its own, for its
         * table of names only */
        Frame *names;
};

/* Opens a database with SQLite's flags. */
int recording_new(const char *path, int flags, Recording **ret);

/* Tells that the file cannot be used, and why. CTL_REFUSED. */
int recording_complain(Recording *recording, const char *what);

int recording_prepare(Recording *recording, const char *sql, sqlite3_stmt **statement);
int recording_remember_meta(Recording *recording, const char *key, const char *value);

/* sqlite3_reset() as a cleanup: a statement left in the middle would hold its locks. */
static inline void statement_resetp(sqlite3_stmt **statement) {
        if (*statement)
                (void) sqlite3_reset(*statement);
}
static inline void statement_finalizep(sqlite3_stmt **statement) {
        (void) sqlite3_finalize(*statement);
}
