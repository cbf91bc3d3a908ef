/* Small checks and conversions of text. */
#ifndef TW_BASE_TEXT_H
#define TW_BASE_TEXT_H

#include "base/bytes.h"

/* Whole text is a decimal number in range; else false. No locale, no surrounding spaces. */
bool tw_parse_int64(const char *text, int64_t least, int64_t most, int64_t *value);
bool tw_parse_double(const char *text, double *value); /* finite only */
bool tw_is_utf8(struct tw_span text);
/* The file name part, after the last '/'. */
const char *tw_base_name(const char *path);
/* Edit distance (Levenshtein) of short texts, for "did you mean". */
size_t tw_edit_distance(const char *a, const char *b);
/* Copies `text` so that it is safe in one line for a terminal or a log: control characters become \xNN, invalid UTF-8
 * too. Where the whole does not fit, it is cut and ends with "...". */
void tw_printable(const char *text, char *out, size_t size);

#endif
