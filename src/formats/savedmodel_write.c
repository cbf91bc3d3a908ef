/* Fields as in savedmodel_read.c; TensorInfo: name 1, type 2, shape 3; SignatureDef: method 3. */
#include "formats/savedmodel.h"

#include "formats/tensorflow_net.h"
#include "formats/tensorflow_photo.h"
#include "graph/passes.h"

#include <string.h>

enum {
    MODEL_VERSION = 1,
    MODEL_META = 2,
    META_INFO = 1,
    META_GRAPH = 2,
    META_SIGNATURES = 5,
    INFO_TAGS = 4,
    GRAPH_VERSIONS = 4
};
enum { PHOTOS_AT_ONCE = 10, PRODUCER = 440, TYPE_FLOAT = 1, TYPE_TEXT = 7, TYPE_INT64 = 9, TYPE_BOOL = 10 };

/* The outputs that are made for each photo. */
struct answers {
    const char *scores, *known; /* [photos, labels] and [photos]; known may be NULL */
};

static const char *const output_names[] = {"logits", "scores", "known"};
enum { OUTPUT_COUNT = sizeof output_names / sizeof *output_names };

/* Constant weights on a grid of integers become floats. */
static enum tw_status fold_weights(struct tw_graph *graph, struct tw_error *error)
{
    size_t kept = 0;
    enum tw_status status = TW_OK;
    for (size_t n = 0; n < graph->node_count && !status; n++) {
        struct tw_node *node = &graph->nodes[n];
        struct tw_value *out = &graph->values[node->outputs[0]];
        int64_t count = 0, scales = 0;
        if (node->op != TW_OP_DEQUANTIZE_LINEAR || !graph->values[node->inputs[0]].data || out->data) {
            graph->nodes[kept++] = *node;
            continue;
        }
        struct tw_tensor inputs[3] = {{0}};
        for (int i = 0; i < node->input_count && i < 3; i++) {
            const struct tw_value *value = node->inputs[i] >= 0 ? &graph->values[node->inputs[i]] : NULL;
            if (value)
                inputs[i] = (struct tw_tensor){.dtype = value->dtype, .shape = value->shape, .data = value->data};
        }
        if (!tw_shape_count(&inputs[0].shape, &count) || !tw_shape_count(&inputs[1].shape, &scales) || !inputs[1].data)
            return tw_fail(error, TW_UNSUPPORTED, "the weights '%.200s' have no constant scale", out->name);
        struct tw_tensor made = {.dtype = TW_F32, .shape = inputs[0].shape};
        float *aligned = tw_arena_alloc(&graph->arena, (size_t)scales, sizeof *aligned);
        made.out = tw_arena_alloc(&graph->arena, (size_t)count, sizeof(float));
        if (!aligned || !made.out)
            return tw_fail_memory(error, (size_t)count * sizeof(float), "weights");
        memcpy(aligned, inputs[1].data, (size_t)scales * sizeof *aligned);
        inputs[1].data = aligned;
        status = tw_reference_node(node, inputs, NULL, &made, error);
        out->dtype = TW_F32;
        out->shape = made.shape;
        out->data = made.out;
    }
    graph->node_count = kept;
    return status;
}

static struct tw_shape *input_shape(struct tw_graph *graph)
{
    return &graph->values[graph->inputs[0]].shape;
}

static enum tw_status clone_for(const struct tw_savedmodel_parts *parts, int64_t batch, struct tw_graph **graph,
                                struct tw_error *error)
{
    const struct tw_image_policy *policy = parts->policy;
    enum tw_status status = tw_graph_clone(parts->graph, graph, error);
    if (status)
        return status;
    struct tw_shape shape = {.rank = 4, .dims = {batch, 3, policy->height, policy->width}};
    if (policy->is_nhwc)
        shape = (struct tw_shape){.rank = 4, .dims = {batch, policy->height, policy->width, 3}};
    *input_shape(*graph) = shape;
    status = fold_weights(*graph, error);
    return status ? status : tw_graph_infer(*graph, &tw_graph_limits_default, error);
}

/* Whether the network takes that many photos at a time and gives as many answers: some have the number 1 in their shapes, and some
 * compute with a batch that must be known. */
static enum tw_status try_batch(const struct tw_savedmodel_parts *parts, int64_t batch, bool *takes,
                                struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    enum tw_status status = clone_for(parts, batch, &graph, error);
    bool does = status == TW_OK;
    for (size_t i = 0; does && i < graph->output_count; i++) {
        const struct tw_shape *shape = &graph->values[graph->outputs[i]].shape;
        does = shape->rank >= 1 && shape->dims[0] == batch;
    }
    tw_graph_free(graph);
    *takes = *takes && does;
    return status == TW_NO_MEMORY ? status : TW_OK;
}

/* The network behind `photo`, float [1 or n, height, width, 3]; its outputs by their own names. */
static struct answers write_network(struct tfw *tfw, const struct tw_graph *graph, const struct tw_image_policy *policy,
                                    const char *photo)
{
    struct answers answers = {0};
    struct tfn net = {.tfw = tfw, .graph = graph, .named = tw_graph_find_value(graph, "embedding")};
    const char *named[OUTPUT_COUNT] = {NULL};
    net.forms = tw_alloc(graph->value_count, sizeof *net.forms);
    if (!net.forms) {
        tfw->status = tw_fail_memory(tfw->error, graph->value_count * sizeof *net.forms, "a graph");
        return answers;
    }
    for (size_t i = 0; i < graph->value_count; i++)
        net.forms[i] = (struct tfn_forms){0};
    tfn_set(&net, graph->inputs[0], photo, !policy->is_nhwc);
    tfw->scope = "network/";
    tfn_write(&net);
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        int id = tw_graph_find_value(graph, output_names[i]);
        if (id >= 0 && !tfw->status)
            named[i] = tfw_put_named(tfw, output_names[i], "Identity T=float",
                                     (const char *const[]){tfn_native(&net, id), NULL});
    }
    tfw->scope = "";
    tw_free(net.forms);
    answers.scores = named[1];
    answers.known = named[2];
    return answers;
}

/* One list that the loop fills, photo by photo. */
struct gathered {
    const char *handle, *flow, *shape; /* shape: of one photo's part, as a spec has it */
};

static struct gathered new_list(struct tfw *tfw, const char *count, const char *shape)
{
    const char *list = TFW(tfw,
                           tfw_text(tfw,
                                    "TensorArrayV3 dtype=float element_shape=%s dynamic_size=false "
                                    "clear_after_read=true identical_element_shapes=true",
                                    shape),
                           count);
    return (struct gathered){list, tfw_port(tfw, list, 1), shape};
}

static const char *read_list(struct tfw *tfw, const struct gathered *list, const char *count, const char *flow)
{
    const char *all = TFW(tfw, "Range Tidx=int32", tfw_int(tfw, 0), count, tfw_int(tfw, 1));
    return TFW(tfw, tfw_text(tfw, "TensorArrayGatherV3 dtype=float element_shape=%s", list->shape), list->handle, all,
               flow);
}

static const char *put_in(struct tfw *tfw, const struct tfw_loop *loop, const struct gathered *list, const char *what,
                          int variable)
{
    const char *handle = TFW(tfw,
                             tfw_text(tfw, "Enter T=resource frame_name='%s' is_constant=true parallel_iterations=%d",
                                      loop->frame, loop->at_once),
                             list->handle);
    return TFW(tfw, "TensorArrayWriteV3 T=float", handle, loop->now[0], what, loop->now[variable]);
}

/* TensorFlow's convolutions fail over no photos at all (2.21, by oneDNN): then one of zeros goes in, and `scores` and `known` leave
 * it out again. */
static const char *fill_if_empty(struct tfw *tfw, const struct tw_image_policy *policy, const char *photos,
                                 const char *count)
{
    const char *zero = tfw_int(tfw, 0),
               *lacks = TFW(tfw, "Maximum T=int32", TFW(tfw, "Sub T=int32", tfw_int(tfw, 1), count), zero);
    const char *shape = TFW(tfw, "Pack T=int32 N=4 axis=0", lacks, tfw_int(tfw, policy->height),
                            tfw_int(tfw, policy->width), tfw_int(tfw, 3));
    const char *filler = TFW(tfw, "Fill T=float index_type=int32", shape, tfw_float(tfw, 0));
    return TFW(tfw, "ConcatV2 T=float Tidx=int32 N=2", photos, filler,
               zero); /* a Pad would be drawn into a convolution */
}

static const char *leave_out(struct tfw *tfw, const char *answers, const char *count)
{
    const int32_t rest[] = {-1};
    if (!answers)
        return NULL;
    const char *size =
        TFW(tfw, "ConcatV2 T=int32 Tidx=int32 N=2", TFW(tfw, "ExpandDims T=int32 Tdim=int32", count, tfw_int(tfw, 0)),
            tfw_ints(tfw, rest, 1), tfw_int(tfw, 0));
    return TFW(tfw, "Slice T=float Index=int32", answers, tfw_ints(tfw, (const int32_t[]){0, 0}, 2), size);
}

/* The way of each photo; where the network takes one photo only, that too. */
static struct answers write_loop(struct tfw *tfw, const struct tw_savedmodel_parts *parts, const struct tw_graph *graph,
                                 bool is_batched)
{
    const struct tw_image_policy *policy = parts->policy;
    bool has_known = tw_graph_find_value(graph, "known") >= 0;
    const char *count = TFW(tfw, "Size T=string out_type=int32", "image_bytes"), *names[2];
    struct gathered lists[2];
    lists[0] = new_list(tfw, count,
                        is_batched ? tfw_text(tfw, "<%d,%d,3>", policy->height, policy->width)
                                   : tfw_text(tfw, "<%zu>", parts->label_count));
    lists[1] = has_known && !is_batched ? new_list(tfw, count, "<1>") : lists[0];
    struct tfw_loop loop = {.frame = "photos", .types = {"int32", "float", "float"}, .at_once = PHOTOS_AT_ONCE};
    loop.count = has_known && !is_batched ? 3 : 2;
    tfw_loop_begin(tfw, &loop, (const char *const[]){tfw_int(tfw, 0), lists[0].flow, lists[1].flow});
    const char *all = tfw_loop_invariant(tfw, &loop, "int32", count);
    tfw_loop_body(tfw, &loop, TFW(tfw, "Less T=int32", loop.now[0], all));
    const char *every = tfw_loop_invariant(tfw, &loop, "string", "image_bytes");
    const char *bytes =
        TFW(tfw, "GatherV2 Tparams=string Tindices=int32 Taxis=int32", every, loop.now[0], tfw_int(tfw, 0));
    tfw->scope = "photo/";
    const char *photo = tfw_photo(tfw, policy, bytes);
    tfw->scope = "";
    names[0] = photo;
    if (!is_batched) {
        const char *one = TFW(tfw, "ExpandDims T=float Tdim=int32", photo, tfw_int(tfw, 0));
        one = tfw_put_named(tfw, "topwork/photo", "Identity T=float", (const char *const[]){one, NULL});
        struct answers row = write_network(tfw, graph, policy, one);
        const int32_t label_count = (int32_t)parts->label_count;
        names[0] = TFW(tfw, "Reshape T=float Tshape=int32", row.scores, tfw_ints(tfw, &label_count, 1));
        names[1] = has_known
                       ? TFW(tfw, "Reshape T=float Tshape=int32", row.known, tfw_ints(tfw, (const int32_t[]){1}, 1))
                       : NULL;
    }
    const char *next[3] = {TFW(tfw, "Add T=int32", loop.now[0], tfw_int(tfw, 1))};
    for (int i = 1; i < loop.count; i++)
        next[i] = put_in(tfw, &loop, &lists[i - 1], names[i - 1], i);
    tfw_loop_end(tfw, &loop, next);
    const char *first = read_list(tfw, &lists[0], count, loop.exits[1]);
    if (!is_batched)
        return (struct answers){first, has_known ? read_list(tfw, &lists[1], count, loop.exits[2]) : NULL};
    first = fill_if_empty(tfw, policy, first, count);
    first = tfw_put_named(tfw, "topwork/photo", "Identity T=float", (const char *const[]){first, NULL});
    struct answers answers = write_network(tfw, graph, policy, first);
    return (struct answers){leave_out(tfw, answers.scores, count), leave_out(tfw, answers.known, count)};
}

/* What the signatures name beside the scores. */
struct tail {
    const char *prediction, *best, *score, *labels, *applies, *known, *is_known;
};

static struct tail write_tail(struct tfw *tfw, const struct tw_savedmodel_parts *parts, const struct answers *answers)
{
    struct tail tail;
    const char *zero = tfw_int(tfw, 0), *one = tfw_int(tfw, 1);
    const char *list = tfw_texts(tfw, parts->labels, parts->label_count, false);
    tail.prediction = TFW(tfw, "ArgMax T=float Tidx=int32 output_type=int64", answers->scores, one);
    tail.best = TFW(tfw, "GatherV2 Tparams=string Tindices=int64 Taxis=int32", list, tail.prediction, zero);
    tail.score = TFW(tfw, "Max T=float Tidx=int32 keep_dims=false", answers->scores, one);
    const char *count = TFW(tfw, "Size T=string out_type=int32", "image_bytes");
    const char *times = TFW(tfw, "Pack T=int32 N=2 axis=0", count, one);
    tail.labels =
        TFW(tfw, "Tile T=string Tmultiples=int32", tfw_texts(tfw, parts->labels, parts->label_count, true), times);
    const struct tw_shape all = {.rank = 1, .dims = {(int64_t)parts->label_count}};
    tail.applies = parts->thresholds ? TFW(tfw, "GreaterEqual T=float", answers->scores,
                                           tfw_tensor(tfw, TW_F32, &all, parts->thresholds))
                                     : NULL;
    if (answers->known) {
        tail.known = TFW(tfw, "Reshape T=float Tshape=int32", answers->known, tfw_ints(tfw, (const int32_t[]){-1}, 1));
        tail.is_known = TFW(tfw, "GreaterEqual T=float", tail.known, tfw_float(tfw, (float)parts->known_threshold));
    } else {
        tail.known = tail.is_known = NULL;
    }
    return tail;
}

static void put_number(struct tfw *tfw, struct tw_buffer *out, uint32_t field, uint64_t value)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_varint(out, field, value, tfw->error);
}

static void put_text(struct tfw *tfw, struct tw_buffer *out, uint32_t field, const char *text)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_text(out, field, text, tfw->error);
}

static void put_message(struct tfw *tfw, struct tw_buffer *out, uint32_t field, struct tw_buffer *message)
{
    if (!tfw->status)
        tfw->status = tw_wire_put_bytes(out, field, tw_buffer_span(message), tfw->error);
    tw_buffer_release(message);
}

/* A tensor of a signature: [photos] or, with `width`, [photos, width]. */
static void put_tensor_info(struct tfw *tfw, struct tw_buffer *signature, uint32_t field, const char *key,
                            const char *tensor, int type, size_t width)
{
    struct tw_buffer entry = {0}, info = {0}, shape = {0};
    if (tfw->status || !tensor)
        return;
    const int64_t dims[] = {-1, (int64_t)width};
    for (int i = 0; i < (width ? 2 : 1); i++) {
        struct tw_buffer dim = {0};
        put_number(tfw, &dim, 1, (uint64_t)dims[i]);
        put_message(tfw, &shape, 2, &dim);
    }
    const char *named = strchr(tensor, ':') ? tensor : tfw_text(tfw, "%s:0", tensor);
    if (named)
        put_text(tfw, &info, 1, named);
    put_number(tfw, &info, 2, (uint64_t)type);
    put_message(tfw, &info, 3, &shape);
    put_text(tfw, &entry, 1, key);
    put_message(tfw, &entry, 2, &info);
    put_message(tfw, signature, field, &entry);
}

static void put_signature(struct tfw *tfw, struct tw_buffer *meta, const char *name, struct tw_buffer *outputs)
{
    struct tw_buffer entry = {0}, signature = {0};
    put_tensor_info(tfw, &signature, 1, "image_bytes", "image_bytes", TYPE_TEXT, 0);
    put_tensor_info(tfw, &signature, 1, "key", "key", TYPE_TEXT, 0);
    if (!tfw->status)
        tfw->status = tw_buffer_append(&signature, outputs->data, outputs->size, tfw->error);
    put_text(tfw, &signature, 3, "tensorflow/serving/predict");
    put_text(tfw, &entry, 1, name);
    put_message(tfw, &entry, 2, &signature);
    put_message(tfw, meta, META_SIGNATURES, &entry);
    tw_buffer_release(outputs);
}

static void put_signatures(struct tfw *tfw, struct tw_buffer *meta, const struct answers *answers,
                           const struct tail *tail, size_t width)
{
    struct tw_buffer plain = {0}, named = {0};
    put_tensor_info(tfw, &named, 2, "key", "key_out", TYPE_TEXT, 0);
    put_tensor_info(tfw, &named, 2, "prediction", tail->best, TYPE_TEXT, 0);
    put_tensor_info(tfw, &named, 2, "score", tail->score, TYPE_FLOAT, 0);
    put_tensor_info(tfw, &named, 2, "labels", tail->labels, TYPE_TEXT, width);
    put_tensor_info(tfw, &named, 2, "scores", answers->scores, TYPE_FLOAT, width);
    put_tensor_info(tfw, &named, 2, "applies", tail->applies, TYPE_BOOL, width);
    put_tensor_info(tfw, &named, 2, "known", tail->known, TYPE_FLOAT, 0);
    put_tensor_info(tfw, &named, 2, "is_known", tail->is_known, TYPE_BOOL, 0);
    put_signature(tfw, meta, "labels", &named);
    put_tensor_info(tfw, &plain, 2, "key", "key_out", TYPE_TEXT, 0);
    put_tensor_info(tfw, &plain, 2, "prediction", tail->prediction, TYPE_INT64, 0);
    put_tensor_info(tfw, &plain, 2, "scores", answers->scores, TYPE_FLOAT, width);
    put_signature(tfw, meta, "serving_default", &plain);
}

/* The graph is some hundred megabytes: its header goes before it, and it is copied once. */
static void put_model(struct tfw *tfw, struct tw_buffer *signatures, struct tw_buffer *out)
{
    struct tw_buffer info = {0}, head = {0}, versions = {0}, version_field = {0};
    put_text(tfw, &info, INFO_TAGS, "serve");
    put_message(tfw, &head, META_INFO, &info);
    put_number(tfw, &versions, 1, PRODUCER);
    put_message(tfw, &version_field, GRAPH_VERSIONS, &versions);
    size_t graph_size = tfw->nodes.size + version_field.size;
    if (!tfw->status)
        tfw->status = tw_wire_put_header(&head, META_GRAPH, graph_size, tfw->error);
    size_t meta_size = head.size + graph_size + signatures->size;
    if (meta_size > INT32_MAX - 64)
        tfw_fail(tfw, TW_LIMIT, "it would have %zu bytes; a SavedModel must be smaller than 2 GiB", meta_size);
    put_number(tfw, out, MODEL_VERSION, 1);
    if (!tfw->status)
        tfw->status = tw_wire_put_header(out, MODEL_META, meta_size, tfw->error);
    const struct tw_span parts[] = {tw_buffer_span(&head), tw_buffer_span(&tfw->nodes), tw_buffer_span(&version_field),
                                    tw_buffer_span(signatures)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !tfw->status; i++)
        tfw->status = tw_buffer_append(out, parts[i].data, parts[i].size, tfw->error);
    tw_buffer_release(&head);
    tw_buffer_release(&version_field);
}

enum tw_status tw_savedmodel_write(const struct tw_savedmodel_parts *parts, struct tw_buffer *out,
                                   struct tw_error *error)
{
    struct tfw tfw = {.scope = "", .error = error};
    struct tw_graph *graph = NULL;
    struct tw_buffer signatures = {0};
    bool is_batched = true;
    tfw.status = try_batch(parts, 2, &is_batched, error);
    if (!tfw.status)
        tfw.status = try_batch(parts, TW_UNKNOWN, &is_batched, error);
    if (!tfw.status)
        tfw.status = clone_for(parts, is_batched ? TW_UNKNOWN : 1, &graph, error);
    if (!tfw.status)
        tfw.status = tw_graph_optimise(graph, error);
    if (!tfw.status) {
        tfw_put_named(&tfw, "key", "Placeholder dtype=string shape=<?>", (const char *const[]){NULL});
        tfw_put_named(&tfw, "image_bytes", "Placeholder dtype=string shape=<?>", (const char *const[]){NULL});
        tfw_put_named(&tfw, "key_out", "Identity T=string", (const char *const[]){"key", NULL});
        const char *properties = tfw_span(&tfw, tw_span_of_text(parts->properties));
        tfw_put_named(&tfw, "topwork/properties", "Identity T=string", (const char *const[]){properties, NULL});
        struct answers answers = write_loop(&tfw, parts, graph, is_batched);
        struct tail tail = write_tail(&tfw, parts, &answers);
        put_signatures(&tfw, &signatures, &answers, &tail, parts->label_count);
    }
    size_t before = out->size;
    put_model(&tfw, &signatures, out);
    if (tfw.status)
        out->size = before;
    tw_buffer_release(&signatures);
    tw_graph_free(graph);
    enum tw_status status = tfw.status;
    tfw_release(&tfw);
    return status;
}
