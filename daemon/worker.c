/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that acts. */
#include "worker.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "action/actor.h"
#include "base/macro.h"
#include "thread.h"

struct Worker {
        Actor *actor;
        worker_done_t done;
        void *userdata;
        int eventfd;
        sd_event_source *source;
        pthread_t thread;
        bool has_thread;
        atomic_bool stop;
        nsec_t submitted;

        pthread_mutex_t lock; /* for what follows */
        pthread_cond_t wake;
        bool quit;
        bool work; /* plan and result are the thread's */
        Plan *plan;
        PlanResult *result;
};

static void *work(void *userdata) {
        Worker *w = userdata;
        const uint64_t one = 1;

        (void) pthread_mutex_lock(&w->lock);
        while (!w->quit) {
                if (!w->work) {
                        (void) pthread_cond_wait(&w->wake, &w->lock);
                        continue;
                }
                (void) pthread_mutex_unlock(&w->lock);
                actor_run(w->actor, w->plan, &w->stop, w->result);
                (void) pthread_mutex_lock(&w->lock);
                w->work = false;
                (void) !write(w->eventfd, &one, sizeof(one));
        }
        (void) pthread_mutex_unlock(&w->lock);
        return NULL;
}

static int on_eventfd(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        Worker *w = userdata;
        PlanResult *result;
        uint64_t count;
        Plan *plan;
        bool working;

        (void) s;
        (void) events;
        (void) !read(fd, &count, sizeof(count));
        (void) pthread_mutex_lock(&w->lock);
        working = w->work;
        (void) pthread_mutex_unlock(&w->lock);
        if (working || !w->plan)
                return 0;

        plan = TAKE_PTR(w->plan);
        result = TAKE_PTR(w->result);
        w->done(w->userdata, plan, result);
        return 0;
}

int worker_new(sd_event *event, const RootFds *roots, worker_done_t done, void *userdata, Worker **ret) {
        Worker *w;
        int r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->done = done;
        w->userdata = userdata;
        (void) pthread_mutex_init(&w->lock, NULL);
        (void) pthread_cond_init(&w->wake, NULL);
        w->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        r = w->eventfd < 0 ? -errno : actor_new(roots, &KERNEL_IO_REAL, &ACTION_IO_REAL, &w->actor);
        if (r >= 0)
                r = sd_event_add_io(event, &w->source, w->eventfd, EPOLLIN, on_eventfd, w);
        if (r >= 0)
                r = thread_start(work, w, &w->thread);
        w->has_thread = r == 0;
        if (r < 0) {
                worker_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

void worker_stop(Worker *w) {
        if (w)
                atomic_store(&w->stop, true);
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;

        worker_stop(w);
        if (w->has_thread) {
                (void) pthread_mutex_lock(&w->lock);
                w->quit = true;
                (void) pthread_cond_signal(&w->wake);
                (void) pthread_mutex_unlock(&w->lock);
                (void) pthread_join(w->thread, NULL);
        }
        sd_event_source_disable_unref(w->source);
        plan_free(w->plan);
        plan_result_free(w->result);
        actor_free(w->actor);
        (void) pthread_cond_destroy(&w->wake);
        (void) pthread_mutex_destroy(&w->lock);
        if (w->eventfd >= 0)
                (void) close(w->eventfd);
        free(w);
        return NULL;
}

bool worker_is_busy(const Worker *w) {
        return w->plan;
}

nsec_t worker_busy_since(const Worker *w) {
        return w->plan ? w->submitted : 0;
}

int worker_submit(Worker *w, Plan *plan) {
        assert(!w->plan);

        w->result = plan_result_new(plan);
        if (!w->result)
                return -ENOMEM;

        w->submitted = clock_nsec(CLOCK_MONOTONIC);
        (void) pthread_mutex_lock(&w->lock);
        w->plan = plan;
        w->work = true;
        (void) pthread_cond_signal(&w->wake);
        (void) pthread_mutex_unlock(&w->lock);
        return 0;
}

nsec_t worker_cpu(const Worker *w) {
        struct timespec ts = {};
        clockid_t clock;

        if (!w->has_thread || pthread_getcpuclockid(w->thread, &clock) != 0 || clock_gettime(clock, &ts) < 0)
                return 0;
        return (nsec_t) ts.tv_sec * NSEC_PER_SEC + (nsec_t) ts.tv_nsec;
}
