/* TensorProto: dims, data type, and elements as raw little-endian bytes or as a list of numbers:
 * float_data, int32_data (all of 32 bits and less, halves as their bits), int64_data, double_data, uint64_data. */
#include "formats/onnx.h"

#include <string.h>

static const struct {
    enum tw_dtype dtype;
    uint32_t list; /* field that holds the elements where raw bytes do not */
} codes[] = {
    [1] = {TW_F32, TENSOR_FLOATS},   [2] = {TW_U8, TENSOR_INT32S},    [3] = {TW_I8, TENSOR_INT32S},
    [4] = {TW_U16, TENSOR_INT32S},   [5] = {TW_I16, TENSOR_INT32S},   [6] = {TW_I32, TENSOR_INT32S},
    [7] = {TW_I64, TENSOR_INT64S},   [8] = {TW_TEXT, TENSOR_STRINGS}, [9] = {TW_BOOL, TENSOR_INT32S},
    [10] = {TW_F16, TENSOR_INT32S},  [11] = {TW_F64, TENSOR_DOUBLES}, [12] = {TW_U32, TENSOR_UINT64S},
    [13] = {TW_U64, TENSOR_UINT64S}, [16] = {TW_BF16, TENSOR_INT32S},
};
enum { CODE_COUNT = sizeof codes / sizeof *codes };

enum tw_dtype onnx_dtype(uint64_t code)
{
    return code < CODE_COUNT ? codes[code].dtype : TW_DTYPE_NONE;
}

int onnx_dtype_code(enum tw_dtype dtype)
{
    for (int code = 1; code < CODE_COUNT; code++) {
        if (codes[code].dtype == dtype)
            return code;
    }
    return 0;
}

struct parts {
    uint64_t code;
    struct tw_span raw;
    bool has_raw;
};

static void read_dims(struct build *build, const struct tw_wire_field *field, struct tw_shape *shape)
{
    size_t count = 0;
    if (build->status || (build->status = tw_wire_count(field, TW_WIRE_VARINT, &count, build->error)))
        return;
    if (count > (size_t)(TW_MAX_RANK - shape->rank)) {
        build_fail(build, TW_UNSUPPORTED, "a tensor has over %d dimensions", TW_MAX_RANK);
        return;
    }
    build->status = tw_wire_int64s(field, shape->dims + shape->rank, build->error);
    shape->rank += (int)count;
}

static void read_field(struct build *build, const struct tw_wire_field *field, struct onnx_tensor *tensor,
                       struct parts *parts)
{
    switch (field->number) {
    case TENSOR_DIMS:
        read_dims(build, field, &tensor->shape);
        break;
    case TENSOR_TYPE:
        if (build_expect(build, field, TW_WIRE_VARINT, "a tensor"))
            parts->code = field->value;
        break;
    case TENSOR_NAME:
        tensor->name = build_text(build, field, "a tensor");
        break;
    case TENSOR_RAW:
        if (build_expect(build, field, TW_WIRE_BYTES, "a tensor")) {
            parts->raw = field->bytes;
            parts->has_raw = true;
        }
        break;
    case TENSOR_EXTERNAL:
    case TENSOR_LOCATION:
        if (field->number == TENSOR_EXTERNAL || field->value == 1)
            build_fail(build, TW_UNSUPPORTED,
                       "it keeps its weights in another file (external data): save it as one file");
        break;
    case TENSOR_SEGMENT:
        build_fail(build, TW_UNSUPPORTED, "it is stored in segments, which are not known");
        break;
    default:
        break;
    }
}

static enum tw_wire_type list_wire(uint32_t list)
{
    if (list == TENSOR_FLOATS)
        return TW_WIRE_FIXED32;
    return list == TENSOR_DOUBLES ? TW_WIRE_FIXED64 : TW_WIRE_VARINT;
}

static void read_list(struct build *build, struct tw_span message, uint32_t list, uint64_t expected,
                      struct onnx_tensor *tensor)
{
    enum tw_wire_type wire = list_wire(list);
    size_t size = tw_dtype_size(tensor->dtype), found = build_count_numbers(build, message, list, wire);
    if (!build->status && found != expected)
        build_fail(build, TW_CORRUPT, "it has %zu elements where its shape asks for %llu", found,
                   (unsigned long long)expected);
    uint8_t *out = build_alloc(build, found, size);
    tensor->data = out;
    build_copy_numbers(build, message, list, wire, size, out);
}

static void read_elements(struct build *build, struct tw_span message, const struct parts *parts,
                          struct onnx_tensor *tensor)
{
    int64_t count = 0;
    char shape[128];
    tw_shape_text(&tensor->shape, shape, sizeof shape);
    tensor->dtype = onnx_dtype(parts->code);
    size_t size = tw_dtype_size(tensor->dtype);
    if (size == 0) {
        build_fail(build, TW_UNSUPPORTED, "its data type is number %llu, which is not known",
                   (unsigned long long)parts->code);
        return;
    }
    if (!tw_shape_count(&tensor->shape, &count)) {
        build_fail(build, TW_CORRUPT, "its shape is %s", shape);
        return;
    }
    if (count > build->limits->max_tensor_bytes / (int64_t)size) {
        build_fail(build, TW_LIMIT, "its shape %s of %s takes more than the limit of %lld bytes", shape,
                   tw_dtype_name(tensor->dtype), (long long)build->limits->max_tensor_bytes);
        return;
    }
    if (!parts->has_raw) {
        read_list(build, message, codes[parts->code].list, (uint64_t)count, tensor);
        return;
    }
    if (parts->raw.size != (uint64_t)count * size) {
        build_fail(build, TW_CORRUPT, "it has %zu bytes where its shape %s of %s asks for %llu", parts->raw.size, shape,
                   tw_dtype_name(tensor->dtype), (unsigned long long)count * size);
        return;
    }
    tensor->data = count ? parts->raw.data : build_alloc(build, 1, size);
}

bool onnx_read_tensor(struct build *build, struct tw_span message, const char *owner, struct onnx_tensor *tensor)
{
    struct parts parts = {0};
    struct onnx_tensor made = {.name = ""};
    struct tw_wire_field field;
    if (build->status)
        return false;
    for (struct tw_reader reader = tw_reader_of(message); build_next(build, &reader, &field);)
        read_field(build, &field, &made, &parts);
    if (!build->status)
        read_elements(build, message, &parts, &made);
    if (build->status) {
        build->status =
            tw_fail_within(build->error, build->status, "tensor '%.200s'", made.name && *made.name ? made.name : owner);
        return false;
    }
    *tensor = made;
    return true;
}
