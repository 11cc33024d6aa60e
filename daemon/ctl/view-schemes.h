/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words that the views of schemes share. */
#pragma once

/* Why bytes were not acted on, in words: "other processes map it, too" for "shared". The name itself where it
 * is a new one. */
const char *outcome_words(const char *name);
