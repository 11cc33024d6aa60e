/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fair turns: whose call is looked at next. Users take turns by the time that their calls took, not by their
 * number, and connections of one user by age of their last turn: neither many connections nor dear calls buy more
 * than a share. */
#include <errno.h>

#include "control-internal.h"

/* So long calls are run before timers, and with them monitoring, are looked at again. One call may take longer. */
#define SLICE (NSEC_PER_MSEC / 4)

User *user_ref(Control *control, uid_t uid) {
        User *user = control->users;

        while (user && user->uid != uid)
                user = user->next;
        if (!user) {
                user = calloc(1, sizeof(*user));
                if (!user)
                        return NULL;
                *user = (User) { .uid = uid, .next = control->users };
                control->users = user;
        }
        user->n_ref++;
        return user;
}

void user_unref(Control *control, User *user) {
        User **link = &control->users;

        if (!user || --user->n_ref > 0)
                return;
        while (*link != user)
                link = &(*link)->next;
        *link = user->next;
        free(user);
}

static bool has_turn_coming(const Control *control, const User *user) {
        for (const Connection *c = control->connections; c; c = c->next)
                if (c->waiting && c->user == user)
                        return true;
        return false;
}

void turn_request(Connection *c) {
        Control *control = c->control;

        if (c->waiting)
                return;
        /* who was quiet for long has saved nothing up */
        if (!has_turn_coming(control, c->user))
                c->user->used = MAX(c->user->used, control->floor);
        c->waiting = true;
        (void) sd_event_source_set_enabled(control->turn, SD_EVENT_ONESHOT);
}

static Connection *next_in_turn(const Control *control) {
        Connection *best = NULL;

        for (Connection *c = control->connections; c; c = c->next) {
                if (!c->waiting)
                        continue;
                if (!best || c->user->used < best->user->used ||
                    (c->user->used == best->user->used && c->last_turn < best->last_turn) ||
                    (c->user == best->user && c->last_turn < best->last_turn))
                        best = c;
        }
        return best;
}

/* Somebody's queue has become shorter: what waited for that can go on. */
static void update_all(Control *control) {
        control->recheck = false;
        for (Connection *c = control->connections; c; c = c->next)
                connection_update(c);
}

static int on_turn(sd_event_source *source, void *userdata) {
        nsec_t began = clock_nsec(CLOCK_MONOTONIC), now = began;
        Control *control = userdata;

        if (control->recheck)
                update_all(control);
        while (now - began < SLICE) {
                Connection *c = next_in_turn(control);
                nsec_t before = now;
                User *user;

                if (!c)
                        return 0;
                user = user_ref(control, c->peer.uid);
                control->floor = user->used;
                c->waiting = false;
                c->last_turn = ++control->turns;
                connection_take_turn(c);
                now = clock_nsec(CLOCK_MONOTONIC);
                user->used += now - before;
                user_unref(control, user);
        }
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int turn_init(Control *control) {
        int r;

        r = sd_event_add_defer(control->event, &control->turn, on_turn, control);
        /* after all that has come in: among equals, sd-event takes a deferred source first, always */
        if (r >= 0)
                r = sd_event_source_set_priority(control->turn, SD_EVENT_PRIORITY_NORMAL + 1);
        if (r >= 0)
                r = sd_event_source_set_enabled(control->turn, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}
