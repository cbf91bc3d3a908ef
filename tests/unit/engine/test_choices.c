#include "engine/choices.h"

#include "engine/against.h"

static struct tw_choices *table(const char *text)
{
    struct tw_choices *choices;
    struct tw_error error;
    assert_int_equal(tw_choices_new(&choices, &error), TW_OK);
    if (tw_choices_read(choices, tw_span_of_text(text), &error))
        fail_msg("%s", error.text);
    return choices;
}

static void expect_text(const struct tw_choices *choices, const char *text)
{
    struct tw_buffer buffer = {0};
    assert_int_equal(tw_choices_write(choices, &buffer, NULL), TW_OK);
    assert_int_equal(tw_buffer_append(&buffer, "", 1, NULL), TW_OK);
    assert_string_equal((const char *)buffer.data, text);
    tw_buffer_release(&buffer);
}

static void table_is_written_sorted_and_reads_back(void **state)
{
    (void)state;
    struct tw_choices *choices = table("b 2 = two words\na 1 = x\n");
    expect_text(choices, "a 1 = x\nb 2 = two words\n");
    assert_int_equal(tw_choices_set(choices, "a 1", "y", NULL), TW_OK);
    assert_int_equal(tw_choices_set(choices, "aa", "z", NULL), TW_OK);
    expect_text(choices, "a 1 = y\naa = z\nb 2 = two words\n");
    assert_string_equal(tw_choices_find(choices, "b 2"), "two words");
    assert_null(tw_choices_find(choices, "b"));
    assert_null(tw_choices_find(NULL, "b"));
    assert_int_equal(tw_choices_count(choices), 3);
    tw_choices_free(choices);
}

static void line_that_is_no_row_is_named_by_its_number(void **state)
{
    static const char *const bad[] = {"a = x\nb\n",        "a = x\n = y\n",   "a = x\nb = \n",
                                      "a = x\nb = \x01\n", "a = x\nb = \"\n", "a = x\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tw_choices *choices = table("");
        struct tw_error error = {0};
        assert_int_equal(tw_choices_read(choices, tw_span_of_text(bad[i]), &error), TW_CORRUPT);
        assert_non_null(strstr(error.text, "line 2 of the choice table"));
        tw_choices_free(choices);
    }
}

static void reading_survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 6; n++) {
        struct tw_choices *choices = table("");
        tw_memory_fail_at(n);
        enum tw_status status = tw_choices_read(choices, tw_span_of_text("a = x\nb = y\n"), NULL);
        tw_memory_fail_at(0);
        assert_true(status == TW_OK || status == TW_NO_MEMORY);
        tw_choices_free(choices);
    }
}

/* 16 channels of 12 x 12, 3x3 to 32, 1x1 to 16. */
static struct tw_graph *network(void)
{
    struct tw_graph *graph = tw_graph_new();
    int x = net_input(graph, SHAPE(1, 16, 12, 12));
    int y = NODE(graph, TW_OP_CONV, x, against_weights(graph, SHAPE(32, 16, 3, 3)));
    SET_INTS(graph, "pads", 1, 1, 1, 1);
    y = NODE(graph, TW_OP_CONV, y, against_weights(graph, SHAPE(16, 32, 1, 1)));
    assert_true(tw_graph_set_outputs(graph, &y, 1));
    return graph;
}
#define SQUARE "f32 in 16x12x12 out 32x12x12 kernel 3x3 stride 1x1 pad 1x1"
#define POINT "f32 in 32x12x12 out 16x12x12 kernel 1x1 stride 1x1 pad 0x0"

static struct tw_plan *compile(const struct tw_graph *graph, const struct tw_choices *choices)
{
    struct tw_plan *plan;
    struct tw_error error;
    struct tw_plan_options options = tw_plan_options_default;
    options.choices = choices;
    if (tw_plan_compile(graph, &options, &plan, &error))
        fail_msg("%s", error.text);
    return plan;
}

static const char *algorithm_of(const struct tw_plan *plan, const char *key)
{
    for (size_t i = 0; i < tw_plan_step_count(plan); i++) {
        struct tw_step_info step;
        tw_plan_step(plan, i, &step);
        if (step.key != NULL && strcmp(step.key, key) == 0)
            return step.algorithm;
    }
    fail_msg("no step is %s", key);
    return "";
}

static void plan_follows_its_table_to_the_same_numbers(void **state)
{
    static const char *const algorithms[] = {"winograd 2d F(2x2,3x3)", "winograd 2d F(4x4,3x3)",
                                             "winograd 2d F(6x6,3x3)", "vector direct", "onednn direct any"};
    (void)state;
    struct tw_graph *graph = network();
    struct tw_plan *rules = compile(graph, NULL);
    size_t count = against_floats(tw_plan_output_shape(rules, 0));
    float *should;
    against_run(rules, &should);
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        struct tw_choices *choices = table("");
        float *is;
        assert_int_equal(tw_choices_set(choices, SQUARE, algorithms[i], NULL), TW_OK);
        struct tw_plan *plan = compile(graph, choices);
        tw_choices_free(choices); /* it was for the call */
        size_t compared = i == 4 ? strlen("onednn") : strlen(algorithms[i]);
        assert_memory_equal(algorithm_of(plan, SQUARE), algorithms[i], compared);
        assert_string_equal(algorithm_of(plan, POINT), algorithm_of(rules, POINT));
        against_run(plan, &is);
        against_same(algorithms[i], is, should, count);
        tw_free(is);
        tw_plan_free(plan);
    }
    tw_free(should);
    tw_plan_free(rules);
    tw_graph_free(graph);
}

static void row_of_no_known_algorithm_leaves_the_rule(void **state)
{
    (void)state;
    struct tw_graph *graph = network();
    struct tw_choices *choices = table(SQUARE " = magic\n" POINT " = winograd 1d F(6,7)\n");
    struct tw_plan *rules = compile(graph, NULL), *plan = compile(graph, choices);
    assert_string_equal(algorithm_of(plan, SQUARE), algorithm_of(rules, SQUARE));
    assert_string_equal(algorithm_of(plan, POINT), algorithm_of(rules, POINT));
    tw_choices_free(choices);
    tw_plan_free(plan);
    tw_plan_free(rules);
    tw_graph_free(graph);
}

static void trials_give_each_shape_a_row_that_plans_follow(void **state)
{
    (void)state;
    struct tw_graph *graph = network();
    struct tw_choices *choices = table("f32 of another network = x\n"), *cut;
    struct tw_tuning_report report = {0};
    struct tw_tuning tuning = {.rounds = 2, .runs = 2};
    struct tw_error error;
    size_t missing = 0;
    assert_int_equal(tw_choices_cut(choices, graph, &tw_plan_options_default, &cut, &missing, &error), TW_OK);
    assert_int_equal(missing, 2);
    assert_int_equal(tw_choices_count(cut), 0);
    tw_choices_free(cut);
    if (tw_choices_tune(choices, graph, &tw_plan_options_default, &tuning, &report, &error))
        fail_msg("%s", error.text);
    assert_int_equal(report.count, 2);
    assert_int_equal(tw_choices_count(choices), 3);
    assert_int_equal(tw_choices_cut(choices, graph, &tw_plan_options_default, &cut, &missing, &error), TW_OK);
    assert_int_equal(missing, 0);
    assert_int_equal(tw_choices_count(cut), 2);
    struct tw_plan *plan = compile(graph, cut);
    for (size_t i = 0; i < report.count; i++) {
        const struct tw_tuned_shape *shape = &report.shapes[i];
        assert_string_equal(algorithm_of(plan, shape->key), shape->chosen);
        assert_true(shape->chosen_seconds > 0 && shape->chosen_seconds <= shape->rule_seconds);
    }
    tw_plan_free(plan);
    tw_choices_free(cut);
    tw_choices_free(choices);
    tw_tuning_report_release(&report);
    tw_graph_free(graph);
}

static int stop(void *context)
{
    return ++*(int *)context > 3;
}

static void stopped_trials_add_no_row(void **state)
{
    (void)state;
    int asked = 0;
    const struct tw_sink sink = {.context = &asked, .is_stopped = stop};
    struct tw_graph *graph = network();
    struct tw_choices *choices = table("");
    struct tw_tuning_report report = {0};
    const struct tw_tuning tuning = {.rounds = 2, .runs = 1, .sink = &sink};
    struct tw_error error = {0};
    assert_int_equal(tw_choices_tune(choices, graph, &tw_plan_options_default, &tuning, &report, &error),
                     TW_INTERRUPTED);
    assert_int_equal(tw_choices_count(choices), 0);
    tw_tuning_report_release(&report);
    tw_choices_free(choices);
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_written_sorted_and_reads_back),
        cmocka_unit_test(line_that_is_no_row_is_named_by_its_number),
        cmocka_unit_test(reading_survives_a_lack_of_memory),
        cmocka_unit_test(plan_follows_its_table_to_the_same_numbers),
        cmocka_unit_test(row_of_no_known_algorithm_leaves_the_rule),
        cmocka_unit_test(trials_give_each_shape_a_row_that_plans_follow),
        cmocka_unit_test(stopped_trials_add_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
