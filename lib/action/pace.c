/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How large batches are: by the time that the ones before took. */
#include "action/internal.h"

#define PACE_START (UINT64_C(64) << 10)
#define PACE_MAX (UINT64_C(1) << 40)
/* Weight of the newest batch in the average, where that was faster; a slower one counts whole, at once, and is
 * remembered for some batches: a maximum that decays. */
#define PACE_WEIGHT 0.1

/* A look costs as much for a few pages as for these. */
#define SURVEY_PAGES_MIN 256
/* Where hardly anything is acted on, so much more may be looked at. */
#define DENSITY_MIN (1.0 / 64)
#define DENSITY_WEIGHT 0.5

/* Before it moves anything the kernel waits until each CPU has emptied its lists, that is until its worker has had its
 * turn there. No batch is so small that this would be shorter: so waits up to this do not make batches smaller. */
#define MOVE_WAIT (10 * NSEC_PER_MSEC)

void pace_init(Pace *pace) {
        *pace = (Pace) { .size = PACE_START };
}

void act_pace_init(ActPace *pace) {
        *pace = (ActPace) { .density = 1 };
        for (size_t i = 0; i < _SIZE_MAX; i++)
                pace_init(&pace->sizes[i]);
}

nsec_t actor_busy(const Actor *actor) {
        return actor->act->busy ? actor->act->busy() : actor->act->now();
}

Moment actor_moment(const Actor *actor) {
        Moment m = { .now = actor->act->now() };

        m.busy = actor->act->busy ? actor->act->busy() : m.now;
        m.cpu = actor->act->cpu ? actor->act->cpu() : m.busy;
        return m;
}

/* ---- How much ---- */

static uint64_t pace_size(const Pace *pace, nsec_t time, uint64_t least) {
        if (pace->ns_per_byte * (double) pace->size <= (double) time)
                return MAX(pace->size, least);
        return MAX((uint64_t) ((double) time / pace->ns_per_byte), least);
}

uint64_t pace_bytes(const Limit *limit) {
        return pace_size(&limit->pace->sizes[limit->pace->usual], limit->time, limit->least);
}

uint64_t pace_look(const Actor *actor, const Pace *looking, nsec_t time, const Limit *limit) {
        uint64_t size = pace_size(looking, time, SURVEY_PAGES_MIN * actor->page);
        double wanted = (double) pace_bytes(limit) / MAX(limit->pace->density, DENSITY_MIN);

        return wanted < (double) size ? MAX((uint64_t) wanted, actor->page) : size;
}

UnitSize unit_size(const Actor *actor, uint64_t bytes) {
        if (bytes <= actor->page)
                return SIZE_PAGE;
        return bytes < block_size(actor) ? SIZE_LARGE : SIZE_BLOCK;
}

bool pace_admits(const Actor *actor, const Limit *limit, uint64_t bytes) {
        const Batch *b = &actor->batch;
        UnitSize size = unit_size(actor, bytes);
        const Pace *pace = &limit->pace->sizes[size];
        double time = pace->ns_per_byte * (double) bytes;

        if (b->selected == 0 || b->selected + bytes <= limit->least)
                return true;
        for (size_t i = 0; i < _SIZE_MAX; i++)
                time += limit->pace->sizes[i].ns_per_byte * (double) b->parts[i];
        return b->parts[size] + bytes <= pace->size && time <= (double) limit->time;
}

/* ---- What it took ---- */

void pace_update(Pace *pace, uint64_t bytes, nsec_t time) {
        double measured;

        if (bytes == 0)
                return;

        measured = (double) time / (double) bytes;
        if (measured > pace->ns_per_byte)
                pace->ns_per_byte = measured;
        else
                pace->ns_per_byte += PACE_WEIGHT * (measured - pace->ns_per_byte);

        /* At most twice the last batch, unless that was small for lack of work only. */
        if (bytes >= pace->size / 2)
                pace->size = MIN(MAX(pace->size, bytes) * 2, PACE_MAX);
}

void pace_selected(ActPace *pace, const Batch *b, uint64_t looked_at) {
        double selected = looked_at > 0 ? (double) b->selected / (double) looked_at : 0;

        pace->density += DENSITY_WEIGHT * (selected - pace->density);
        for (UnitSize i = 0; i < _SIZE_MAX && b->selected > 0; i++)
                if (b->parts[i] > b->parts[pace->usual])
                        pace->usual = i;
}

/* Time is shared out among the sizes as it was expected of them; as long as that is not known of all, by bytes. */
static void share_out(ActPace *pace, const Batch *b, nsec_t time) {
        double expected = 0, share[_SIZE_MAX];
        bool known = true;

        for (size_t i = 0; i < _SIZE_MAX; i++) {
                share[i] = pace->sizes[i].ns_per_byte * (double) b->parts[i];
                expected += share[i];
                known = known && (b->parts[i] == 0 || share[i] > 0);
        }
        for (size_t i = 0; i < _SIZE_MAX; i++) {
                double part = known ? share[i] / expected : (double) b->parts[i] / (double) b->selected;

                pace_update(&pace->sizes[i], b->parts[i], (nsec_t) ((double) time * part));
        }
}

void pace_acted(Actor *actor, const ItemRun *item, const Moment *before, const Moment *after) {
        const SchemeRun *scheme = item->scheme;
        nsec_t time = after->busy - before->busy, cpu = MIN(after->cpu - before->cpu, time);

        if (scheme->traits->means == MEANS_MOVE && time - cpu <= MOVE_WAIT)
                time = cpu;
        share_out(&actor->acts[scheme->plan->spec->config.action], &actor->batch, time);
}
