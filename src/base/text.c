#include "base/text.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tw_parse_int64(const char *text, int64_t least, int64_t most, int64_t *value)
{
    if (!(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno || end == text || *end || parsed < least || parsed > most)
        return false;
    *value = parsed;
    return true;
}

bool tw_parse_double(const char *text, double *value)
{
    if (!strchr("-+.0123456789", *text) || !*text || strpbrk(text, "xX"))
        return false;
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

/* Bytes of the well-formed character at `text`, 0 where there is none. Table 3-7 of the Unicode standard. */
static size_t utf8_length(const uint8_t *text, size_t size)
{
    uint8_t first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                    : first >= 0xe0 && first <= 0xef ? 3
                    : first >= 0xf0 && first <= 0xf4 ? 4
                                                     : 0;
    if (length == 0 || length > size)
        return 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

bool tw_is_utf8(struct tw_span text)
{
    for (size_t at = 0; at < text.size;) {
        size_t length = utf8_length(text.data + at, text.size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

const char *tw_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t tw_edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t rows[2][LONGEST + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > LONGEST || b_size > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *before = rows[(i - 1) & 1], *now = rows[i & 1];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t least = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < least)
                least = before[j] + 1;
            now[j] = now[j - 1] + 1 < least ? now[j - 1] + 1 : least;
        }
    }
    return rows[a_size & 1][b_size];
}

/* Bytes that the character at `at` takes in a printable copy; *step: in the text itself. */
static size_t printable_length(const uint8_t *at, size_t left, size_t *step)
{
    size_t length = *at < 0x20 || *at == 0x7f ? 0 : utf8_length(at, left);
    *step = length ? length : 1;
    return length ? length : 4;
}

static bool printable_fits(const uint8_t *at, size_t left, size_t size)
{
    for (size_t step, used = 0; left; at += step, left -= step) {
        used += printable_length(at, left, &step);
        if (used >= size)
            return false;
    }
    return size > 0;
}

void tw_printable(const char *text, char *out, size_t size)
{
    static const char cut[] = "...";
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text), used = 0;
    size_t kept_free = printable_fits(at, left, size) ? 1 : sizeof cut;
    if (size < kept_free) {
        if (size)
            out[0] = 0;
        return;
    }
    for (size_t step; left; at += step, left -= step) {
        size_t needed = printable_length(at, left, &step);
        if (used + needed + kept_free > size)
            break;
        if (needed == step)
            memcpy(out + used, at, step);
        else
            snprintf(out + used, 5, "\\x%02x", *at);
        used += needed;
    }
    memcpy(out + used, left ? cut : "", left ? sizeof cut : 1);
}
