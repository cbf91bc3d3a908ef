#include "engine/choices.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char equals[] = " = ";
enum { LONGEST_LINE = 400 };

struct row {
    const char *key, *algorithm; /* in the arena */
};

struct tw_choices {
    struct row *rows; /* sorted by key */
    size_t count, capacity;
    struct tw_arena texts;
};

enum tw_status tw_choices_new(struct tw_choices **choices, struct tw_error *error)
{
    struct tw_choices *made = tw_alloc(1, sizeof *made);
    if (made == NULL)
        return tw_fail_memory(error, sizeof *made, "a choice table");
    *choices = made;
    return TW_OK;
}

void tw_choices_free(struct tw_choices *choices)
{
    if (choices == NULL)
        return;
    tw_arena_release(&choices->texts);
    tw_free(choices->rows);
    tw_free(choices);
}

size_t tw_choices_count(const struct tw_choices *choices)
{
    return choices != NULL ? choices->count : 0;
}

/* The first row whose key is not below. */
static size_t place_of(const struct tw_choices *choices, const char *key)
{
    size_t low = 0, high = choices->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(choices->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *tw_choices_find(const struct tw_choices *choices, const char *key)
{
    size_t at = choices != NULL ? place_of(choices, key) : 0;
    bool is_there = choices != NULL && at < choices->count && strcmp(choices->rows[at].key, key) == 0;
    return is_there ? choices->rows[at].algorithm : NULL;
}

static enum tw_status set(struct tw_choices *choices, struct tw_span key, struct tw_span algorithm,
                          struct tw_error *error)
{
    const char *new_key = tw_arena_strndup(&choices->texts, (const char *)key.data, key.size);
    const char *name = tw_arena_strndup(&choices->texts, (const char *)algorithm.data, algorithm.size);
    enum tw_status status =
        tw_grow((void **)&choices->rows, &choices->capacity, choices->count + 1, sizeof *choices->rows, error);
    if (status != TW_OK || new_key == NULL || name == NULL)
        return status != TW_OK ? status : tw_fail_memory(error, key.size, "a choice table");
    size_t at = place_of(choices, new_key);
    if (at < choices->count && strcmp(choices->rows[at].key, new_key) == 0) {
        choices->rows[at].algorithm = name;
        return TW_OK;
    }
    memmove(&choices->rows[at + 1], &choices->rows[at], (choices->count - at) * sizeof *choices->rows);
    choices->rows[at] = (struct row){new_key, name};
    choices->count++;
    return TW_OK;
}

enum tw_status tw_choices_set(struct tw_choices *choices, const char *key, const char *algorithm,
                              struct tw_error *error)
{
    return set(choices, tw_span_of_text(key), tw_span_of_text(algorithm), error);
}

static bool is_plain(struct tw_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~' || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    }
    return text.size > 0;
}

static enum tw_status read_line(struct tw_choices *choices, struct tw_span line, size_t number, struct tw_error *error)
{
    const uint8_t *middle = line.size <= LONGEST_LINE ? memmem(line.data, line.size, equals, strlen(equals)) : NULL;
    if (middle == NULL)
        return tw_fail(error, TW_CORRUPT, "line %zu of the choice table is not KEY = ALGORITHM", number);
    struct tw_span key = tw_span_of(line.data, (size_t)(middle - line.data));
    const uint8_t *name = middle + strlen(equals);
    struct tw_span algorithm = tw_span_of(name, (size_t)(line.data + line.size - name));
    if (!is_plain(key) || !is_plain(algorithm))
        return tw_fail(error, TW_CORRUPT, "line %zu of the choice table is not KEY = ALGORITHM", number);
    return set(choices, key, algorithm, error);
}

enum tw_status tw_choices_read(struct tw_choices *choices, struct tw_span text, struct tw_error *error)
{
    size_t number = 0;
    enum tw_status status = TW_OK;
    for (size_t at = 0; at < text.size && status == TW_OK;) {
        const uint8_t *start = text.data + at, *end = memchr(start, '\n', text.size - at);
        struct tw_span line = tw_span_of(start, end != NULL ? (size_t)(end - start) : text.size - at);
        at += line.size + 1;
        status = read_line(choices, line, ++number, error);
    }
    return status;
}

enum tw_status tw_choices_write(const struct tw_choices *choices, struct tw_buffer *text, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < choices->count && status == TW_OK; i++)
        status = tw_buffer_printf(text, error, "%s%s%s\n", choices->rows[i].key, equals, choices->rows[i].algorithm);
    return status;
}
