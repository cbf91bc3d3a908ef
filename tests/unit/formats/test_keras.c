#include "formats/format.h"
#include "messages.h"

#include <string.h>

/* The root group of one dataset "conv2d" of two floats: superblock at 0, the root's header at 96, its tree at 136, its heap at
 * 176, the names at 208, the symbol node at 224, the dataset's header at 272, its data at 368. */
enum { ROOT = 96, TREE = 136, HEAP = 176, NAMES = 208, NODE = 224, DATASET = 272, DATA = 368, SIZE = 376 };

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* A message's head; its data lies behind it. */
static uint8_t *message(uint8_t *at, unsigned type, unsigned size)
{
    put_u16(at, type);
    put_u16(at + 2, size);
    return at + 8;
}

static void put_superblock(uint8_t *file)
{
    memcpy(file, "\x89HDF\r\n\x1a\n", 8);
    file[13] = file[14] = 8;
    tw_store_u64le(file + 56 + 8, ROOT);
}

static void put_group(uint8_t *file)
{
    file[ROOT] = 1;
    tw_store_u32le(file + ROOT + 8, 24);
    uint8_t *table = message(file + ROOT + 16, 17, 16);
    tw_store_u64le(table, TREE);
    tw_store_u64le(table + 8, HEAP);
    memcpy(file + TREE, "TREE", 4);
    put_u16(file + TREE + 6, 1);
    tw_store_u64le(file + TREE + 24 + 8, NODE);
    memcpy(file + HEAP, "HEAP", 4);
    tw_store_u64le(file + HEAP + 8, 16);
    tw_store_u64le(file + HEAP + 24, NAMES);
    strcpy((char *)file + NAMES + 1, "conv2d");
    memcpy(file + NODE, "SNOD", 4);
    put_u16(file + NODE + 6, 1);
    tw_store_u64le(file + NODE + 8, 1);
    tw_store_u64le(file + NODE + 16, DATASET);
}

static void put_dataset(uint8_t *file)
{
    file[DATASET] = 1;
    tw_store_u32le(file + DATASET + 8, 80);
    uint8_t *space = message(file + DATASET + 16, 1, 16);
    space[0] = 1;
    space[1] = 1;
    tw_store_u64le(space + 8, 2);
    uint8_t *type = message(file + DATASET + 40, 3, 8);
    type[0] = 0x11;
    tw_store_u32le(type + 4, 4);
    uint8_t *layout = message(file + DATASET + 56, 8, 24);
    layout[0] = 3;
    layout[1] = 1;
    tw_store_u64le(layout + 2, DATA);
    tw_store_u64le(layout + 10, 8);
}

static void put_file(uint8_t file[SIZE])
{
    memset(file, 0, SIZE);
    put_superblock(file);
    put_group(file);
    put_dataset(file);
}

static void expect_failure(const uint8_t *file, size_t size, enum tw_status status, const char *words)
{
    struct tw_graph *graph = NULL;
    struct tw_error error = {0};
    assert_int_equal(tw_model_read("k.h5", tw_span_of(file, size), &tw_format_limits_default, &graph, &error), status);
    assert_null(graph);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
}

static void layers_of_another_network_are_counted(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    expect_failure(file, SIZE, TW_UNSUPPORTED, "has 0 convolutions, 0 batch norms and 0 dense layers");
}

static void a_dataset_that_is_not_as_long_as_its_shape_is_refused(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    file[DATASET + 24 + 8] = 3;
    expect_failure(file, SIZE, TW_CORRUPT, "'conv2d' of type f32 and shape [3] has 8 bytes");
    put_file(file);
    tw_store_u64le(file + DATASET + 64 + 2, SIZE - 4);
    expect_failure(file, SIZE, TW_CORRUPT, "lie outside it");
}

static void groups_that_hold_themselves_are_refused(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    tw_store_u64le(file + NODE + 16, ROOT);
    expect_failure(file, SIZE, TW_LIMIT, "nests groups over 16 deep");
    /* A tree whose child is the tree itself */
    put_file(file);
    file[TREE + 5] = 1;
    tw_store_u64le(file + TREE + 24 + 8, TREE);
    expect_failure(file, SIZE, TW_LIMIT, "parts");
}

static void headers_that_lead_to_themselves_end(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    uint8_t *more = message(file + DATASET + 56, 16, 24);
    tw_store_u64le(more, DATASET + 16);
    tw_store_u64le(more + 8, 80);
    expect_failure(file, SIZE, TW_UNSUPPORTED, "0 convolutions");
}

static void other_versions_are_named(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    file[8] = 3;
    expect_failure(file, SIZE, TW_UNSUPPORTED, "superblock is of version 3");
    put_file(file);
    memcpy(file + ROOT, "OHDR", 4);
    expect_failure(file, SIZE, TW_UNSUPPORTED, "not of version 1");
}

static void damaged_files_never_crash(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    for (size_t at = 0; at < SIZE; at++) {
        uint8_t was = file[at];
        for (unsigned change = 0; change < 256; change = change * 2 + 1) {
            size_t size = change ? SIZE : at;
            uint8_t *cut = tw_alloc(size, 1);
            struct tw_graph *graph = NULL;
            struct tw_error error = {0};
            file[at] = (uint8_t)(was ^ change);
            memcpy(cut, file, size);
            assert_int_not_equal(
                tw_model_read("k.h5", tw_span_of(cut, size), &tw_format_limits_default, &graph, &error), TW_OK);
            assert_true(graph == NULL && error.text[0]);
            tw_free(cut);
        }
        file[at] = was;
    }
}

static void no_memory_is_an_error_anywhere(void **state)
{
    (void)state;
    uint8_t file[SIZE];
    put_file(file);
    enum tw_status status = TW_NO_MEMORY;
    for (uint64_t n = 1; n < 1000 && status == TW_NO_MEMORY; n++) {
        struct tw_graph *graph = NULL;
        tw_memory_fail_at(n);
        status = tw_model_read("k.h5", tw_span_of(file, SIZE), &tw_format_limits_default, &graph, NULL);
        tw_memory_fail_at(0);
    }
    assert_int_equal(status, TW_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_another_network_are_counted),
        cmocka_unit_test(a_dataset_that_is_not_as_long_as_its_shape_is_refused),
        cmocka_unit_test(groups_that_hold_themselves_are_refused),
        cmocka_unit_test(headers_that_lead_to_themselves_end),
        cmocka_unit_test(other_versions_are_named),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(no_memory_is_an_error_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
