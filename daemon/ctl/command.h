/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command of `run`: forked, held until it is watched, then let go. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct Command {
        pid_t pid;
        int pidfd; /* readable when it has ended */
        int go;    /* our end of the pipe that holds it */
        int error; /* what execvp() said, if it failed */
} Command;

#define COMMAND_NONE ((Command) { .pidfd = -1, .go = -1, .error = -1 })

/* Forks. stdout_to_stderr: its standard output goes where our standard error goes. 0 or -errno. */
int command_fork(Command *command, char **argv, bool stdout_to_stderr);

/* Lets it go. 0, or the positive error number with which the program could not be started. */
int command_release(Command *command);

/* Collects it once it has ended: its exit status, or 128 + the signal that killed it. */
int command_reap(Command *command);

/* Lets go of everything; a command that was never released ends without having run. */
void command_close(Command *command);
