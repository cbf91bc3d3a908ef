/* For tests only: what a network makes of given numbers.
 *   run-graph engine|reference THREADS MODEL TENSORS [DIMS FILE]...
 * TENSORS: names of outputs, with commas, at which the network is cut; "-" for its own outputs. One pair of DIMS ("1,3,8,8") and
 * FILE (raw float32 in C order) for each input in the network's order. For each output one line to standard output,
 * "NAME DIMS", and then its raw float32. What cannot be done: one sentence to standard error, and 4. */
#include "base/memory.h"
#include "engine/engine.h"
#include "formats/format.h"
#include "graph/op.h"
#include "storage/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

struct numbers {
    struct tw_shape shape;
    float *data;
};

static enum tw_status read_input(const char *dims, const char *path, struct numbers *input, struct tw_error *error)
{
    struct tw_buffer file = {0};
    int64_t count;
    for (char *end; *dims && input->shape.rank < TW_MAX_RANK; dims = *end ? end + 1 : end)
        input->shape.dims[input->shape.rank++] = strtoll(dims, &end, 10);
    enum tw_status status = tw_storage_read(path, 1 << 30, &file, error);
    if (status == TW_OK && (!tw_shape_count(&input->shape, &count) || (size_t)count * sizeof(float) != file.size))
        status = tw_fail(error, TW_INVALID, "%s is not of its shape", path);
    if (status == TW_OK && (input->data = tw_alloc((size_t)count + 1, sizeof(float))) != NULL)
        memcpy(input->data, file.data, file.size);
    tw_buffer_release(&file);
    return status;
}

static enum tw_status cut(struct tw_graph *graph, char *tensors, struct tw_error *error)
{
    const char *names[MOST];
    size_t count = 0;
    if (strcmp(tensors, "-") == 0)
        return TW_OK;
    for (char *name = strtok(tensors, ","); name != NULL && count < MOST; name = strtok(NULL, ","))
        names[count++] = name;
    return tw_graph_cut(graph, names, count, error);
}

static void put(const char *name, const struct tw_shape *shape, const void *data)
{
    int64_t count = 0;
    (void)tw_shape_count(shape, &count);
    printf("%s ", name);
    for (int i = 0; i < shape->rank; i++)
        printf("%s%lld", i ? "," : "", (long long)shape->dims[i]);
    putchar('\n');
    fwrite(data, sizeof(float), (size_t)count, stdout);
}

static enum tw_status run_reference(struct tw_graph *graph, const struct numbers *inputs, struct tw_error *error)
{
    const void *data[MOST];
    void *outputs[MOST] = {0};
    for (size_t i = 0; i < graph->input_count; i++) {
        data[i] = inputs[i].data;
        graph->values[graph->inputs[i]].shape = inputs[i].shape;
    }
    enum tw_status status = tw_graph_infer(graph, &tw_graph_limits_default, error);
    if (status == TW_OK)
        status = tw_reference_run(graph, data, outputs, error);
    for (size_t i = 0; i < graph->output_count && status == TW_OK; i++) {
        const struct tw_value *value = &graph->values[graph->outputs[i]];
        put(value->name, &value->shape, outputs[i]);
        tw_free(outputs[i]);
    }
    return status;
}

static enum tw_status run_plan(const struct tw_plan *plan, const struct numbers *inputs, struct tw_error *error)
{
    const float *data[MOST];
    float *outputs[MOST] = {0};
    struct tw_scratch *scratch = NULL;
    size_t count = tw_plan_output_count(plan);
    for (size_t i = 0; i < tw_plan_input_count(plan); i++)
        data[i] = inputs[i].data;
    for (size_t i = 0; i < count; i++) {
        int64_t floats = 0;
        (void)tw_shape_count(tw_plan_output_shape(plan, i), &floats);
        outputs[i] = tw_alloc((size_t)floats + 1, sizeof(float));
    }
    enum tw_status status = tw_scratch_new(plan, &scratch, error);
    if (status == TW_OK)
        status = tw_plan_run(plan, scratch, data, outputs, error);
    for (size_t i = 0; i < count; i++) {
        if (status == TW_OK)
            put(tw_plan_output_name(plan, i), tw_plan_output_shape(plan, i), outputs[i]);
        tw_free(outputs[i]);
    }
    tw_scratch_free(scratch);
    return status;
}

/* The batch stays open where the file leaves it open; other open dimensions are given. */
static enum tw_status run_engine(struct tw_graph *graph, const struct numbers *inputs, int threads,
                                 struct tw_error *error)
{
    struct tw_plan *plan = NULL;
    struct tw_plan_options options = tw_plan_options_default;
    options.threads_inside = threads;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct tw_shape *shape = &graph->values[graph->inputs[i]].shape;
        int64_t batch = shape->rank > 0 ? shape->dims[0] : TW_UNKNOWN;
        *shape = inputs[i].shape;
        options.batch = shape->rank > 0 ? shape->dims[0] : 1;
        if (shape->rank > 0 && batch == TW_UNKNOWN)
            shape->dims[0] = TW_UNKNOWN;
    }
    enum tw_status status = tw_plan_compile(graph, &options, &plan, error);
    if (status == TW_OK)
        status = run_plan(plan, inputs, error);
    tw_plan_free(plan);
    return status;
}

static enum tw_status run(char **arguments, int pairs, struct numbers *inputs, struct tw_error *error)
{
    struct tw_mapping file = {0};
    struct tw_graph *graph = NULL;
    enum tw_status status = tw_storage_map(arguments[3], &file, error);
    if (status == TW_OK)
        status = tw_model_read(arguments[3], file.bytes, &tw_format_limits_default, &graph, error);
    if (status == TW_OK)
        status = cut(graph, arguments[4], error);
    if (status == TW_OK && (graph->input_count != (size_t)pairs || graph->output_count > MOST))
        status = tw_fail(error, TW_INVALID, "the network has %zu inputs, %d are given", graph->input_count, pairs);
    if (status == TW_OK && strcmp(arguments[1], "reference") == 0)
        status = run_reference(graph, inputs, error);
    else if (status == TW_OK)
        status = run_engine(graph, inputs, atoi(arguments[2]), error);
    tw_graph_free(graph);
    tw_mapping_release(&file);
    return status;
}

int main(int argc, char **argv)
{
    struct numbers inputs[MOST] = {0};
    struct tw_error error = {0};
    int pairs = (argc - 5) / 2;
    if (argc < 5 || pairs > MOST) {
        fputs("usage: run-graph engine|reference THREADS MODEL TENSORS [DIMS FILE]...\n", stderr);
        return 2;
    }
    enum tw_status status = TW_OK;
    for (int i = 0; i < pairs && status == TW_OK; i++)
        status = read_input(argv[5 + 2 * i], argv[6 + 2 * i], &inputs[i], &error);
    if (status == TW_OK)
        status = run(argv, pairs, inputs, &error);
    for (int i = 0; i < pairs; i++)
        tw_free(inputs[i].data);
    if (status != TW_OK)
        fprintf(stderr, "%s\n", error.text);
    return status == TW_OK ? 0 : 4;
}
