/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files with schemes: read here, understood by the daemon. */
#pragma once

/* As much as the daemon takes. */
#define SCHEME_FILE_MAX (256 * 1024)

/* The text of the file, allocated. CTL_REFUSED (told) when it cannot be read, is empty, too long or no text;
 * or -ENOMEM. */
int scheme_file_read(const char *path, char **ret);
