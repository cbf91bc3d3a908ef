#include "graph/bind.h"

#include <inttypes.h>

/* Shapes hang on small tensors only; greater constants are not computed here but by the folding pass. */
enum { MAX_EVALUATED = 4096 };
/* Of one dimension: keeps sums and products of a window's sizes in int64. */
static const int64_t max_dimension = (int64_t)1 << 40;

static enum tw_status check_value(const struct tw_value *value, const struct tw_graph_limits *limits,
                                  struct tw_error *error)
{
    if (value->shape.rank > TW_MAX_RANK)
        return tw_fail(error, TW_LIMIT, "value '%s' has %d dimensions; the limit is %d", value->name, value->shape.rank,
                       TW_MAX_RANK);
    bool is_known = value->shape.rank >= 0;
    for (int i = 0; i < value->shape.rank; i++) {
        int64_t dim = value->shape.dims[i];
        if (dim < TW_UNKNOWN || dim > max_dimension)
            return tw_fail(error, dim < 0 ? TW_CORRUPT : TW_LIMIT, "dimension %d of value '%s' is %" PRId64, i,
                           value->name, dim);
        is_known = is_known && dim >= 0;
    }
    int64_t count, bytes;
    if (!is_known)
        return TW_OK;
    if (tw_shape_count(&value->shape, &count) &&
        !__builtin_mul_overflow(count, (int64_t)tw_dtype_size(value->dtype), &bytes) &&
        bytes <= limits->max_tensor_bytes)
        return TW_OK;
    char text[160];
    tw_shape_text(&value->shape, text, sizeof text);
    return tw_fail(error, TW_LIMIT, "value '%s' of type %s and shape %s is over the limit of %" PRId64 " bytes",
                   value->name, tw_dtype_name(value->dtype), text, limits->max_tensor_bytes);
}

static enum tw_status check_input_known(const struct tw_value *value, struct tw_error *error)
{
    if (value->shape.rank < 0)
        return tw_fail(error, TW_UNSUPPORTED, "the shape of its input '%s' is not known", value->name);
    if (tw_dtype_size(value->dtype) == 0)
        return tw_fail(error, TW_UNSUPPORTED, "its input '%s' is of type %s", value->name, tw_dtype_name(value->dtype));
    return TW_OK;
}

static enum tw_status check_fused(const struct tw_graph *graph, const struct tw_node *node, const struct tw_tensor *y,
                                  struct tw_error *error)
{
    if (node->residual < 0)
        return TW_OK;
    const struct tw_value *residual = &graph->values[node->residual];
    if (residual->dtype == y->dtype && tw_shape_equal(&residual->shape, &y->shape))
        return TW_OK;
    return tw_fail(error, TW_CORRUPT, "its residual '%s' is not of its result's type and shape", residual->name);
}

/* Whether the values that a node makes can be had now and are small. */
static bool is_evaluable(const struct tw_binder *binder, const struct tw_node *node)
{
    int64_t count;
    for (int i = 0; i < node->input_count; i++) {
        const struct tw_tensor *input = &binder->inputs[i];
        if (node->inputs[i] < 0 || node->op == TW_OP_SHAPE)
            continue;
        if (!input->data || !tw_shape_count(&input->shape, &count) || count > MAX_EVALUATED)
            return false;
    }
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0 && (!tw_shape_count(&binder->outputs[i].shape, &count) || count > MAX_EVALUATED))
            return false;
    }
    return node->residual < 0;
}

/* A kernel that cannot leaves the values unknown: who needs them will say so. */
static enum tw_status evaluate(struct tw_binder *binder, const struct tw_node *node, struct tw_error *error)
{
    struct tw_error unused = {0};
    enum tw_status status = tw_binder_run(binder, node, &unused);
    if (status == TW_NO_MEMORY)
        return tw_fail(error, status, "%s", unused.text);
    if (status || node->op != TW_OP_SHAPE)
        return TW_OK;
    const int64_t *dims = binder->data[node->outputs[0]];
    for (int64_t i = 0; i < binder->graph->values[node->outputs[0]].shape.dims[0]; i++) {
        if (dims[i] >= 0)
            continue;
        tw_binder_forget(binder, node->outputs[0]);
        break;
    }
    return TW_OK;
}

static enum tw_status infer_node(struct tw_graph *graph, struct tw_binder *binder, const struct tw_node *node,
                                 struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (int i = 0; i < node->input_count && !status; i++) {
        if (node->inputs[i] >= 0)
            status = check_input_known(&graph->values[node->inputs[i]], error);
    }
    for (int i = 0; i < node->attribute_count && !status; i++) {
        if (node->attributes[i].kind == TW_ATTR_TENSOR)
            status = check_input_known(&graph->values[node->attributes[i].tensor], error);
    }
    if (status)
        return status;
    tw_binder_bind(binder, node);
    status = tw_op_table[node->op].infer(node, binder->inputs, binder->outputs, error);
    if (!status)
        status = check_fused(graph, node, &binder->outputs[0], error);
    return status;
}

static enum tw_status infer_and_store(struct tw_graph *graph, struct tw_binder *binder, const struct tw_node *node,
                                      const struct tw_graph_limits *limits, struct tw_error *error)
{
    enum tw_status status = infer_node(graph, binder, node, error);
    for (int i = 0; i < node->output_count && !status; i++) {
        if (node->outputs[i] < 0)
            continue;
        struct tw_value *value = &graph->values[node->outputs[i]];
        value->dtype = binder->outputs[i].dtype;
        value->shape = binder->outputs[i].shape;
        status = check_value(value, limits, error);
    }
    if (!status && is_evaluable(binder, node))
        status = evaluate(binder, node, error);
    if (!status || status == TW_NO_MEMORY)
        return status;
    return tw_fail_within(error, status, "node '%s' (%s)", tw_node_label(graph, node), tw_op_table[node->op].name);
}

enum tw_status tw_graph_infer(struct tw_graph *graph, const struct tw_graph_limits *limits, struct tw_error *error)
{
    if (graph->node_count > limits->max_nodes)
        return tw_fail(error, TW_LIMIT, "the graph has %zu nodes; the limit is %zu", graph->node_count,
                       limits->max_nodes);
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < graph->input_count && !status; i++)
        status = check_value(&graph->values[graph->inputs[i]], limits, error);
    for (size_t id = 0; id < graph->value_count && !status; id++) {
        if (graph->values[id].data)
            status = check_value(&graph->values[id], limits, error);
    }
    for (size_t n = 0; n < graph->node_count && !status; n++) {
        if ((unsigned)graph->nodes[n].op >= TW_OP_COUNT)
            status = tw_fail(error, TW_UNSUPPORTED, "node '%s' is of an unknown op", graph->nodes[n].name);
        else
            status = tw_op_check(&graph->nodes[n], error);
    }
    if (status)
        return status;
    struct tw_binder binder;
    status = tw_binder_init(&binder, graph, MAX_EVALUATED, error);
    if (status)
        return status;
    for (size_t n = 0; n < graph->node_count && !status; n++)
        status = infer_and_store(graph, &binder, &graph->nodes[n], limits, error);
    tw_binder_release(&binder);
    return status;
}
