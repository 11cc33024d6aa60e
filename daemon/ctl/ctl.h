/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole client as a function, which tests can call. */
#pragma once

/* Returns the exit status. */
int ctl_main(int argc, char **argv);
