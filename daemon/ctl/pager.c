/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pager. */
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "screen.h"

static pid_t pager;

/* NULL: none is wanted. */
static const char *wanted_pager(void) {
        static const char *const variables[] = { "SYSTEMD_PAGER", "PAGER" };
        const char *term = getenv("TERM");

        if (!isatty(STDOUT_FILENO) || !term || streq(term, "dumb"))
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value)
                        return *value && !streq(value, "cat") ? value : NULL;
        }
        return "less";
}

/* Where nothing else can be run. */
__attribute__((noreturn)) static void copy(void) {
        char buf[4096];
        ssize_t n, written = 0;

        while (written >= 0 && (n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
                for (ssize_t at = 0; at < n && written >= 0; at += written)
                        written = write(STDOUT_FILENO, buf + at, (size_t) (n - at));
        _exit(0);
}

__attribute__((noreturn)) static void become_pager(const char *command) {
        /* leaves when all fits the screen, keeps colours, and what was shown stays */
        (void) setenv("LESS", getenv("SYSTEMD_LESS") ?: "FRSXMK", 1);
        /* names of programs are not ours: nothing is run from within a pager that root looks at */
        (void) setenv("LESSSECURE", "1", 1);
        (void) signal(SIGPIPE, SIG_DFL);
        if (strpbrk(command, " \t|&;<>()$`\\\"'*?[]#~=%"))
                (void) execlp("sh", "sh", "-c", command, NULL);
        else
                (void) execlp(command, command, NULL);
        (void) execlp("less", "less", NULL);
        (void) execlp("more", "more", NULL);
        copy();
}

bool pager_open(Arguments *args) {
        const char *command = wanted_pager();
        Screen screen;
        int fds[2];

        if (!command || pipe2(fds, O_CLOEXEC) < 0)
                return false;
        screen = screen_for(stdout, args);
        pager = fork();
        if (pager == 0) {
                (void) dup2(fds[0], STDIN_FILENO);
                become_pager(command);
        }
        (void) close(fds[0]);
        if (pager < 0 || dup2(fds[1], STDOUT_FILENO) < 0) {
                (void) close(fds[1]);
                return false;
        }
        (void) close(fds[1]);
        /* Ctrl-C is for the pager; what is not read any more is no reason to die before the pager */
        (void) signal(SIGINT, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);
        args->width = screen.width;
        args->color = screen.color ? COLOR_ALWAYS : COLOR_NEVER;
        return true;
}

void pager_close(void) {
        if (pager <= 0)
                return;
        (void) fclose(stdout);
        while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
                ;
        pager = 0;
}

bool pager_is_open(void) {
        return pager > 0;
}
