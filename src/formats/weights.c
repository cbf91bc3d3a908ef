#include "formats/weights.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct weights_tensor *weights_add(struct build *build, struct weights *weights, size_t *capacity, struct tw_span key)
{
    if (weights->count == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 256;
        struct weights_tensor *tensors = build_alloc(build, wanted, sizeof *tensors);
        if (!tensors)
            return NULL;
        if (weights->count)
            memcpy(tensors, weights->tensors, weights->count * sizeof *tensors);
        weights->tensors = tensors;
        *capacity = wanted;
    }
    const struct tw_wire_field name = {.number = 1, .type = TW_WIRE_BYTES, .bytes = key};
    weights->tensors[weights->count] = (struct weights_tensor){.name = build_text(build, &name, "a tensor's name")};
    return build->status ? NULL : &weights->tensors[weights->count++];
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct weights_tensor *)a)->name, ((const struct weights_tensor *)b)->name);
}

void weights_sort(struct build *build, struct weights *weights)
{
    if (build->status || weights->count == 0)
        return;
    qsort(weights->tensors, weights->count, sizeof *weights->tensors, compare);
    for (size_t i = 0; i < weights->count; i++) {
        const struct weights_tensor *tensor = &weights->tensors[i];
        size_t size = tw_dtype_size(tensor->dtype);
        int64_t count = 0;
        if (i > 0 && strcmp(weights->tensors[i - 1].name, tensor->name) == 0)
            build_fail(build, TW_CORRUPT, "tensor '%.200s' is there twice", tensor->name);
        if (size == 0)
            continue;
        char shape[128];
        tw_shape_text(&tensor->shape, shape, sizeof shape);
        if (!tw_shape_count(&tensor->shape, &count) || (uint64_t)count != tensor->data.size / size ||
            tensor->data.size % size)
            build_fail(build, TW_CORRUPT, "tensor '%.200s' of type %s and shape %s has %zu bytes", tensor->name,
                       tw_dtype_name(tensor->dtype), shape, tensor->data.size);
    }
}

const struct weights_tensor *weights_find(const struct weights *weights, const char *name)
{
    const struct weights_tensor key = {.name = name};
    if (weights->count == 0)
        return NULL;
    return bsearch(&key, weights->tensors, weights->count, sizeof key, compare);
}

static int compare_aliases(const void *a, const void *b)
{
    return strcmp(((const struct weights_alias *)a)->name, ((const struct weights_alias *)b)->name);
}

void weights_sort_aliases(struct weights *weights)
{
    if (weights->alias_count)
        qsort(weights->aliases, weights->alias_count, sizeof *weights->aliases, compare_aliases);
}

const struct weights_tensor *weights_find_alias(const struct weights *weights, const char *name)
{
    const struct weights_alias key = {.name = name}, *first = weights->aliases;
    const struct weights_alias *found =
        weights->alias_count ? bsearch(&key, first, weights->alias_count, sizeof key, compare_aliases) : NULL;
    if (!found || (found > first && strcmp(found[-1].name, name) == 0) ||
        (found + 1 < first + weights->alias_count && strcmp(found[1].name, name) == 0))
        return NULL;
    return weights_find(weights, found->key);
}

void weights_set_constant(struct build *build, int id, const struct weights_tensor *tensor)
{
    static const uint8_t nothing[8];
    if (build->status)
        return;
    if (tw_dtype_size(tensor->dtype) == 0) {
        build_fail(build, TW_UNSUPPORTED, "tensor '%.200s' is of a type that is not known", tensor->name);
        return;
    }
    if (tensor->has_crc && tw_crc32c_mask(tw_crc32c(0, tensor->data.data, tensor->data.size)) != tensor->crc)
        build_fail(build, TW_CORRUPT, "tensor '%.200s' has not the checksum that is written beside it", tensor->name);
    build_set_constant(build, id, tensor->dtype, &tensor->shape, tensor->data.size ? tensor->data.data : nothing);
}
