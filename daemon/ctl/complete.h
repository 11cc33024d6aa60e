/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words that may come next, for the completion of shells. */
#pragma once

/* "N WORD...": the words of a command line from "udamonctl" on, and the index of the one to complete, which may be
 * empty or missing. Prints a candidate per line, with a tab and what it means where that is known; ":files" and
 * ":commands" stand for those. What the daemon runs is asked from it; nothing is said where it does not answer. */
int complete(int argc, char **argv);
