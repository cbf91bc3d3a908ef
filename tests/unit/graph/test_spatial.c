#include "net.h"

static void conv_sums_under_the_kernel(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    int w = F32(graph, SHAPE(1, 1, 2, 2), 1, 0, 0, -1);
    int b = F32(graph, SHAPE(1), 10);
    int y = NODE(graph, TW_OP_CONV, x, w, b);
    EXPECT(graph, y, SHAPE(1, 1, 2, 2), 6, 6, 6, 6);
    tw_graph_free(graph);
}

static void conv_pads_strides_and_dilates(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 1, 5), 1, 2, 3, 4, 5);
    int w = F32(graph, SHAPE(1, 1, 1, 2), 1, 10);
    int y = NODE(graph, TW_OP_CONV, x, w);
    SET_INTS(graph, "pads", 0, 1, 0, 2);
    SET_INTS(graph, "strides", 1, 2);
    SET_INTS(graph, "dilations", 1, 2);
    /* padded: 0 1 2 3 4 5 0 0; taps 2 apart, from 0, 2, 4 */
    EXPECT(graph, y, SHAPE(1, 1, 1, 3), 20, 42, 4);
    tw_graph_free(graph);
}

static void conv_keeps_groups_apart(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 4, 1), 1, 2, 3, 4);
    int w = F32(graph, SHAPE(2, 2, 1), 1, 10, 100, 1000);
    int y = NODE(graph, TW_OP_CONV, x, w);
    SET_INT(graph, "group", 2);
    EXPECT(graph, y, SHAPE(1, 2, 1), 21, 4300);
    tw_graph_free(graph);
}

static void conv_pads_same_upper_at_the_end(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 4), 1, 2, 3, 4);
    int w = F32(graph, SHAPE(1, 1, 2), 1, 10);
    int y = NODE(graph, TW_OP_CONV, x, w);
    SET_TEXT(graph, "auto_pad", "SAME_UPPER");
    EXPECT(graph, y, SHAPE(1, 1, 4), 21, 32, 43, 4);
    tw_graph_free(graph);
}

static void conv_in_three_dimensions(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    int w = F32(graph, SHAPE(1, 1, 2, 1, 1), 1, -1);
    int y = NODE(graph, TW_OP_CONV, x, w);
    EXPECT(graph, y, SHAPE(1, 1, 1, 2, 2), -4, -4, -4, -4);
    tw_graph_free(graph);
}

static void conv_of_other_channels_is_refused(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 3, 8, 8));
    int w = F32(graph, SHAPE(1, 2, 1, 1), 1, 1);
    NODE(graph, TW_OP_CONV, x, w);
    net_expect_refusal(graph, TW_CORRUPT, "has 3 channels, its weights are for 2");
    tw_graph_free(graph);
}

static void conv_transpose_spreads_each_input(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 2), 1, 2);
    int w = F32(graph, SHAPE(1, 1, 3), 1, 10, 100);
    int y = NODE(graph, TW_OP_CONV_TRANSPOSE, x, w);
    SET_INTS(graph, "strides", 2);
    SET_INTS(graph, "pads", 1, 0);
    EXPECT(graph, y, SHAPE(1, 1, 4), 10, 102, 20, 200);
    tw_graph_free(graph);
}

static void max_pool_ignores_padding(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 3, 3), -1, -2, -3, -4, -5, -6, -7, -8, -9);
    int y = NODE(graph, TW_OP_MAX_POOL, x);
    SET_INTS(graph, "kernel_shape", 2, 2);
    SET_INTS(graph, "strides", 2, 2);
    SET_INTS(graph, "pads", 1, 1, 0, 0);
    EXPECT(graph, y, SHAPE(1, 1, 2, 2), -1, -2, -4, -5);
    tw_graph_free(graph);
}

static void pool_in_ceil_mode_drops_windows_of_padding(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 4), 1, 2, 3, 4);
    int y = NODE(graph, TW_OP_MAX_POOL, x);
    SET_INTS(graph, "kernel_shape", 3);
    SET_INTS(graph, "strides", 2);
    SET_INT(graph, "ceil_mode", 1);
    EXPECT(graph, y, SHAPE(1, 1, 2), 3, 4);
    int z = NODE(graph, TW_OP_MAX_POOL, x);
    SET_INTS(graph, "kernel_shape", 2);
    SET_INTS(graph, "strides", 4);
    SET_INTS(graph, "pads", 0, 1);
    SET_INT(graph, "ceil_mode", 1);
    EXPECT(graph, z, SHAPE(1, 1, 1), 2);
    tw_graph_free(graph);
}

static void average_pool_counts_padding_when_told(void **state)
{
    (void)state;
    for (int counts = 0; counts < 2; counts++) {
        struct tw_graph *graph = tw_graph_new();
        int x = F32(graph, SHAPE(1, 1, 3), 3, 6, 9);
        int y = NODE(graph, TW_OP_AVERAGE_POOL, x);
        SET_INTS(graph, "kernel_shape", 3);
        SET_INTS(graph, "pads", 1, 1);
        SET_INT(graph, "count_include_pad", counts);
        if (counts)
            EXPECT(graph, y, SHAPE(1, 1, 3), 3, 6, 5);
        else
            EXPECT(graph, y, SHAPE(1, 1, 3), 4.5, 6, 7.5);
        tw_graph_free(graph);
    }
}

static void pool_of_pads_as_great_as_its_window_is_refused(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_MAX_POOL, net_input(graph, SHAPE(1, 1, 8)));
    SET_INTS(graph, "kernel_shape", 2);
    SET_INTS(graph, "pads", 2, 0);
    net_expect_refusal(graph, TW_CORRUPT, "not smaller than the window");
    tw_graph_free(graph);
}

static void global_pools_leave_one_element(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 2, 2, 2), 1, 2, 3, 6, -1, -2, -3, -6);
    int mean = NODE(graph, TW_OP_GLOBAL_AVERAGE_POOL, x);
    EXPECT(graph, mean, SHAPE(1, 2, 1, 1), 3, -3);
    int greatest = NODE(graph, TW_OP_GLOBAL_MAX_POOL, x);
    EXPECT(graph, greatest, SHAPE(1, 2, 1, 1), 6, -1);
    tw_graph_free(graph);
}

static void resize_linear_half_pixel(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 1, 2), 0, 4);
    int sizes = I64(graph, 1, 1, 1, 4);
    int y = NODE(graph, TW_OP_RESIZE, x, -1, -1, sizes);
    SET_TEXT(graph, "mode", "linear");
    EXPECT(graph, y, SHAPE(1, 1, 1, 4), 0, 1, 3, 4);
    tw_graph_free(graph);
}

static void resize_nearest_asymmetric(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 1, 2, 2), 1, 2, 3, 4);
    int scales = F32(graph, SHAPE(4), 1, 1, 2, 1.5f);
    int y = NODE(graph, TW_OP_RESIZE, x, -1, scales);
    SET_TEXT(graph, "coordinate_transformation_mode", "asymmetric");
    SET_TEXT(graph, "nearest_mode", "floor");
    EXPECT(graph, y, SHAPE(1, 1, 4, 3), 1, 1, 2, 1, 1, 2, 3, 3, 4, 3, 3, 4);
    tw_graph_free(graph);
}

static void resize_cubic_is_refused_by_name(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 1, 2, 2));
    NODE(graph, TW_OP_RESIZE, x, -1, -1, I64(graph, 1, 1, 4, 4));
    SET_TEXT(graph, "mode", "cubic");
    net_expect_refusal(graph, TW_UNSUPPORTED, "'mode' is 'cubic', which is none of nearest, linear");
    tw_graph_free(graph);
}

static void depth_to_space_in_both_orders(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    int x = F32(graph, SHAPE(1, 8, 1, 1), 0, 1, 2, 3, 4, 5, 6, 7);
    int dcr = NODE(graph, TW_OP_DEPTH_TO_SPACE, x);
    SET_INT(graph, "blocksize", 2);
    EXPECT(graph, dcr, SHAPE(1, 2, 2, 2), 0, 2, 4, 6, 1, 3, 5, 7);
    int crd = NODE(graph, TW_OP_DEPTH_TO_SPACE, x);
    SET_INT(graph, "blocksize", 2);
    SET_TEXT(graph, "mode", "CRD");
    EXPECT(graph, crd, SHAPE(1, 2, 2, 2), 0, 1, 2, 3, 4, 5, 6, 7);
    tw_graph_free(graph);
}

static void windows_that_overflow_are_refused(void **state)
{
    (void)state;
    struct tw_graph *graph = tw_graph_new();
    NODE(graph, TW_OP_MAX_POOL, net_input(graph, SHAPE(1, 1, 8)));
    SET_INTS(graph, "kernel_shape", INT64_MAX);
    net_expect_refusal(graph, TW_CORRUPT, "kernel_shape");
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_sums_under_the_kernel),
        cmocka_unit_test(conv_pads_strides_and_dilates),
        cmocka_unit_test(conv_keeps_groups_apart),
        cmocka_unit_test(conv_pads_same_upper_at_the_end),
        cmocka_unit_test(conv_in_three_dimensions),
        cmocka_unit_test(conv_of_other_channels_is_refused),
        cmocka_unit_test(conv_transpose_spreads_each_input),
        cmocka_unit_test(max_pool_ignores_padding),
        cmocka_unit_test(pool_in_ceil_mode_drops_windows_of_padding),
        cmocka_unit_test(average_pool_counts_padding_when_told),
        cmocka_unit_test(pool_of_pads_as_great_as_its_window_is_refused),
        cmocka_unit_test(global_pools_leave_one_element),
        cmocka_unit_test(resize_linear_half_pixel),
        cmocka_unit_test(resize_nearest_asymmetric),
        cmocka_unit_test(resize_cubic_is_refused_by_name),
        cmocka_unit_test(depth_to_space_in_both_orders),
        cmocka_unit_test(windows_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
