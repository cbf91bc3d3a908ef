#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <inttypes.h>

static enum tw_status fail_shapes(const struct tw_tensor *inputs, struct tw_error *error)
{
    char a[128], b[128];
    tw_shape_text(&inputs[0].shape, a, sizeof a);
    tw_shape_text(&inputs[1].shape, b, sizeof b);
    return tw_fail(error, TW_CORRUPT, "matrices of shapes %s and %s cannot be multiplied", a, b);
}

OP_FUNCTION(op_infer_gemm)
{
    const struct tw_shape *a = &inputs[0].shape, *b = &inputs[1].shape;
    int a_turned = tw_node_int(node, "transA", 0) != 0, b_turned = tw_node_int(node, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2)
        return fail_shapes(inputs, error);
    int64_t k = a->dims[1 - a_turned], other = b->dims[b_turned];
    if (k >= 0 && other >= 0 && k != other)
        return fail_shapes(inputs, error);
    enum tw_status status = op_need_same_dtype(&inputs[0], &inputs[1], error);
    if (status)
        return status;
    struct tw_shape out = {.rank = 2, .dims = {a->dims[a_turned], b->dims[1 - b_turned]}};
    const struct tw_tensor *c = op_optional(node, inputs, 2);
    if (c) {
        struct tw_shape wide;
        status = op_broadcast(&out, &c->shape, &wide, error);
        if (!status && (wide.rank != 2 || (out.dims[0] >= 0 && wide.dims[0] != out.dims[0]) ||
                        (out.dims[1] >= 0 && wide.dims[1] != out.dims[1])))
            status = tw_fail(error, TW_CORRUPT, "its bias is greater than its result");
        if (status)
            return status;
    }
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_gemm)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status)
        return status;
    int a_turned = tw_node_int(node, "transA", 0) != 0, b_turned = tw_node_int(node, "transB", 0) != 0;
    const struct tw_shape *shape = &outputs[0].shape;
    int64_t m = shape->dims[0], n = shape->dims[1], k = inputs[0].shape.dims[1 - a_turned];
    int64_t a_row = a_turned ? 1 : k, a_step = a_turned ? m : 1, b_row = b_turned ? 1 : n, b_step = b_turned ? k : 1;
    double alpha = (double)tw_node_float(node, "alpha", 1), beta = (double)tw_node_float(node, "beta", 1);
    const struct tw_tensor *c = op_optional(node, inputs, 2);
    int64_t c_strides[TW_MAX_RANK] = {0};
    if (c)
        op_broadcast_strides(&c->shape, shape, c_strides);
    const float *a = inputs[0].data, *b = inputs[1].data;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)a[i * a_row + l * a_step] * (double)b[l * b_row + j * b_step];
            sum *= alpha;
            if (c)
                sum += beta * (double)((const float *)c->data)[i * c_strides[0] + j * c_strides[1]];
            ((float *)outputs[0].out)[i * n + j] = (float)sum;
        }
    }
    return TW_OK;
}

/* Vectors as matrices: numpy's matmul adds a row to the left one, a column to the right one. */
static struct tw_shape as_matrix(const struct tw_shape *shape, bool is_left)
{
    if (shape->rank > 1)
        return *shape;
    return is_left ? (struct tw_shape){.rank = 2, .dims = {1, shape->dims[0]}}
                   : (struct tw_shape){.rank = 2, .dims = {shape->dims[0], 1}};
}

OP_FUNCTION(op_infer_matmul)
{
    (void)node;
    if (inputs[0].shape.rank < 1 || inputs[1].shape.rank < 1)
        return fail_shapes(inputs, error);
    struct tw_shape a = as_matrix(&inputs[0].shape, true), b = as_matrix(&inputs[1].shape, false), out;
    int64_t m = a.dims[a.rank - 2], n = b.dims[b.rank - 1], k = a.dims[a.rank - 1], other = b.dims[b.rank - 2];
    if (k >= 0 && other >= 0 && k != other)
        return fail_shapes(inputs, error);
    enum tw_status status = op_need_same_dtype(&inputs[0], &inputs[1], error);
    a.rank -= 2;
    b.rank -= 2;
    if (!status)
        status = op_broadcast(&a, &b, &out, error);
    if (status)
        return status;
    if (inputs[0].shape.rank > 1)
        out.dims[out.rank++] = m;
    if (inputs[1].shape.rank > 1)
        out.dims[out.rank++] = n;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = out;
    return TW_OK;
}

OP_FUNCTION(op_run_matmul)
{
    enum tw_status status = op_need_f32(node, inputs, error);
    if (status)
        return status;
    struct tw_shape a = as_matrix(&inputs[0].shape, true), b = as_matrix(&inputs[1].shape, false), batch;
    int64_t m = a.dims[a.rank - 2], n = b.dims[b.rank - 1], k = a.dims[a.rank - 1];
    a.rank -= 2;
    b.rank -= 2;
    status = op_broadcast(&a, &b, &batch, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    int64_t a_strides[TW_MAX_RANK], b_strides[TW_MAX_RANK], index[TW_MAX_RANK] = {0};
    op_broadcast_strides(&a, &batch, a_strides);
    op_broadcast_strides(&b, &batch, b_strides);
    float *out = outputs[0].out;
    do {
        const float *left = (const float *)inputs[0].data + op_offset(batch.rank, index, a_strides) * m * k;
        const float *right = (const float *)inputs[1].data + op_offset(batch.rank, index, b_strides) * k * n;
        for (int64_t i = 0; i < m * n; i++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += (double)left[i / n * k + l] * (double)right[l * n + i % n];
            *out++ = (float)sum;
        }
    } while (op_next_index(&batch, index));
    return TW_OK;
}
