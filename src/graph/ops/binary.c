#include "graph/ops/families.h"
#include "graph/ops/support.h"

#include <math.h>
#include <string.h>

/* The one loop of the family: each element of the result from one of each side. */
struct pair {
    struct tw_shape out;
    int64_t a_strides[TW_MAX_RANK], b_strides[TW_MAX_RANK], index[TW_MAX_RANK];
};

static enum tw_status pair_begin(struct pair *pair, const struct tw_shape *a, const struct tw_shape *b,
                                 struct tw_error *error)
{
    *pair = (struct pair){0};
    enum tw_status status = op_broadcast(a, b, &pair->out, error);
    if (!status) {
        op_broadcast_strides(a, &pair->out, pair->a_strides);
        op_broadcast_strides(b, &pair->out, pair->b_strides);
    }
    return status;
}

static int64_t pair_a(const struct pair *pair)
{
    return op_offset(pair->out.rank, pair->index, pair->a_strides);
}

static int64_t pair_b(const struct pair *pair)
{
    return op_offset(pair->out.rank, pair->index, pair->b_strides);
}

OP_FUNCTION(op_infer_binary)
{
    enum tw_status status = node->op == TW_OP_POW ? TW_OK : op_need_same_dtype(&inputs[0], &inputs[1], error);
    if (!status)
        status = op_broadcast(&inputs[0].shape, &inputs[1].shape, &outputs[0].shape, error);
    if (!status)
        outputs[0].dtype = inputs[0].dtype;
    return status;
}

OP_FUNCTION(op_infer_compare)
{
    enum tw_status status = op_infer_binary(node, inputs, outputs, error);
    if (!status)
        outputs[0].dtype = TW_BOOL;
    return status;
}

/* Double holds the exact result of a f32 operation closely enough that rounding it once more is the f32 result. */
static double combine_reals(enum tw_op op, double a, double b)
{
    switch (op) {
    case TW_OP_ADD:
    case TW_OP_SUM:
    case TW_OP_MEAN:
        return a + b;
    case TW_OP_SUB:
        return a - b;
    case TW_OP_MUL:
        return a * b;
    case TW_OP_DIV:
        return a / b;
    case TW_OP_MIN:
        return a < b || isnan(a) ? a : b;
    case TW_OP_MAX:
        return a > b || isnan(a) ? a : b;
    case TW_OP_PRELU:
        return a < 0 ? a * b : a;
    default:
        return pow(a, b);
    }
}

/* Wraps around, as integers of every peer do; through unsigned, where C defines it. */
static int64_t power(int64_t base, int64_t exponent)
{
    uint64_t result = 1, factor = (uint64_t)base;
    for (uint64_t left = (uint64_t)exponent; left; left >>= 1, factor *= factor)
        result *= left & 1 ? factor : 1;
    return (int64_t)result;
}

static enum tw_status combine_integers(enum tw_op op, int64_t a, int64_t b, int64_t *out, struct tw_error *error)
{
    switch (op) {
    case TW_OP_ADD:
    case TW_OP_SUM:
        *out = (int64_t)((uint64_t)a + (uint64_t)b);
        return TW_OK;
    case TW_OP_SUB:
        *out = (int64_t)((uint64_t)a - (uint64_t)b);
        return TW_OK;
    case TW_OP_MUL:
        *out = (int64_t)((uint64_t)a * (uint64_t)b);
        return TW_OK;
    case TW_OP_DIV:
        if (b == 0)
            return tw_fail(error, TW_CORRUPT, "it divides an integer by 0");
        *out = b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
        return TW_OK;
    case TW_OP_MIN:
        *out = a < b ? a : b;
        return TW_OK;
    case TW_OP_MAX:
        *out = a > b ? a : b;
        return TW_OK;
    case TW_OP_POW:
        if (b < 0)
            return tw_fail(error, TW_UNSUPPORTED, "it raises an integer to a negative power");
        *out = power(a, b);
        return TW_OK;
    default:
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for integers");
    }
}

static enum tw_status combine(enum tw_op op, const struct tw_tensor *a, const struct tw_tensor *b,
                              const struct tw_tensor *y, struct tw_error *error)
{
    struct pair pair;
    enum tw_status status = pair_begin(&pair, &a->shape, &b->shape, error);
    if (status || op_product(&pair.out, 0, pair.out.rank) == 0)
        return status;
    bool is_real = op_is_real(a->dtype) && op_is_real(b->dtype);
    if (!is_real && !(op_is_integer(a->dtype) && op_is_integer(b->dtype)))
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s and %s", tw_dtype_name(a->dtype),
                       tw_dtype_name(b->dtype));
    int64_t at = 0;
    do {
        if (is_real) {
            double left = op_load_real(a, a->data, pair_a(&pair)), right = op_load_real(b, b->data, pair_b(&pair));
            op_store_real(y, at++, combine_reals(op, left, right));
            continue;
        }
        int64_t value = 0;
        status = combine_integers(op, op_load_int(a, a->data, pair_a(&pair)), op_load_int(b, b->data, pair_b(&pair)),
                                  &value, error);
        op_store_int(y, at++, value);
    } while (!status && op_next_index(&pair.out, pair.index));
    return status;
}

OP_FUNCTION(op_run_binary)
{
    return combine(node->op, &inputs[0], &inputs[1], &outputs[0], error);
}

static bool compare(enum tw_op op, bool is_less, bool is_equal)
{
    return op == TW_OP_EQUAL ? is_equal : op == TW_OP_LESS ? is_less : !is_less && !is_equal;
}

OP_FUNCTION(op_run_compare)
{
    const struct tw_tensor *a = &inputs[0], *b = &inputs[1];
    struct pair pair;
    enum tw_status status = pair_begin(&pair, &a->shape, &b->shape, error);
    if (status || op_count(&outputs[0]) == 0)
        return status;
    bool is_real = op_is_real(a->dtype);
    if (!is_real && !op_is_integer(a->dtype))
        return tw_fail(error, TW_UNSUPPORTED, "it is not implemented for %s", tw_dtype_name(a->dtype));
    uint8_t *y = outputs[0].out;
    do {
        if (is_real) {
            double left = op_load_real(a, a->data, pair_a(&pair)), right = op_load_real(b, b->data, pair_b(&pair));
            bool is_ordered = !isnan(left) && !isnan(right);
            *y++ = is_ordered && compare(node->op, left < right, left == right);
            continue;
        }
        int64_t left = op_load_int(a, a->data, pair_a(&pair)), right = op_load_int(b, b->data, pair_b(&pair));
        *y++ = compare(node->op, left < right, left == right);
    } while (op_next_index(&pair.out, pair.index));
    return TW_OK;
}

OP_FUNCTION(op_infer_prelu)
{
    enum tw_status status = op_infer_binary(node, inputs, outputs, error);
    if (!status && outputs[0].shape.rank != inputs[0].shape.rank)
        status = tw_fail(error, TW_CORRUPT, "its slope has more dimensions than its input");
    return status;
}

OP_FUNCTION(op_run_prelu)
{
    return combine(node->op, &inputs[0], &inputs[1], &outputs[0], error);
}

OP_FUNCTION(op_infer_variadic)
{
    enum tw_status status = TW_OK;
    struct tw_shape shape = inputs[0].shape;
    for (int i = 1; i < node->input_count && !status; i++) {
        status = op_need_same_dtype(&inputs[0], &inputs[i], error);
        if (!status)
            status = op_broadcast(&shape, &inputs[i].shape, &shape, error);
    }
    if (status)
        return status;
    outputs[0].dtype = inputs[0].dtype;
    outputs[0].shape = shape;
    return TW_OK;
}

/* Input after input into the result, which is at once the left side: element i is read before it is written. */
OP_FUNCTION(op_run_variadic)
{
    struct tw_tensor sum = outputs[0];
    int64_t count = op_count(&sum);
    size_t size = tw_dtype_size(sum.dtype);
    struct pair pair;
    enum tw_status status = pair_begin(&pair, &inputs[0].shape, &sum.shape, error);
    if (status || count == 0)
        return status;
    uint8_t *to = sum.out;
    do {
        memcpy(to, (const uint8_t *)inputs[0].data + (size_t)pair_a(&pair) * size, size);
        to += size;
    } while (op_next_index(&pair.out, pair.index));
    sum.data = sum.out;
    for (int i = 1; i < node->input_count && !status; i++)
        status = combine(node->op, &sum, &inputs[i], &sum, error);
    for (int64_t i = 0; i < count && !status && node->op == TW_OP_MEAN && op_is_real(sum.dtype); i++)
        op_store_real(&sum, i, op_load_real(&sum, sum.data, i) / node->input_count);
    return status;
}

OP_FUNCTION(op_infer_where)
{
    (void)node;
    if (inputs[0].dtype != TW_BOOL)
        return tw_fail(error, TW_CORRUPT, "its condition is %s, not bool", tw_dtype_name(inputs[0].dtype));
    enum tw_status status = op_need_same_dtype(&inputs[1], &inputs[2], error);
    struct tw_shape shape;
    if (!status)
        status = op_broadcast(&inputs[1].shape, &inputs[2].shape, &shape, error);
    if (!status)
        status = op_broadcast(&inputs[0].shape, &shape, &outputs[0].shape, error);
    if (!status)
        outputs[0].dtype = inputs[1].dtype;
    return status;
}

OP_FUNCTION(op_run_where)
{
    (void)node;
    (void)error;
    const struct tw_shape *shape = &outputs[0].shape;
    size_t size = tw_dtype_size(outputs[0].dtype);
    int64_t strides[3][TW_MAX_RANK], index[TW_MAX_RANK] = {0};
    if (op_count(&outputs[0]) == 0)
        return TW_OK;
    for (int i = 0; i < 3; i++)
        op_broadcast_strides(&inputs[i].shape, shape, strides[i]);
    uint8_t *to = outputs[0].out;
    do {
        bool is_first = ((const uint8_t *)inputs[0].data)[op_offset(shape->rank, index, strides[0])];
        int chosen = is_first ? 1 : 2;
        const uint8_t *from = inputs[chosen].data;
        memcpy(to, from + (size_t)op_offset(shape->rank, index, strides[chosen]) * size, size);
        to += size;
    } while (op_next_index(shape, index));
    return TW_OK;
}
