/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one flag that a signal handler may set. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal)
{
        stop_signal = signal;
}

void stop_install(void)
{
        /* No SA_RESTART: a sleep must end. */
        struct sigaction action = { .sa_handler = on_signal };

        sigemptyset(&action.sa_mask);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGINT, &action, NULL);
        /* A reader of the truth log that goes away is an error to report, not a death. */
        signal(SIGPIPE, SIG_IGN);
}

bool stop_requested(void)
{
        return stop_signal != 0;
}

void stop_die(void)
{
        int signal_number = stop_signal;

        if (signal_number == 0)
                return;
        signal(signal_number, SIG_DFL);
        raise(signal_number);
}
