#include "formats/flatbuffer.h"

#include "base/text.h"

#include <string.h>

static bool has(struct tw_span file, size_t at, size_t size)
{
    return at <= file.size && size <= file.size - at;
}

static uint16_t load_u16(struct tw_span file, size_t at)
{
    return (uint16_t)(file.data[at] | file.data[at + 1] << 8);
}

static void fail_range(struct build *build, size_t at)
{
    build_fail(build, TW_CORRUPT, "the FlatBuffer leads out of the file at byte %zu", at);
}

/* Where a distance that lies at `at` leads. */
static bool follow(struct build *build, struct tw_span file, size_t at, size_t *target)
{
    if (build->status)
        return false;
    if (!has(file, at, 4) || tw_load_u32le(file.data + at) > file.size - at) {
        fail_range(build, at);
        return false;
    }
    *target = at + tw_load_u32le(file.data + at);
    return true;
}

static bool open_table(struct build *build, struct tw_span file, size_t at, struct flat_table *table)
{
    if (build->status)
        return false;
    if (has(file, at, 4)) {
        int64_t vtable = (int64_t)at - (int32_t)tw_load_u32le(file.data + at);
        if (vtable >= 0 && has(file, (size_t)vtable, 4)) {
            size_t vtable_size = load_u16(file, (size_t)vtable), size = load_u16(file, (size_t)vtable + 2);
            *table = (struct flat_table){.file = file, .at = at, .size = size, .fields_at = (size_t)vtable + 4};
            table->field_count = vtable_size >= 4 ? (vtable_size - 4) / 2 : 0;
            if (vtable_size >= 4 && size >= 4 && has(file, (size_t)vtable, vtable_size) && has(file, at, size))
                return true;
        }
    }
    fail_range(build, at);
    return false;
}

bool flat_root(struct build *build, struct tw_span file, struct flat_table *root)
{
    size_t at;
    return follow(build, file, 0, &at) && open_table(build, file, at, root);
}

/* Where a field of that size lies; false: it is left out. */
static bool find(struct build *build, const struct flat_table *table, unsigned field, size_t size, size_t *at)
{
    if (build->status || field >= table->field_count)
        return false;
    size_t offset = load_u16(table->file, table->fields_at + 2 * (size_t)field);
    if (offset == 0)
        return false;
    if (offset > table->size || size > table->size - offset) {
        fail_range(build, table->at);
        return false;
    }
    *at = table->at + offset;
    return true;
}

int64_t flat_int(struct build *build, const struct flat_table *table, unsigned field, unsigned size, int64_t otherwise)
{
    size_t at;
    if (!find(build, table, field, size, &at))
        return otherwise;
    uint64_t bits = 0;
    memcpy(&bits, table->file.data + at, size);
    unsigned unused = 64 - 8 * size;
    return (int64_t)(bits << unused) >> unused;
}

float flat_float(struct build *build, const struct flat_table *table, unsigned field, float otherwise)
{
    size_t at;
    float value = otherwise;
    if (find(build, table, field, sizeof value, &at))
        memcpy(&value, table->file.data + at, sizeof value);
    return value;
}

bool flat_inner(struct build *build, const struct flat_table *table, unsigned field, struct flat_table *inner)
{
    size_t at, target;
    return find(build, table, field, 4, &at) && follow(build, table->file, at, &target) &&
           open_table(build, table->file, target, inner);
}

bool flat_list(struct build *build, const struct flat_table *table, unsigned field, size_t element_size,
               struct flat_vector *list)
{
    size_t at, target;
    *list = (struct flat_vector){0};
    if (!find(build, table, field, 4, &at) || !follow(build, table->file, at, &target))
        return false;
    if (!has(table->file, target, 4)) {
        fail_range(build, target);
        return false;
    }
    size_t count = tw_load_u32le(table->file.data + target);
    if (count > (table->file.size - target - 4) / element_size) {
        build_fail(build, TW_CORRUPT, "a list at byte %zu has %zu elements of %zu bytes, more than the file", target,
                   count, element_size);
        return false;
    }
    *list = (struct flat_vector){.file = table->file, .at = target + 4, .count = count};
    return true;
}

bool flat_element(struct build *build, const struct flat_vector *tables, size_t index, struct flat_table *element)
{
    size_t target;
    return follow(build, tables->file, tables->at + 4 * index, &target) &&
           open_table(build, tables->file, target, element);
}

int32_t flat_i32(const struct flat_vector *list, size_t index)
{
    return (int32_t)tw_load_u32le(list->file.data + list->at + 4 * index);
}

const char *flat_text(struct build *build, const struct flat_table *table, unsigned field)
{
    struct flat_vector letters;
    if (!flat_list(build, table, field, 1, &letters))
        return build->status ? NULL : "";
    struct tw_span bytes = tw_span_of(letters.count ? letters.file.data + letters.at : NULL, letters.count);
    if ((bytes.size && memchr(bytes.data, 0, bytes.size)) || !tw_is_utf8(bytes)) {
        build_fail(build, TW_CORRUPT, "a text at byte %zu is not UTF-8 or holds a zero byte", letters.at);
        return NULL;
    }
    if (!build_charge(build, bytes.size))
        return NULL;
    const char *text = tw_arena_strndup(&build->graph->arena, bytes.size ? (const char *)bytes.data : "", bytes.size);
    if (!text)
        build_fail_memory(build, bytes.size);
    return text;
}
