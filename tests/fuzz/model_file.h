/* A network's file read by one reader: what it gives is inferred, and what is written again reads back. */
#ifndef TW_TESTS_FUZZ_MODEL_FILE_H
#define TW_TESTS_FUZZ_MODEL_FILE_H

#include "formats/format.h"
#include "formats/readers.h"
#include "fuzz.h"
#include "graph/graph.h"

static const struct tw_format_limits small_limits = {
    .max_bytes = 1 << 20, .max_nodes = 1000, .max_depth = 64, .max_tensor_bytes = 1 << 20};
static const struct tw_graph_limits small_graph = {.max_nodes = 1000, .max_tensor_bytes = 1 << 20};

static inline void write_and_read(const struct tw_graph *graph)
{
    struct tw_buffer bytes = {0};
    struct tw_graph *again = NULL;
    struct tw_error error = {0};
    enum tw_status status = tw_onnx_write(graph, "fuzz", "1", &bytes, &error);
    must_explain(status, &error);
    if (status == TW_OK) {
        status = tw_model_read("again", tw_buffer_span(&bytes), &tw_format_limits_default, &again, &error);
        if (status != TW_OK)
            fprintf(stderr, "%s\n", error.text);
        must(status == TW_OK, "what is written can be read");
        must(again->input_count == graph->input_count && again->output_count == graph->output_count, "the same ends");
    }
    tw_graph_free(again);
    tw_buffer_release(&bytes);
}

static inline void read_model(bool (*matches)(struct tw_span bytes),
                              enum tw_status (*read)(const struct tw_model_source *source,
                                                     const struct tw_format_limits *limits, struct tw_graph **graph,
                                                     struct tw_error *error),
                              const struct tw_model_source *source)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    if (!matches(source->bytes))
        return;
    enum tw_status status = read(source, &small_limits, &graph, &error);
    must_explain(status, &error);
    must((status == TW_OK) == (graph != NULL), "a graph on success only");
    if (status == TW_OK) {
        write_and_read(graph);
        status = tw_graph_infer(graph, &small_graph, &error);
        must_explain(status, &error);
    }
    tw_graph_free(graph);
}

#endif
