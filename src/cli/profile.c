#include "cli/profile.h"

#include "cli/console.h"
#include "tasks/runner.h"
#include "tasks/tune.h"

#include <string.h>
#include <sys/resource.h>

enum { RUNS = 15, PRECISIONS = TW_PRECISION_AUTO };

static enum tw_status compile(const struct tw_backbone *backbone, int threads, struct tw_plan **plan,
                              struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    struct tw_plan_options options = tw_plan_options_default;
    options.threads_inside = threads;
    options.precision = backbone->precision;
    options.choices = backbone->choices;
    enum tw_status status = tw_graph_clone(backbone->graph, &graph, error);
    if (status == TW_OK) {
        tw_runner_shape_input(graph, &backbone->policy);
        status = tw_plan_compile(graph, &options, plan, error);
    }
    tw_graph_free(graph);
    return status;
}

struct sums {
    double seconds, convolution_seconds, flop; /* of all steps, each at its best */
    double peaks[PRECISIONS];                  /* operations a second; 0: no step is of that precision */
};

static enum tw_precision precision_of(const struct tw_step_info *step)
{
    enum tw_precision precision = TW_PRECISION_F32;
    while (precision < TW_PRECISION_AUTO - 1 && strcmp(step->precision, tw_precision_name(precision)) != 0)
        precision++;
    return precision;
}

static enum tw_status sum_up(const struct tw_plan *plan, int threads, struct sums *sums, struct tw_error *error)
{
    struct tw_step_info step;
    for (size_t i = 0; i < tw_plan_step_count(plan); i++) {
        tw_plan_step(plan, i, &step);
        sums->seconds += step.seconds;
        sums->convolution_seconds += step.key != NULL ? step.seconds : 0;
        sums->flop += step.flop;
        double *peak = &sums->peaks[precision_of(&step)];
        if (!(step.flop > 0) || *peak > 0)
            continue;
        enum tw_status status = tw_engine_peak(threads, precision_of(&step), peak, error);
        if (status != TW_OK)
            return status;
    }
    return TW_OK;
}

static enum tw_status put_step(const struct tw_step_info *step, const struct sums *sums, struct tw_table *table,
                               struct tw_error *error)
{
    double rate = step->seconds > 0 ? step->flop / step->seconds : 0;
    enum tw_status status;
    if ((status = tw_table_cell(table, error, "%s", step->name)) != TW_OK ||
        (status = tw_table_cell(table, error, "%s", step->op)) != TW_OK ||
        (status = tw_table_cell(table, error, "%s", step->algorithm)) != TW_OK ||
        (status = tw_table_cell(table, error, "%s", step->precision)) != TW_OK ||
        (status = tw_table_cell(table, error, "%.3f", step->seconds * 1e3)) != TW_OK ||
        (status = tw_table_cell(table, error, "%.1f", step->seconds / sums->seconds * 100)) != TW_OK)
        return status;
    if (!(step->flop > 0))
        return (status = tw_table_cell(table, error, " ")) != TW_OK ? status : tw_table_cell(table, error, " ");
    status = tw_table_cell(table, error, "%.1f", rate * 1e-9);
    return status != TW_OK ? status : tw_table_cell(table, error, "%.0f", rate / sums->peaks[precision_of(step)] * 100);
}

static enum tw_status put_table(const struct tw_plan *plan, const struct sums *sums, struct tw_buffer *out,
                                struct tw_error *error)
{
    static const char *const heads[] = {"STEP", "OP", "ALGORITHM", "PRECISION", "MS", "SHARE %", "GFLOP/S", "PEAK %"};
    enum { COLUMNS = sizeof heads / sizeof *heads };
    struct tw_table table = {.column_count = COLUMNS, .right_aligned = 0xf0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < COLUMNS && status == TW_OK; i++)
        status = tw_table_cell(&table, error, "%s", heads[i]);
    for (size_t i = 0; i < tw_plan_step_count(plan) && status == TW_OK; i++) {
        struct tw_step_info step;
        tw_plan_step(plan, i, &step);
        status = put_step(&step, sums, &table, error);
    }
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    tw_table_release(&table);
    return status;
}

static enum tw_status put_sums(const struct tw_plan *plan, const struct sums *sums, const struct tw_plan_times *times,
                               struct tw_buffer *out, struct tw_error *error)
{
    struct rusage usage;
    enum tw_status status =
        tw_buffer_printf(out, error,
                         "all steps      %.2f ms, each at its best of %d runs; %.2f GFLOP as direct "
                         "convolution counts them, %.1f GFLOP/s\n",
                         sums->seconds * 1e3, RUNS, sums->flop * 1e-9, sums->flop / sums->seconds * 1e-9);
    for (int i = 0; i < PRECISIONS && status == TW_OK; i++) {
        if (sums->peaks[i] > 0)
            status = tw_buffer_printf(out, error, "peak of %-6s %.1f GFLOP/s, measured now\n",
                                      tw_precision_name((enum tw_precision)i), sums->peaks[i] * 1e-9);
    }
    double over = times->convolution_seconds > 0 ? times->seconds / times->convolution_seconds - 1 : 0;
    if (status == TW_OK)
        status = tw_buffer_printf(out, error,
                                  "best run       convolutions %.2f ms, whole engine %.2f ms: %.1f %% between them\n",
                                  times->convolution_seconds * 1e3, times->seconds * 1e3, over * 100);
    getrusage(RUSAGE_SELF, &usage);
    if (status == TW_OK)
        status = tw_buffer_printf(out, error,
                                  "memory         arena %.1f MB, weights %.1f MB, peak of this process %.0f MB\n",
                                  (double)tw_plan_arena_bytes(plan) * 1e-6, (double)tw_plan_weight_bytes(plan) * 1e-6,
                                  (double)usage.ru_maxrss * 1024e-6);
    return status;
}

enum tw_status tw_put_profile(struct tw_backbone *backbone, const struct tw_task_options *options,
                              struct tw_buffer *out, struct tw_error *error)
{
    struct tw_plan *plan = NULL;
    struct tw_plan_times times = {0};
    struct sums sums = {0};
    enum tw_status status = tw_backbone_choose_kernels(backbone, options, NULL, error);
    if (status == TW_OK)
        status = compile(backbone, options->threads, &plan, error);
    if (status == TW_OK)
        status = tw_plan_profile(plan, RUNS, &times, error);
    if (status == TW_OK)
        status = sum_up(plan, options->threads, &sums, error);
    if (status == TW_OK)
        status = put_table(plan, &sums, out, error);
    if (status == TW_OK)
        status = put_sums(plan, &sums, &times, out, error);
    if (status == TW_OK)
        status = tw_buffer_printf(out, error,
                                  "kernels        %zu shapes by trial, the rest by the fixed rules\n"
                                  "machine        %s; threads %d\n",
                                  tw_choices_count(backbone->choices), tw_engine_cpu(), options->threads);
    tw_plan_free(plan);
    return status;
}
