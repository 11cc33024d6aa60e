/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forking, holding and releasing a command. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "message.h"

/* The command starts with the signals that a shell would give it, whatever we did to ours. */
static void reset_signals(void) {
        static const int ours[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ };
        sigset_t none;

        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                (void) signal(ours[i], SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become_command(char **argv, int go, int error,
                                                     bool stdout_to_stderr) {
        char byte;
        ssize_t n;
        int e;

        reset_signals();
        do
                n = read(go, &byte, 1);
        while (n < 0 && errno == EINTR);
        /* nobody is there any more to let us go */
        if (n != 1)
                _exit(CTL_RUN);

        if (stdout_to_stderr)
                (void) dup2(STDERR_FILENO, STDOUT_FILENO);
        (void) execvp(argv[0], argv);
        e = errno;
        n = write(error, &e, sizeof(e));
        _exit(n == sizeof(e) && e == ENOENT ? CTL_NO_COMMAND : CTL_CANNOT_EXEC);
}

int command_fork(Command *command, char **argv, bool stdout_to_stderr) {
        int go[2] = { -1, -1 }, error[2] = { -1, -1 }, r;
        pid_t pid;

        if (pipe2(go, O_CLOEXEC) < 0)
                return -errno;
        r = pipe2(error, O_CLOEXEC) < 0 ? -errno : 0;
        pid = r == 0 ? fork() : -1;
        if (pid == 0) {
                (void) close(go[1]);
                (void) close(error[0]);
                become_command(argv, go[0], error[1], stdout_to_stderr);
        }
        if (r == 0 && pid < 0)
                r = -errno;
        closep(&go[0]);
        closep(&error[1]);
        *command = (Command) { .pid = pid, .pidfd = -1, .go = go[1], .error = error[0] };
        if (r == 0)
                command->pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (r == 0 && command->pidfd < 0)
                r = -errno;
        if (r < 0)
                command_close(command);
        return r;
}

int command_release(Command *command) {
        ssize_t n;
        int e = 0;

        n = write(command->go, "", 1);
        if (n != 1)
                return errno;
        /* ends when the program starts, as the pipe closes then */
        do
                n = read(command->error, &e, sizeof(e));
        while (n < 0 && errno == EINTR);
        return n == sizeof(e) ? e : 0;
}

int command_reap(Command *command) {
        int status = 0;

        while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR)
                ;
        command->pid = 0;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_close(Command *command) {
        closep(&command->go);
        if (command->pid > 0)
                (void) command_reap(command);
        closep(&command->pidfd);
        closep(&command->error);
        *command = COMMAND_NONE;
}
