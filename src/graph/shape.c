#include "graph/graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t tw_dtype_size(enum tw_dtype dtype)
{
    switch (dtype) {
    case TW_F64:
    case TW_I64:
    case TW_U64:
        return 8;
    case TW_F32:
    case TW_I32:
    case TW_U32:
        return 4;
    case TW_F16:
    case TW_BF16:
    case TW_I16:
    case TW_U16:
        return 2;
    case TW_I8:
    case TW_U8:
    case TW_BOOL:
        return 1;
    case TW_DTYPE_NONE:
    case TW_TEXT:
        break;
    }
    return 0;
}

const char *tw_dtype_name(enum tw_dtype dtype)
{
    static const char *const names[] = {
        [TW_DTYPE_NONE] = "none", [TW_F32] = "f32", [TW_F64] = "f64", [TW_F16] = "f16",   [TW_BF16] = "bf16",
        [TW_I8] = "i8",           [TW_U8] = "u8",   [TW_I16] = "i16", [TW_U16] = "u16",   [TW_I32] = "i32",
        [TW_U32] = "u32",         [TW_I64] = "i64", [TW_U64] = "u64", [TW_BOOL] = "bool", [TW_TEXT] = "text",
    };
    return (size_t)dtype < sizeof names / sizeof *names ? names[dtype] : "unknown";
}

bool tw_shape_count(const struct tw_shape *shape, int64_t *count)
{
    if (shape->rank < 0 || shape->rank > TW_MAX_RANK)
        return false;
    int64_t product = 1;
    bool is_empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0)
            return false;
        /* A zero must not hide an overflow of the others, nor make one. */
        if (shape->dims[i] == 0)
            is_empty = true;
        else if (__builtin_mul_overflow(product, shape->dims[i], &product))
            return false;
    }
    *count = is_empty ? 0 : product;
    return true;
}

bool tw_shape_equal(const struct tw_shape *a, const struct tw_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i])
            return false;
    }
    return true;
}

void tw_shape_text(const struct tw_shape *shape, char *out, size_t size)
{
    if (size == 0)
        return;
    if (shape->rank < 0) {
        snprintf(out, size, "?");
        return;
    }
    size_t at = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < shape->rank && at < size; i++) {
        const char *comma = i ? "," : "";
        int length = shape->dims[i] < 0 ? snprintf(out + at, size - at, "%s?", comma)
                                        : snprintf(out + at, size - at, "%s%" PRId64, comma, shape->dims[i]);
        at += (size_t)length;
    }
    if (at < size)
        snprintf(out + at, size - at, "]");
}
