/* A model of several files out of one input: u16le sizes of all but the last, then their bytes. A model asks for the others in
 * turn, whatever it calls them. */
#ifndef TW_TESTS_FUZZ_PARTS_H
#define TW_TESTS_FUZZ_PARTS_H

#include "model_file.h"

enum { MOST_PARTS = 3 };
struct parts {
    struct tw_span parts[MOST_PARTS];
    size_t next;
};

static inline enum tw_status open_part(void *context, const char *suffix, struct tw_span *bytes, struct tw_error *error)
{
    struct parts *parts = context;
    if (parts->next == MOST_PARTS)
        return tw_fail(error, TW_NOT_FOUND, "there is no file %s", suffix);
    *bytes = parts->parts[parts->next++];
    return TW_OK;
}

static inline struct parts parts_of(const uint8_t *data, size_t size)
{
    struct parts parts = {.next = 1};
    struct tw_reader reader = tw_reader_of(tw_span_of(data, size));
    uint16_t sizes[MOST_PARTS] = {0};
    for (size_t i = 0; i + 1 < MOST_PARTS; i++) {
        if (!tw_read_u16le(&reader, &sizes[i]))
            sizes[i] = 0;
    }
    for (size_t i = 0; i < MOST_PARTS; i++) {
        size_t left = tw_reader_left(&reader);
        size_t wanted = i + 1 == MOST_PARTS || sizes[i] > left ? left : sizes[i];
        must(tw_read_span(&reader, wanted, &parts.parts[i]), "what is left can be read");
    }
    return parts;
}

#endif
