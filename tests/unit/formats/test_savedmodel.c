#include "formats/format.h"
#include "graph/op.h"
#include "tables.h"

#include <string.h>

/* Files beside the model, by the suffix that is asked for. */
struct files {
    struct tw_buffer index, data;
    size_t opened;
};

static enum tw_status open_file(void *context, const char *suffix, struct tw_span *bytes, struct tw_error *error)
{
    struct files *files = context;
    files->opened++;
    if (strcmp(suffix, "variables/variables.index") == 0)
        *bytes = tw_buffer_span(&files->index);
    else if (strcmp(suffix, "variables/variables.data-00000-of-00001") == 0)
        *bytes = tw_buffer_span(&files->data);
    else
        return tw_fail(error, TW_NOT_FOUND, "there is no %s", suffix);
    return TW_OK;
}

static struct tw_buffer node_of(const char *name, const char *op, const char *const *inputs)
{
    struct tw_buffer node = {0};
    put_text(&node, 1, name);
    put_text(&node, 2, op);
    for (; inputs && *inputs; inputs++)
        put_text(&node, 3, *inputs);
    return node;
}

static void put_node(struct tw_buffer *out, uint32_t number, const char *name, const char *op,
                     const char *const *inputs)
{
    struct tw_buffer node = node_of(name, op, inputs);
    put_message(out, number, &node);
}

/* Takes the value: an AttrValue. */
static void put_attribute(struct tw_buffer *node, const char *key, struct tw_buffer *value)
{
    struct tw_buffer entry = {0};
    put_text(&entry, 1, key);
    put_message(&entry, 2, value);
    put_message(node, 5, &entry);
}

static void put_call(struct tw_buffer *out, uint32_t number, const char *name, const char *function,
                     const char *const *inputs)
{
    struct tw_buffer node = node_of(name, "StatefulPartitionedCall", inputs), list = {0}, value = {0};
    put_text(&list, 1, function);
    put_message(&value, 10, &list);
    put_attribute(&node, "f", &value);
    put_message(out, number, &node);
}

static void put_argument(struct tw_buffer *signature, uint32_t number, const char *name)
{
    struct tw_buffer argument = {0};
    put_text(&argument, 1, name);
    put_message(signature, number, &argument);
}

static void put_return(struct tw_buffer *function, const char *name, const char *source)
{
    struct tw_buffer entry = {0};
    put_text(&entry, 1, name);
    put_text(&entry, 2, source);
    put_message(function, 4, &entry);
}

/* scaled(x, v) = x * read(v); twice(x, v) = scaled(scaled(x)); restore(v): v = RestoreV2["the/key"]. */
static struct tw_buffer library(void)
{
    struct tw_buffer out = {0}, function = {0}, signature = {0};
    put_text(&signature, 1, "scaled");
    put_argument(&signature, 2, "x");
    put_argument(&signature, 2, "v");
    put_argument(&signature, 3, "y");
    put_message(&function, 1, &signature);
    put_node(&function, 3, "read", "ReadVariableOp", (const char *[]){"v", NULL});
    put_node(&function, 3, "mul", "Mul", (const char *[]){"x", "read:value:0", NULL});
    put_return(&function, "y", "mul:z:0");
    put_message(&out, 1, &function);
    put_text(&signature, 1, "twice");
    put_argument(&signature, 2, "a");
    put_argument(&signature, 2, "b");
    put_argument(&signature, 3, "c");
    put_message(&function, 1, &signature);
    put_call(&function, 3, "first", "scaled", (const char *[]){"a", "b", NULL});
    put_call(&function, 3, "second", "scaled", (const char *[]){"first:output:0", "b", NULL});
    put_return(&function, "c", "second:output:0");
    put_message(&out, 1, &function);
    put_text(&signature, 1, "restore");
    put_argument(&signature, 2, "file");
    put_argument(&signature, 2, "variable");
    put_message(&function, 1, &signature);
    struct tw_buffer names = node_of("names", "Const", NULL), tensor = {0}, value = {0};
    put_int(&tensor, 1, 7);
    put_text(&tensor, 8, "the/key");
    put_message(&value, 8, &tensor);
    put_attribute(&names, "value", &value);
    put_message(&function, 3, &names);
    put_node(&function, 3, "restored", "RestoreV2", (const char *[]){"file", "names:output:0", "names:output:0", NULL});
    put_node(&function, 3, "same", "Identity", (const char *[]){"restored:tensors:0", NULL});
    put_node(&function, 3, "set", "AssignVariableOp", (const char *[]){"variable", "same:output:0", NULL});
    put_message(&out, 1, &function);
    return out;
}

static struct tw_buffer model_of(struct tw_buffer *functions, const char *called)
{
    struct tw_buffer model = {0}, meta = {0}, graph = {0}, entry = {0}, signature = {0}, output = {0}, info = {0};
    put_node(&graph, 1, "photo", "Placeholder", NULL);
    put_node(&graph, 1, "variable", "VarHandleOp", NULL);
    put_node(&graph, 1, "file", "Placeholder", NULL);
    put_call(&graph, 1, "call", called, (const char *[]){"photo", "variable", NULL});
    put_call(&graph, 1, "load", "restore", (const char *[]){"file", "variable", NULL});
    put_message(&graph, 2, functions);
    put_text(&info, 1, "call:0");
    put_text(&output, 1, "scores");
    put_message(&output, 2, &info);
    put_message(&signature, 2, &output);
    put_text(&entry, 1, "serving_default");
    put_message(&entry, 2, &signature);
    put_text(&info, 4, "serve");
    put_message(&meta, 1, &info);
    put_message(&meta, 2, &graph);
    put_message(&meta, 5, &entry);
    put_int(&model, 1, 1);
    put_message(&model, 2, &meta);
    return model;
}

static struct tw_buffer small_model(void)
{
    struct tw_buffer functions = library();
    return model_of(&functions, "twice");
}

/* The bundle of one tensor of two floats, as TensorFlow writes it. */
static struct files small_bundle(uint32_t wrong_crc)
{
    struct files files = {0};
    struct tw_buffer block = {0}, value = {0}, shape = {0}, dim = {0}, handle = {0}, index = {0}, footer = {0};
    const float numbers[] = {3, -2};
    put_raw(&files.data, numbers, sizeof numbers);
    put_int(&value, 1, 1);
    put_entry(&block, "", &value);
    put_int(&dim, 1, 2);
    put_message(&shape, 2, &dim);
    put_int(&value, 1, 1);
    put_message(&value, 2, &shape);
    put_int(&value, 5, sizeof numbers);
    uint32_t crc = tw_crc32c_mask(tw_crc32c(0, numbers, sizeof numbers)) + wrong_crc;
    put_varint(&value, 6 << 3 | 5);
    put_raw(&value, &crc, 4);
    put_entry(&block, "the/key", &value);
    put_block(&files.index, &block, &handle, false);
    put_entry(&index, "x", &handle);
    put_varint(&footer, 0);
    put_varint(&footer, 0);
    put_block(&files.index, &index, &footer, false);
    put_footer(&files.index, &footer);
    return files;
}

static void release(struct files *files)
{
    tw_buffer_release(&files->index);
    tw_buffer_release(&files->data);
}

static enum tw_status read_with(struct tw_span model, struct files *files, struct tw_graph **graph,
                                struct tw_error *error)
{
    const struct tw_model_source source = {
        .name = "saved_model.pb", .bytes = model, .open = files ? open_file : NULL, .context = files};
    return tw_model_read_source(&source, &tw_format_limits_default, graph, error);
}

static void functions_are_put_in_for_their_calls_and_variables_come_from_the_bundle(void **state)
{
    (void)state;
    struct tw_buffer model = small_model();
    struct files files = small_bundle(0);
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    if (read_with(tw_buffer_span(&model), &files, &graph, &error))
        fail_msg("%s", error.text);
    assert_int_equal(files.opened, 2);
    assert_int_equal(graph->input_count, 1);
    graph->values[graph->inputs[0]].shape = (struct tw_shape){.rank = 1, .dims = {2}};
    assert_int_equal(tw_graph_infer(graph, &tw_graph_limits_default, NULL), TW_OK);
    const float photo[] = {1, 5};
    const void *inputs[] = {photo};
    void *outputs[1];
    assert_int_equal(tw_reference_run(graph, inputs, outputs, NULL), TW_OK);
    assert_float_equal(((const float *)outputs[0])[0], 9, 0);
    assert_float_equal(((const float *)outputs[0])[1], 20, 0);
    tw_free(outputs[0]);
    tw_graph_free(graph);
    tw_buffer_release(&model);
    release(&files);
}

static void expect_failure(struct tw_buffer model, struct files *files, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(read_with(tw_buffer_span(&model), files, &graph, &error), status);
    assert_null(graph);
    if (!strstr(error.text, words) || !strstr(error.text, "saved_model.pb"))
        fail_msg("'%s' does not say '%s'", error.text, words);
    tw_buffer_release(&model);
    if (files)
        release(files);
}

static void a_number_that_changed_on_the_disk_is_noticed(void **state)
{
    (void)state;
    struct files files = small_bundle(1);
    expect_failure(small_model(), &files, TW_CORRUPT, "'the/key' has not the checksum");
    files = small_bundle(0);
    files.data.size = 4;
    expect_failure(small_model(), &files, TW_CORRUPT, "'the/key' lies at bytes 0 to 8 of a shard of 4 bytes");
}

static void variables_without_their_files_are_named(void **state)
{
    (void)state;
    expect_failure(small_model(), NULL, TW_NOT_FOUND, "'variables' is not there");
}

/* A function that calls itself twice would be two to the power of its depth. */
static void functions_that_call_themselves_are_refused(void **state)
{
    (void)state;
    struct tw_buffer out = {0}, function = {0}, signature = {0};
    put_text(&signature, 1, "self");
    put_argument(&signature, 2, "a");
    put_argument(&signature, 2, "b");
    put_argument(&signature, 3, "c");
    put_message(&function, 1, &signature);
    put_call(&function, 3, "first", "self", (const char *[]){"a", "b", NULL});
    put_call(&function, 3, "second", "self", (const char *[]){"first:output:0", "b", NULL});
    put_return(&function, "c", "second:output:0");
    put_message(&out, 1, &function);
    expect_failure(model_of(&out, "self"), NULL, TW_LIMIT, "");
}

static void what_a_call_lacks_is_named(void **state)
{
    (void)state;
    struct tw_buffer functions = library();
    expect_failure(model_of(&functions, "nothing"), NULL, TW_NOT_FOUND, "");
    struct tw_buffer function = {0}, signature = {0};
    functions = library();
    put_text(&signature, 1, "bad");
    put_argument(&signature, 3, "c");
    put_message(&function, 1, &signature);
    put_return(&function, "c", "nobody:output:0");
    put_message(&functions, 1, &function);
    expect_failure(model_of(&functions, "bad"), NULL, TW_CORRUPT, "returns 'c', which no node of it makes");
}

/* Of the model or of the index, one byte changed or all from one on gone. */
static void damage(struct tw_buffer *victim, struct tw_buffer *model, struct files *files)
{
    size_t size = victim->size;
    for (size_t at = 0; at < size; at++) {
        uint8_t was = victim->data[at];
        for (unsigned change = 0; change < 256; change = change * 4 + 3) {
            struct tw_graph *graph = NULL;
            struct tw_error error = {0};
            victim->data[at] = (uint8_t)(was ^ change);
            victim->size = change ? size : at;
            if (read_with(tw_buffer_span(model), files, &graph, &error))
                assert_true(graph == NULL && error.text[0] != 0);
            tw_graph_free(graph);
        }
        victim->data[at] = was;
        victim->size = size;
    }
}

static void damaged_files_never_crash(void **state)
{
    (void)state;
    struct tw_buffer model = small_model();
    struct files files = small_bundle(0);
    damage(&model, &model, &files);
    damage(&files.index, &model, &files);
    tw_buffer_release(&model);
    release(&files);
}

static void a_changed_index_is_always_noticed(void **state)
{
    (void)state;
    struct tw_buffer model = small_model();
    struct files files = small_bundle(0);
    for (size_t at = 0; at + 48 < files.index.size; at++) {
        struct tw_graph *graph = NULL;
        files.index.data[at] ^= 4;
        assert_int_not_equal(read_with(tw_buffer_span(&model), &files, &graph, NULL), TW_OK);
        files.index.data[at] ^= 4;
    }
    tw_buffer_release(&model);
    release(&files);
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    struct tw_buffer model = small_model();
    struct files files = small_bundle(0);
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 3000 && status; n++) {
        struct tw_graph *graph = NULL;
        tw_memory_fail_at(n);
        status = read_with(tw_buffer_span(&model), &files, &graph, NULL);
        tw_memory_fail_at(0);
        tw_graph_free(graph);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
    }
    assert_int_equal(status, TW_OK);
    tw_buffer_release(&model);
    release(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_put_in_for_their_calls_and_variables_come_from_the_bundle),
        cmocka_unit_test(a_number_that_changed_on_the_disk_is_noticed),
        cmocka_unit_test(variables_without_their_files_are_named),
        cmocka_unit_test(functions_that_call_themselves_are_refused),
        cmocka_unit_test(what_a_call_lacks_is_named),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(a_changed_index_is_always_noticed),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
