/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads beside the event loop. */
#include "thread.h"

#include <signal.h>

int thread_start(void *(*work)(void *userdata), void *userdata, pthread_t *ret) {
        sigset_t all, before;
        int r;

        (void) sigfillset(&all);
        r = pthread_sigmask(SIG_BLOCK, &all, &before);
        if (r != 0)
                return -r;
        r = pthread_create(ret, NULL, work, userdata);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return -r;
}
