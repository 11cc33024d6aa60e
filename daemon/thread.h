/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads beside the event loop. */
#pragma once

#include <pthread.h>

/* Starts one in which all signals are blocked: they are the event loop's. 0 or -errno. */
int thread_start(void *(*work)(void *userdata), void *userdata, pthread_t *ret);
