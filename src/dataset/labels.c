#include "base/memory.h"
#include "base/text.h"
#include "dataset/internal.h"
#include "storage/storage.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DICT_BYTES = 16 << 20, MAX_LABELS = 100000, MAX_LABEL_BYTES = 1024, FIRST_SLOTS = 32 };

/* The slot of the name, or the free slot where it belongs. FNV-1a. */
static uint32_t *find_slot(const struct tw_labels *labels, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *at = name; *at != 0; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    for (size_t at = hash ^ hash >> 32;; at++) {
        uint32_t *slot = &labels->slots[at & (labels->slot_count - 1)];
        if (*slot == 0 || strcmp(labels->names[*slot - 1], name) == 0)
            return slot;
    }
}

static void fill_slots(struct tw_labels *labels)
{
    memset(labels->slots, 0, labels->slot_count * sizeof *labels->slots);
    for (size_t i = 0; i < labels->count; i++)
        *find_slot(labels, labels->names[i]) = (uint32_t)i + 1;
}

/* Room for one more name with half of the slots free. */
static enum tw_status grow_slots(struct tw_labels *labels, struct tw_error *error)
{
    if ((labels->count + 1) * 2 <= labels->slot_count)
        return TW_OK;
    size_t count = labels->slot_count > 0 ? labels->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = tw_alloc(count, sizeof *slots);
    if (slots == NULL)
        return tw_fail_memory(error, count * sizeof *slots, "labels");
    tw_free(labels->slots);
    labels->slots = slots;
    labels->slot_count = count;
    fill_slots(labels);
    return TW_OK;
}

bool tw_labels_find(const struct tw_labels *labels, const char *name, size_t *id)
{
    uint32_t slot = labels->slot_count > 0 ? *find_slot(labels, name) : 0;
    if (slot == 0)
        return false;
    *id = slot - 1;
    return true;
}

/* A label stands in text files, one a line, and in JSON. */
enum tw_status tw_label_check(const char *name, struct tw_error *error)
{
    char shown[64];
    tw_printable(name, shown, sizeof shown);
    if (*name == 0)
        return tw_fail(error, TW_CORRUPT, "a label is empty");
    if (strlen(name) > MAX_LABEL_BYTES)
        return tw_fail(error, TW_LIMIT, "the label %s has %zu bytes, more than the limit of %d", shown, strlen(name),
                       MAX_LABEL_BYTES);
    if (!tw_is_utf8(tw_span_of_text(name)))
        return tw_fail(error, TW_CORRUPT, "the label %s is no UTF-8 text", shown);
    for (const char *at = name; *at != 0; at++) {
        if ((unsigned char)*at < 32 || *at == 127)
            return tw_fail(error, TW_CORRUPT, "the label %s holds a control character", shown);
    }
    return TW_OK;
}

enum tw_status tw_labels_add(struct tw_labels *labels, const char *name, size_t *id, struct tw_error *error)
{
    if (tw_labels_find(labels, name, id))
        return TW_OK;
    enum tw_status status = tw_label_check(name, error);
    if (status == TW_OK && labels->count >= MAX_LABELS)
        status = tw_fail(error, TW_LIMIT, "there are more labels than the limit of %d", MAX_LABELS);
    if (status != TW_OK)
        return status;
    status = tw_grow((void **)&labels->names, &labels->capacity, labels->count + 1, sizeof *labels->names, error);
    if (status == TW_OK)
        status = grow_slots(labels, error);
    char *copy = status == TW_OK ? tw_strdup(name) : NULL;
    if (status != TW_OK)
        return status;
    if (copy == NULL)
        return tw_fail_memory(error, strlen(name), "a label");
    *id = labels->count;
    *find_slot(labels, name) = (uint32_t)labels->count + 1;
    labels->names[labels->count++] = copy;
    return TW_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum tw_status tw_labels_sort(struct tw_labels *labels, size_t first, size_t *places, struct tw_error *error)
{
    for (size_t i = 0; i < labels->count; i++)
        places[i] = i;
    if (labels->count < first + 2)
        return TW_OK;
    char **old = tw_alloc(labels->count, sizeof *old);
    if (old == NULL)
        return tw_fail_memory(error, labels->count * sizeof *old, "sorting labels");
    memcpy(old, labels->names, labels->count * sizeof *old);
    qsort(labels->names + first, labels->count - first, sizeof *labels->names, compare_names);
    fill_slots(labels);
    for (size_t i = 0; i < labels->count; i++)
        (void)tw_labels_find(labels, old[i], &places[i]);
    tw_free(old);
    return TW_OK;
}

char **tw_labels_take(struct tw_labels *labels)
{
    char **names = labels->names;
    tw_free(labels->slots);
    *labels = (struct tw_labels){0};
    return names;
}

void tw_labels_release(struct tw_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        tw_free(labels->names[i]);
    tw_free(labels->names);
    tw_free(labels->slots);
    *labels = (struct tw_labels){0};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

struct tw_span tw_label_trimmed(struct tw_span line)
{
    while (line.size > 0 && is_space(line.data[0]))
        line = tw_span_of(line.data + 1, line.size - 1);
    while (line.size > 0 && is_space(line.data[line.size - 1]))
        line.size--;
    return line;
}

static enum tw_status add_line(struct tw_labels *labels, size_t *lines, struct tw_span line, size_t number,
                               struct tw_error *error)
{
    char *name = tw_strndup((const char *)line.data, line.size);
    size_t id;
    if (name == NULL)
        return tw_fail_memory(error, line.size, "a label");
    enum tw_status status = TW_OK;
    if (line.size == 0 || memchr(line.data, 0, line.size) != NULL)
        status = tw_fail(error, TW_CORRUPT, line.size == 0 ? "it is empty" : "it holds a NUL byte");
    else if (tw_labels_find(labels, name, &id))
        status = tw_fail(error, TW_INVALID, "the label %s stands twice, on lines %zu and %zu", name, lines[id], number);
    else
        status = tw_labels_add(labels, name, &id, error);
    if (status == TW_OK)
        lines[id] = number;
    else if (status != TW_INVALID)
        status = tw_fail_within(error, status, "line %zu", number);
    tw_free(name);
    return status;
}

static enum tw_status parse(struct tw_span text, struct tw_labels *labels, struct tw_error *error)
{
    if (tw_span_starts(text, "\xef\xbb\xbf", 3))
        text = tw_span_of(text.data + 3, text.size - 3);
    while (text.size > 0 && (is_space(text.data[text.size - 1]) || text.data[text.size - 1] == '\n'))
        text.size--;
    size_t *lines = tw_alloc(MAX_LABELS, sizeof *lines);
    if (lines == NULL)
        return tw_fail_memory(error, MAX_LABELS * sizeof *lines, "labels");
    enum tw_status status = text.size == 0 ? tw_fail(error, TW_CORRUPT, "it holds no label") : TW_OK;
    for (size_t number = 1; text.size > 0 && status == TW_OK; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.data) : text.size, used = size + (end != NULL);
        status = add_line(labels, lines, tw_label_trimmed(tw_span_of(text.data, size)), number, error);
        text = tw_span_of(text.data + used, text.size - used);
    }
    tw_free(lines);
    return status;
}

enum tw_status tw_labels_read(const char *uri, struct tw_labels *labels, struct tw_error *error)
{
    struct tw_buffer text = {0};
    struct tw_labels made = {0};
    enum tw_status status = tw_storage_read(uri, MAX_DICT_BYTES, &text, error);
    if (status == TW_OK && (status = parse(tw_buffer_span(&text), &made, error)) != TW_OK)
        status = tw_fail_within(error, status, "label file %s", uri);
    tw_buffer_release(&text);
    if (status == TW_OK)
        *labels = made;
    else
        tw_labels_release(&made);
    return status;
}

enum tw_status tw_labels_write(const char *uri, const struct tw_labels *labels, struct tw_error *error)
{
    struct tw_buffer text = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < labels->count && status == TW_OK; i++)
        status = tw_buffer_printf(&text, error, "%s\n", labels->names[i]);
    if (status == TW_OK)
        status = tw_storage_write(uri, tw_buffer_span(&text), error);
    tw_buffer_release(&text);
    return status;
}
