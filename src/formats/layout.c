#include "formats/layout.h"

#include <string.h>

const int layout_to_nchw[] = {0, 3, 1, 2}, layout_to_nhwc[] = {0, 2, 3, 1};
const int layout_axis_in_nchw[] = {0, 2, 3, 1};

/* One element at a time, walking the result in order. */
static void permute_bytes(const struct tw_value *from, const int *order, int rank, uint8_t *out)
{
    size_t size = tw_dtype_size(from->dtype);
    int64_t stride[TW_MAX_RANK], at[TW_MAX_RANK] = {0}, step = 1, count = 1;
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= from->shape.dims[i];
    }
    count = step;
    const uint8_t *data = from->data;
    for (int64_t n = 0; n < count; n++, out += size) {
        int64_t offset = 0;
        for (int i = 0; i < rank; i++)
            offset += at[i] * stride[order[i]];
        memcpy(out, data + (size_t)offset * size, size);
        for (int i = rank - 1; i >= 0 && ++at[i] == from->shape.dims[order[i]]; i--)
            at[i] = 0;
    }
}

int layout_permute(struct build *build, int id, const int *order, int rank)
{
    if (build->status || id < 0)
        return -1;
    struct tw_value from = build->graph->values[id];
    int64_t count;
    if (!from.data || from.shape.rank != rank || !tw_shape_count(&from.shape, &count)) {
        build_fail(build, TW_UNSUPPORTED, "tensor '%.200s' of rank %d stands where one of rank %d is needed", from.name,
                   from.shape.rank, rank);
        return -1;
    }
    /* The same weights may serve many nodes, each of which asks for a copy. */
    build->turned_bytes += count * (int64_t)tw_dtype_size(from.dtype);
    if (build->turned_bytes > build->limits->max_tensor_bytes)
        build_fail(build, TW_LIMIT, "weights in another layout take over the limit of %lld bytes",
                   (long long)build->limits->max_tensor_bytes);
    uint8_t *out = build_alloc(build, (size_t)count, tw_dtype_size(from.dtype));
    if (!out)
        return -1;
    if (count)
        permute_bytes(&from, order, rank, out);
    struct tw_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = from.shape.dims[order[i]];
    int made = build_fresh(build, from.name, "permuted");
    if (made >= 0)
        build_set_constant(build, made, from.dtype, &shape, out);
    return made;
}

static int transposed(struct build *build, int id, const int *order, const char *suffix)
{
    if (build->graph->values[id].data)
        return layout_permute(build, id, order, 4);
    const char *name = build->graph->values[id].name;
    const struct tw_shape from = build->graph->values[id].shape;
    int output = build_step(build, TW_OP_TRANSPOSE, name, suffix, &id, 1);
    if (output < 0)
        return -1;
    int64_t list[4];
    struct tw_shape *shape = &build->graph->values[output].shape;
    for (int i = 0; i < 4; i++) {
        list[i] = order[i];
        shape->dims[i] = from.dims[order[i]];
    }
    shape->rank = from.rank == 4 ? 4 : TW_UNKNOWN;
    build_int_list(build, &build->graph->nodes[build->graph->node_count - 1], "perm", list, 4);
    return output;
}

int layout_native(struct build *build, struct layout_forms *forms)
{
    if (forms->native < 0)
        forms->native = transposed(build, forms->nchw, layout_to_nhwc, "nhwc");
    return forms->native;
}

int layout_nchw(struct build *build, struct layout_forms *forms)
{
    if (forms->nchw < 0)
        forms->nchw = transposed(build, forms->native, layout_to_nchw, "nchw");
    return forms->nchw;
}

int layout_constant_for_nchw(struct build *build, int id)
{
    struct tw_value value = build->graph->values[id];
    int64_t count;
    if (!tw_shape_count(&value.shape, &count) || value.shape.rank > 4 || count == 1)
        return id;
    struct tw_shape shape = {.rank = 4, .dims = {1, 1, 1, 1}};
    for (int i = 0; i < value.shape.rank; i++)
        shape.dims[4 - value.shape.rank + i] = value.shape.dims[i];
    int wide = build_fresh(build, value.name, "wide");
    if (wide >= 0)
        build_set_constant(build, wide, value.dtype, &shape, value.data);
    return layout_permute(build, wide, layout_to_nchw, 4);
}
