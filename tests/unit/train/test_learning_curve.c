#include "train/learning_curve.h"

#include "train/blobs.h"
#include "train/solver.h"

enum { ROWS = 1200, CLASSES = 3, FOLDS = 5 };

/* Answers that are wrong as often as a law says, whatever the rows: by a hash of the row and of how many teach. */
struct world {
    size_t classes[ROWS];
    uint8_t folds[ROWS];
    double floor, scale, exponent;
    size_t count, calls;
    bool leaks;    /* a row of the asked fold taught */
    size_t fewest; /* rows of a class that taught */
    size_t most_taught;
};

static void world_init(struct world *w, double floor, double scale, double exponent)
{
    *w = (struct world){.floor = floor, .scale = scale, .exponent = exponent, .fewest = SIZE_MAX};
    for (size_t row = 0; row < ROWS; row++) {
        w->classes[row] = row % CLASSES;
        w->folds[row] = (uint8_t)(row / CLASSES % FOLDS);
    }
}

static enum tw_status ask(void *context, const uint8_t *roles, bool *is_right, struct tw_error *error)
{
    struct world *w = context;
    size_t taught = 0, of_class[CLASSES] = {0}, of_fold[FOLDS] = {0};
    (void)error;
    for (size_t row = 0; row < w->count; row++) {
        taught += roles[row];
        of_class[w->classes[row]] += roles[row];
        of_fold[w->folds[row]] += roles[row];
    }
    for (size_t row = 0; row < w->count; row++) {
        double chance = w->floor + w->scale * pow((double)taught, -w->exponent);
        is_right[row] = (double)(tw_random_at(7, w->calls, row) >> 11) * 0x1p-53 >= chance;
    }
    size_t without = 0;
    for (size_t f = 0; f < FOLDS; f++)
        without += of_fold[f] == 0;
    w->leaks |= without != 1;
    for (size_t c = 0; c < CLASSES; c++)
        w->fewest = of_class[c] < w->fewest ? of_class[c] : w->fewest;
    w->most_taught = taught > w->most_taught ? taught : w->most_taught;
    w->calls++;
    return TW_OK;
}

static struct tw_learning_curve curve_of(struct world *w, size_t count)
{
    struct tw_learning_curve curve = {0};
    w->count = count;
    const struct tw_curve_request request = {.count = count,
                                             .class_count = CLASSES,
                                             .fold_count = FOLDS,
                                             .classes = w->classes,
                                             .folds = w->folds,
                                             .ask = ask,
                                             .context = w};
    assert_int_equal(tw_learning_curve_make(&request, &curve, NULL), TW_OK);
    return curve;
}

static void every_size_is_asked_without_the_fold_that_answers(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 0.02, 1, 0.4);
    struct tw_learning_curve curve = curve_of(&w, ROWS);
    assert_false(w.leaks);
    assert_int_equal(curve.point_count, 4);
    assert_int_equal(w.calls, FOLDS * (4 + 2 + 2 + 1));
    assert_int_equal(w.most_taught, ROWS * (FOLDS - 1) / FOLDS);
    assert_int_equal(w.fewest, ROWS * (FOLDS - 1) / FOLDS / 8 / CLASSES);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(curve.points[i].rows, 120u << i);
        double truth = 1 - w.floor - w.scale * pow(120 << i, -w.exponent);
        assert_true(fabs(curve.points[i].accuracy - truth) < 0.03);
        assert_true(curve.points[i].interval.low <= curve.points[i].accuracy &&
                    curve.points[i].interval.high >= curve.points[i].accuracy);
    }
}

static void the_promised_gain_is_the_laws(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 0, 1, 0.4);
    struct tw_learning_curve curve = curve_of(&w, ROWS);
    double truth = pow(ROWS, -0.4) - pow(2 * ROWS, -0.4);
    assert_true(curve.gain_interval.low <= truth && truth <= curve.gain_interval.high);
    assert_true(fabs(curve.gain - truth) < 0.006);
    world_init(&w, 0.2, 0, 1);
    curve = curve_of(&w, ROWS);
    assert_true(curve.gain < 0.01 && curve.gain_interval.low == 0);
}

static void the_same_request_gives_the_same_curve(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 0.02, 1, 0.4);
    struct tw_learning_curve first = curve_of(&w, ROWS);
    world_init(&w, 0.02, 1, 0.4);
    struct tw_learning_curve second = curve_of(&w, ROWS);
    assert_true(first.gain == second.gain && first.gain_interval.low == second.gain_interval.low &&
                first.points[0].accuracy == second.points[0].accuracy);
}

static void few_rows_have_no_curve(void **state)
{
    struct world w;
    (void)state;
    world_init(&w, 0.02, 1, 0.4);
    assert_int_equal(curve_of(&w, 60).point_count, 3);
    assert_int_equal(curve_of(&w, 30).point_count, 0);
}

static void a_law_is_found_from_its_own_points(void **state)
{
    double rows[] = {100, 200, 400, 800}, errors[4], floor, scale, exponent;
    (void)state;
    for (size_t i = 0; i < 4; i++)
        errors[i] = 0.03 + 2 * pow(rows[i], -0.5);
    tw_power_law_fit(rows, errors, 4, &floor, &scale, &exponent);
    assert_true(fabs(floor - 0.03) < 1e-9 && fabs(scale - 2) < 1e-9 && fabs(exponent - 0.5) < 1e-9);
    for (size_t i = 0; i < 4; i++)
        errors[i] = 0.05 + 0.01 * (double)i; /* it grows: no law that falls */
    tw_power_law_fit(rows, errors, 4, &floor, &scale, &exponent);
    assert_true(scale == 0 && fabs(floor - 0.065) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_asked_without_the_fold_that_answers),
        cmocka_unit_test(the_promised_gain_is_the_laws),
        cmocka_unit_test(the_same_request_gives_the_same_curve),
        cmocka_unit_test(few_rows_have_no_curve),
        cmocka_unit_test(a_law_is_found_from_its_own_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
