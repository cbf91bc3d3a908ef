/* TensorFlow Lite: a FlatBuffer whose root is Model (version 0, operator codes 1, subgraphs 2, buffers 4) with "TFL3" behind
 * its first distance. */
#include "formats/readers.h"
#include "formats/tflite.h"

#include <string.h>

enum model_field { MODEL_VERSION, MODEL_CODES, MODEL_GRAPHS, MODEL_BUFFERS = 4 };
enum graph_field { GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPS };
enum tensor_field { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTISATION, TENSOR_SPARSITY = 6 };
enum buffer_field { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum op_field { OP_CODE, OP_INPUTS, OP_OUTPUTS, OP_OPTIONS = 4 };
enum code_field { CODE_OLD, CODE_CUSTOM, CODE_NEW = 3 };

static const enum tw_dtype types[] = {TW_F32,  TW_F16,        TW_I32,        TW_U8,  TW_I64, TW_TEXT,
                                      TW_BOOL, TW_I16,        TW_DTYPE_NONE, TW_I8,  TW_F64, TW_DTYPE_NONE,
                                      TW_U64,  TW_DTYPE_NONE, TW_DTYPE_NONE, TW_U32, TW_U16};

static void read_shape(struct tfl *tfl, const struct flat_table *table, struct tfl_tensor *tensor)
{
    struct flat_vector dims;
    flat_list(tfl->build, table, TENSOR_SHAPE, 4, &dims);
    if (dims.count > TW_MAX_RANK) {
        build_fail(tfl->build, TW_UNSUPPORTED, "tensor '%.200s' has %zu dimensions; the limit is %d", tensor->name,
                   dims.count, TW_MAX_RANK);
        return;
    }
    tensor->shape.rank = (int)dims.count;
    for (size_t i = 0; i < dims.count; i++) {
        tensor->shape.dims[i] = flat_i32(&dims, i);
        if (tensor->shape.dims[i] < 0)
            build_fail(tfl->build, TW_CORRUPT, "tensor '%.200s' has a dimension of %lld", tensor->name,
                       (long long)tensor->shape.dims[i]);
    }
}

/* A buffer's bytes lie in it, or, in files over 2 GiB, behind the FlatBuffer. */
static struct tw_span buffer_bytes(struct tfl *tfl, const struct flat_table *buffer)
{
    struct flat_vector data;
    uint64_t offset = (uint64_t)flat_int(tfl->build, buffer, BUFFER_OFFSET, 8, 0);
    uint64_t size = (uint64_t)flat_int(tfl->build, buffer, BUFFER_SIZE, 8, 0);
    if (flat_list(tfl->build, buffer, BUFFER_DATA, 1, &data) && data.count)
        return tw_span_of(data.file.data + data.at, data.count);
    if (tfl->build->status || offset <= 1 || size == 0)
        return (struct tw_span){0};
    if (offset > buffer->file.size || size > buffer->file.size - offset) {
        build_fail(tfl->build, TW_CORRUPT, "a buffer of %llu bytes at byte %llu lies outside the file",
                   (unsigned long long)size, (unsigned long long)offset);
        return (struct tw_span){0};
    }
    return tw_span_of(buffer->file.data + offset, (size_t)size);
}

static void set_data(struct tfl *tfl, struct tw_span bytes, struct tfl_tensor *tensor)
{
    int64_t count;
    size_t size = tw_dtype_size(tensor->dtype);
    if (tfl->build->status || bytes.size == 0 || size == 0)
        return;
    if (!tw_shape_count(&tensor->shape, &count) || (uint64_t)count != bytes.size / size || bytes.size % size) {
        char shape[64];
        tw_shape_text(&tensor->shape, shape, sizeof shape);
        build_fail(tfl->build, TW_CORRUPT, "tensor '%.200s' of type %s and shape %s has %zu bytes", tensor->name,
                   tw_dtype_name(tensor->dtype), shape, bytes.size);
        return;
    }
    tensor->data = bytes.data;
}

static void read_tensor(struct tfl *tfl, const struct flat_table *table, const struct flat_vector *buffers,
                        struct tfl_tensor *tensor)
{
    struct build *build = tfl->build;
    struct flat_table part;
    tensor->name = flat_text(build, table, TENSOR_NAME);
    if (!tensor->name)
        return;
    int64_t type = flat_int(build, table, TENSOR_TYPE, 1, 0);
    tensor->dtype = type >= 0 && type < (int64_t)(sizeof types / sizeof *types) ? types[type] : TW_DTYPE_NONE;
    read_shape(tfl, table, tensor);
    if (flat_inner(build, table, TENSOR_QUANTISATION, &part))
        tfl_read_quantisation(tfl, &part, tensor);
    if (flat_inner(build, table, TENSOR_SPARSITY, &part))
        build_fail(build, TW_UNSUPPORTED, "tensor '%.200s' is sparse, which is not known", tensor->name);
    uint64_t buffer = (uint64_t)flat_int(build, table, TENSOR_BUFFER, 4, 0) & UINT32_MAX;
    if (buffer >= buffers->count && buffer)
        build_fail(build, TW_CORRUPT, "tensor '%.200s' has buffer %llu of %zu", tensor->name,
                   (unsigned long long)buffer, buffers->count);
    else if (buffer && flat_element(build, buffers, (size_t)buffer, &part))
        set_data(tfl, buffer_bytes(tfl, &part), tensor);
}

/* Every tensor gets the value of its name before any other value is made. Names may be missing or meet in such files. */
static void read_tensors(struct tfl *tfl, const struct flat_table *graph, const struct flat_vector *buffers)
{
    enum { TENSORS_PER_NODE = 16 };
    struct build *build = tfl->build;
    struct flat_vector list;
    struct flat_table table;
    flat_list(build, graph, GRAPH_TENSORS, 4, &list);
    if (list.count / TENSORS_PER_NODE > build->limits->max_nodes)
        build_fail(build, TW_LIMIT, "it has %zu tensors, over the limit of %zu", list.count,
                   TENSORS_PER_NODE * build->limits->max_nodes);
    tfl->tensors = build_alloc(build, list.count, sizeof *tfl->tensors);
    for (size_t i = 0; i < list.count && flat_element(build, &list, i, &table); i++) {
        struct tfl_tensor *tensor = &tfl->tensors[i];
        read_tensor(tfl, &table, buffers, tensor);
        tensor->forms = (struct layout_forms){-1, -1};
        bool is_new = !build->status && *tensor->name && tw_graph_find_value(build->graph, tensor->name) < 0;
        tensor->id =
            is_new ? build_value(build, tensor->name) : build_fresh(build, tensor->name ? tensor->name : "", "tensor");
    }
    tfl->tensor_count = build->status ? 0 : list.count;
}

static const int *read_indices(struct tfl *tfl, const struct flat_table *table, unsigned field, int least, int *count)
{
    struct flat_vector list;
    flat_list(tfl->build, table, field, 4, &list);
    int *indices = NULL;
    if (build_charge(tfl->build, list.count * sizeof *indices))
        indices = build_alloc(tfl->build, list.count, sizeof *indices);
    for (size_t i = 0; indices && i < list.count; i++) {
        indices[i] = flat_i32(&list, i);
        if (indices[i] < least || (indices[i] >= 0 && (size_t)indices[i] >= tfl->tensor_count)) {
            build_fail(tfl->build, TW_CORRUPT, "tensor %d of %zu is asked for", indices[i], tfl->tensor_count);
            return NULL;
        }
    }
    *count = (int)list.count;
    return indices;
}

static void read_op(struct tfl *tfl, const struct flat_table *table, const struct flat_vector *codes, struct tfl_op *op)
{
    struct build *build = tfl->build;
    struct flat_table code;
    uint64_t index = (uint64_t)flat_int(build, table, OP_CODE, 4, 0) & UINT32_MAX;
    if (index >= codes->count) {
        build_fail(build, TW_CORRUPT, "an op is of code %llu of %zu", (unsigned long long)index, codes->count);
        return;
    }
    if (!flat_element(build, codes, (size_t)index, &code))
        return;
    /* Codes over 127 came later, in a wider field; the greater of both counts. */
    int64_t old = flat_int(build, &code, CODE_OLD, 1, 0);
    op->code = flat_int(build, &code, CODE_NEW, 4, 0);
    op->code = old > op->code ? old : op->code;
    op->custom = flat_text(build, &code, CODE_CUSTOM);
    op->has_options = flat_inner(build, table, OP_OPTIONS, &op->options);
    op->inputs = read_indices(tfl, table, OP_INPUTS, -1, &op->input_count);
    op->outputs = read_indices(tfl, table, OP_OUTPUTS, 0, &op->output_count);
    if (!build->status && op->output_count == 0)
        build_fail(build, TW_CORRUPT, "an op (%s) makes nothing", tfl_op_name(op));
}

static void read_ops(struct tfl *tfl, const struct flat_table *graph, const struct flat_vector *codes)
{
    struct build *build = tfl->build;
    struct flat_vector list;
    struct flat_table table;
    flat_list(build, graph, GRAPH_OPS, 4, &list);
    if (list.count > build->limits->max_nodes)
        build_fail(build, TW_LIMIT, "it has %zu ops, over the limit of %zu", list.count, build->limits->max_nodes);
    tfl->ops = build_alloc(build, list.count, sizeof *tfl->ops);
    for (size_t i = 0; i < list.count && flat_element(build, &list, i, &table); i++)
        read_op(tfl, &table, codes, &tfl->ops[i]);
    tfl->op_count = build->status ? 0 : list.count;
}

/* An input of the graph is of real numbers, also where the file has it quantised. */
static void make_inputs(struct tfl *tfl, const int *inputs, int count)
{
    struct build *build = tfl->build;
    int *ids = build_alloc(build, (size_t)count, sizeof *ids);
    for (int i = 0; i < count && !build->status; i++) {
        struct tfl_tensor *tensor = &tfl->tensors[inputs[i]];
        if (tensor->data || tensor->forms.native >= 0 || (tensor->dtype != TW_F32 && !tensor->scales)) {
            build_fail(build, TW_UNSUPPORTED,
                       "input '%.200s' is of type %s; inputs of f32 and of quantised u8 and i8 are known", tensor->name,
                       tw_dtype_name(tensor->dtype));
            return;
        }
        ids[i] = tensor->id;
        struct tw_value *value = &build->graph->values[tensor->id];
        value->dtype = TW_F32;
        value->shape = tensor->shape;
        if (tensor->shape.rank > 1 && tensor->shape.dims[0] == 1)
            value->shape.dims[0] = TW_UNKNOWN;
        tensor->forms.native = tensor->id;
        if (tensor->scales)
            tensor->forms.native = tfl_on_grid(tfl, tensor, tensor->id, build_fresh(build, tensor->name, "on_grid"));
    }
    if (!build->status && !tw_graph_set_inputs(build->graph, ids, (size_t)count))
        build_fail_memory(build, (size_t)count * sizeof *ids);
    if (!build->status && count == 1 && tfl->tensors[inputs[0]].scales)
        tfl_set_policy(tfl, &tfl->tensors[inputs[0]]);
}

static void make_outputs(struct tfl *tfl, const int *outputs, int count)
{
    struct build *build = tfl->build;
    int *ids = build_alloc(build, (size_t)count, sizeof *ids);
    for (int i = 0; i < count && !build->status; i++) {
        const struct tfl_tensor *tensor = &tfl->tensors[outputs[i]];
        ids[i] = tensor->forms.native >= 0 ? tensor->forms.native : tensor->forms.nchw;
        if (ids[i] < 0)
            build_fail(build, TW_CORRUPT, "output '%.200s' is made by no op", tensor->name);
        else if (build->graph->values[ids[i]].dtype == TW_DTYPE_NONE)
            build->graph->values[ids[i]].dtype = tensor->dtype == TW_I64 || tensor->dtype == TW_I32 ? TW_I64 : TW_F32;
    }
    if (!build->status && count == 0)
        build_fail(build, TW_CORRUPT, "the network has no output");
    if (!build->status && !tw_graph_set_outputs(build->graph, ids, (size_t)count))
        build_fail_memory(build, (size_t)count * sizeof *ids);
}

/* Ops stand in the order in which they run: from behind, an op is needed where something that it makes is. */
static void translate_all(struct tfl *tfl, const int *outputs, int count)
{
    for (int i = 0; i < count; i++)
        tfl->tensors[outputs[i]].is_needed = true;
    for (size_t n = tfl->op_count; n-- > 0;) {
        const struct tfl_op *op = &tfl->ops[n];
        bool is_needed = false;
        for (int i = 0; i < op->output_count; i++)
            is_needed |= tfl->tensors[op->outputs[i]].is_needed;
        for (int i = 0; is_needed && i < op->input_count && i < tfl_needed_inputs(op); i++) {
            if (op->inputs[i] >= 0)
                tfl->tensors[op->inputs[i]].is_needed = true;
        }
    }
    for (size_t n = 0; n < tfl->op_count && !tfl->build->status; n++) {
        const struct tfl_op *op = &tfl->ops[n];
        bool is_needed = false;
        for (int i = 0; i < op->output_count; i++)
            is_needed |= tfl->tensors[op->outputs[i]].is_needed;
        if (is_needed)
            tfl_translate(tfl, op);
    }
}

static void read_model(struct tfl *tfl, struct tw_span bytes)
{
    enum { VERSION = 3 };
    struct build *build = tfl->build;
    struct flat_table model, graph;
    struct flat_vector codes, graphs, buffers;
    if (!flat_root(build, bytes, &model))
        return;
    int64_t version = flat_int(build, &model, MODEL_VERSION, 4, 0);
    if (version != VERSION)
        build_fail(build, TW_UNSUPPORTED, "it is of version %lld of TensorFlow Lite's schema; %d is known",
                   (long long)version, VERSION);
    flat_list(build, &model, MODEL_CODES, 4, &codes);
    flat_list(build, &model, MODEL_BUFFERS, 4, &buffers);
    if (!flat_list(build, &model, MODEL_GRAPHS, 4, &graphs) || graphs.count == 0)
        build_fail(build, TW_CORRUPT, "it has no graph");
    if (!flat_element(build, &graphs, 0, &graph))
        return;
    read_tensors(tfl, &graph, &buffers);
    read_ops(tfl, &graph, &codes);
    int input_count = 0, output_count = 0;
    const int *inputs = read_indices(tfl, &graph, GRAPH_INPUTS, 0, &input_count);
    const int *outputs = read_indices(tfl, &graph, GRAPH_OUTPUTS, 0, &output_count);
    if (build->status)
        return;
    make_inputs(tfl, inputs, input_count);
    translate_all(tfl, outputs, output_count);
    make_outputs(tfl, outputs, output_count);
}

bool tflite_matches(struct tw_span bytes)
{
    return bytes.size >= 8 && memcmp(bytes.data + 4, "TFL3", 4) == 0;
}

enum tw_status tflite_read(const struct tw_model_source *source, const struct tw_format_limits *limits,
                           struct tw_graph **graph, struct tw_error *error)
{
    struct build build = {.graph = tw_graph_new(), .limits = limits, .error = error};
    if (!build.graph)
        return tw_fail_memory(error, sizeof *build.graph, "a graph");
    struct tfl tfl = {.build = &build};
    read_model(&tfl, source->bytes);
    return build_finish(&build, graph);
}
