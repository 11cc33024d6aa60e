/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that are not followed. */
#include "follow-others.h"

#include "base/macro.h"

void others_deinit(Others *o) {
        free(o->others);
        *o = (Others) {};
}

/* Where the pid is, or would be. */
static size_t place_of(const Others *o, pid_t pid) {
        size_t low = 0, high = o->n;

        /* most are newer than all others */
        if (o->n > 0 && o->others[o->n - 1].pid < pid)
                return o->n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (o->others[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static Other *find(const Others *o, pid_t pid) {
        size_t i = place_of(o, pid);

        return i < o->n && o->others[i].pid == pid ? &o->others[i] : NULL;
}

static bool reserve(Others *o) {
        size_t n = MAX(o->allocated * 2, (size_t) 64);
        Other *others;

        if (o->n < o->allocated)
                return true;
        others = o->n < OTHERS_MAX ? reallocarray(o->others, n, sizeof(*others)) : NULL;
        if (!others)
                return false;
        o->others = others;
        o->allocated = n;
        return true;
}

void others_note(Others *o, pid_t pid, uint64_t pass) {
        Other *other = find(o, pid);
        size_t i = place_of(o, pid);

        if (other) {
                other->looks += other->looks < UINT32_MAX;
                other->pass = pass;
                other->born = 0;
                return;
        }
        if (!reserve(o))
                return;
        memmove(&o->others[i + 1], &o->others[i], (o->n - i) * sizeof(*o->others));
        o->others[i] = (Other) { .pid = pid, .looks = 1, .pass = pass };
        o->n++;
}

void others_note_young(Others *o, pid_t pid, uint64_t pass, nsec_t born) {
        Other *other;

        others_note(o, pid, pass);
        other = find(o, pid);
        if (other)
                other->born = born;
}

bool others_is_due(Others *o, pid_t pid, uint64_t pass, nsec_t before) {
        size_t turns = MAX((o->n + OTHERS_AT_A_TIME - 1) / OTHERS_AT_A_TIME, (size_t) 1);
        Other *other = find(o, pid);

        if (!other)
                return true;
        other->pass = pass;
        if (other->born > 0)
                return other->born <= before;
        return other->looks <= OTHERS_NEW || ((uint64_t) pid + pass) % turns == 0;
}

void others_forget(Others *o, pid_t pid) {
        Other *other = find(o, pid);
        size_t i = other ? (size_t) (other - o->others) : o->n;

        if (!other)
                return;
        memmove(other, other + 1, (o->n - i - 1) * sizeof(*other));
        o->n--;
}

void others_sweep(Others *o, uint64_t pass) {
        size_t kept = 0;

        for (size_t i = 0; i < o->n; i++)
                if (o->others[i].pass == pass)
                        o->others[kept++] = o->others[i];
        o->n = kept;
}
