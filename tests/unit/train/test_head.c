#include "train/head.h"

#include "engine/engine.h"
#include "train/blobs.h"

enum { ROWS = 37, WIDTH = 12, OUTPUTS = 3 };

static void fill(float *values, size_t count, uint64_t stream)
{
    struct tw_random random = {.seed = 9, .stream = stream};
    for (size_t i = 0; values != NULL && i < count; i++)
        values[i] = (float)tw_random_normal(&random);
}

static void add(struct tw_branch *branch, enum tw_stage_kind kind, size_t inputs, size_t outputs)
{
    struct tw_stage *stage = tw_branch_add(branch, kind, inputs, outputs);
    assert_non_null(stage);
    fill(stage->weights, inputs * outputs, (uint64_t)kind);
    fill(stage->bias, outputs, 100 + (uint64_t)kind);
    stage->scale = 0.05f;
    for (size_t i = 0; kind == TW_STAGE_RBF && i < outputs; i++) {
        stage->bias[i] = 0;
        for (size_t j = 0; j < inputs; j++)
            stage->bias[i] += stage->weights[j * outputs + i] * stage->weights[j * outputs + i];
    }
}

static struct tw_graph *graph_of(const struct tw_head *head)
{
    struct tw_graph *graph = tw_graph_new();
    const struct tw_shape shape = {2, {TW_UNKNOWN, WIDTH}};
    int id = tw_graph_add_value(graph, "embedding", TW_F32, &shape);
    graph->opset = 13;
    assert_true(tw_graph_set_inputs(graph, &id, 1));
    assert_int_equal(tw_head_to_graph(head, graph, id, NULL), TW_OK);
    return graph;
}

/* The engine's scores, row by row, beside the head's own. */
static void check_graph(const struct tw_head *head)
{
    float embeddings[ROWS * WIDTH], expected[ROWS * OUTPUTS], scores[OUTPUTS], logits[OUTPUTS];
    struct tw_graph *graph = graph_of(head);
    struct tw_plan *plan = NULL;
    struct tw_scratch *scratch = NULL;
    fill(embeddings, ROWS * WIDTH, 1000);
    assert_int_equal(tw_head_scores(head, embeddings, ROWS, 2, expected, NULL), TW_OK);
    assert_int_equal(tw_plan_compile(graph, &tw_plan_options_default, &plan, NULL), TW_OK);
    assert_int_equal(tw_scratch_new(plan, &scratch, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++) {
        const float *input = embeddings + row * WIDTH;
        assert_int_equal(tw_plan_run(plan, scratch, &input, (float *[]){logits, scores}, NULL), TW_OK);
        for (size_t i = 0; i < OUTPUTS; i++)
            assert_true(fabsf(scores[i] - expected[row * OUTPUTS + i]) < 1e-5f);
    }
    tw_scratch_free(scratch);
    tw_plan_free(plan);
    tw_graph_free(graph);
}

static void the_graph_gives_the_scores_of_every_kind_of_stage(void **state)
{
    static const enum tw_stage_kind kinds[] = {TW_STAGE_RELU, TW_STAGE_SQRT, TW_STAGE_UNIT, TW_STAGE_SHIFT,
                                               TW_STAGE_LOG_SOFTMAX};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tw_head head = {.branch_count = 1, .branches = {{.weight = 1}}};
        add(&head.branches[0], kinds[i], WIDTH, WIDTH);
        add(&head.branches[0], TW_STAGE_DENSE, WIDTH, OUTPUTS);
        check_graph(&head);
        tw_head_release(&head);
    }
    struct tw_head head = {.branch_count = 1, .branches = {{.weight = 1}}};
    add(&head.branches[0], TW_STAGE_SHIFT, WIDTH, WIDTH);
    add(&head.branches[0], TW_STAGE_RBF, WIDTH, 20);
    add(&head.branches[0], TW_STAGE_DENSE, 20, OUTPUTS);
    check_graph(&head);
    tw_head_release(&head);
}

static void the_graph_gives_the_scores_of_a_blend(void **state)
{
    struct tw_head head = {.branch_count = 3, .branches = {{.weight = 0.5f}, {.weight = 0.3f}, {.weight = 1.2f}}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        add(&head.branches[i], i == 1 ? TW_STAGE_RBF : TW_STAGE_SQRT, WIDTH, WIDTH);
        add(&head.branches[i], TW_STAGE_DENSE, WIDTH, OUTPUTS);
        add(&head.branches[i], TW_STAGE_LOG_SOFTMAX, OUTPUTS, OUTPUTS);
    }
    check_graph(&head);
    for (size_t i = 1; i < 3; i++) { /* one branch with a weight */
        for (size_t j = 0; j < head.branches[i].stage_count; j++)
            tw_stage_release(&head.branches[i].stages[j]);
    }
    head.branch_count = 1;
    check_graph(&head);
    tw_head_release(&head);
}

static void scores_of_a_row_do_not_hang_on_the_rows_beside_it(void **state)
{
    struct tw_head head = {.branch_count = 1, .branches = {{.weight = 1}}};
    float embeddings[ROWS * WIDTH], together[ROWS * OUTPUTS], alone[OUTPUTS];
    (void)state;
    add(&head.branches[0], TW_STAGE_RBF, WIDTH, 40);
    add(&head.branches[0], TW_STAGE_DENSE, 40, OUTPUTS);
    fill(embeddings, ROWS * WIDTH, 3);
    assert_int_equal(tw_head_scores(&head, embeddings, ROWS, 3, together, NULL), TW_OK);
    for (size_t row = 0; row < ROWS; row++) {
        assert_int_equal(tw_head_scores(&head, embeddings + row * WIDTH, 1, 1, alone, NULL), TW_OK);
        assert_memory_equal(alone, together + row * OUTPUTS, sizeof alone);
    }
    tw_head_release(&head);
}

static void a_kernel_of_a_support_row_is_one_at_the_row_itself(void **state)
{
    struct tw_branch branch = {0};
    float row[WIDTH], out[4];
    (void)state;
    add(&branch, TW_STAGE_RBF, WIDTH, 4);
    for (size_t i = 0; i < WIDTH; i++)
        row[i] = branch.stages[0].weights[i * 4 + 2];
    assert_int_equal(tw_stage_forward(&branch.stages[0], row, 1, out, 1, NULL), TW_OK);
    assert_true(fabsf(out[2] - 1) < 1e-6f && out[0] < 0.9f && out[0] > 0);
    tw_stage_release(&branch.stages[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_graph_gives_the_scores_of_every_kind_of_stage),
        cmocka_unit_test(the_graph_gives_the_scores_of_a_blend),
        cmocka_unit_test(scores_of_a_row_do_not_hang_on_the_rows_beside_it),
        cmocka_unit_test(a_kernel_of_a_support_row_is_one_at_the_row_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
