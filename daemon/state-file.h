/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that is replaced whole, by a thread: neither a slow disk nor one that is full stops the event loop, and
 * whoever reads it after a crash finds the old text or the new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/file.h"

#define STATE_FILE_MAX ((size_t) 8 << 20)

enum {
        STATE_FILE_E_BUSY = 1, /* another daemon has the directory */
};

typedef struct StateFile StateFile;

/* A write has ended: 0 or -errno. */
typedef void (*state_file_done_t)(void *userdata, int error);

/* Makes the directory (0700) where it is missing, and holds it against other daemons. 0, STATE_FILE_E_BUSY or
 * -errno. */
int state_file_open(sd_event *event, const char *directory, state_file_done_t done, void *userdata, StateFile **ret);

/* Waits for a write under way, writes nothing more. Accepts NULL, returns NULL. */
StateFile *state_file_close(StateFile *file);

/* What the file holds. -ENOENT where there is none. */
int state_file_read(const StateFile *file, Buffer *ret);

/* Puts the file aside under another name, for whoever wants to know what was in it. */
void state_file_put_aside(const StateFile *file);

/* Whether a write is under way. */
bool state_file_is_busy(const StateFile *file);

/* Begins to write; not while one is under way. Steals `text`. */
void state_file_write(StateFile *file, char *text, size_t size);

/* Waits until it is written, whatever was under way. Does not call `done`. 0 or -errno. */
int state_file_write_now(StateFile *file, const char *text, size_t size);
