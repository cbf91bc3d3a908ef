#include "cli/command.h"

#include "base/memory.h"
#include "engine/engine.h"
#include "tasks/backbone.h"
#include "tasks/convert.h"
#include "tasks/quantize.h"

#include <stdio.h>
#include <string.h>

static enum tw_status put_backbone(const struct tw_backbone *backbone, bool is_json, struct tw_buffer *out,
                                   struct tw_error *error)
{
    char hex[TW_DIGEST_HEX];
    char *policy = tw_image_policy_to_json(&backbone->policy);
    const char *license = tw_graph_property(backbone->graph, "license");
    if (policy == NULL)
        return tw_fail_memory(error, 1, "a policy");
    tw_digest_hex(&backbone->digest, hex);
    enum tw_status status = tw_buffer_printf(
        out, error,
        is_json ? "{\"name\":\"%s\",\"embedding_size\":%zu,\"layer\":\"%s\",\"policy\":%s,\"sha256\":\"%s\"}\n"
                : "name       %s\nembedding  %zu values\nlayer      %s\npolicy     %s\nsha256     %s\n",
        backbone->name, backbone->embedding_size, backbone->layer, policy, hex);
    if (status == TW_OK && !is_json && license != NULL)
        status = tw_buffer_printf(out, error, "license    %s\n", license);
    tw_free(policy);
    return status;
}

static enum tw_status compile(const struct tw_backbone *backbone, int threads, struct tw_plan **plan,
                              struct tw_error *error)
{
    struct tw_graph *graph = NULL;
    struct tw_plan_options options = tw_plan_options_default;
    options.threads_inside = threads;
    options.precision = backbone->precision;
    enum tw_status status = tw_graph_clone(backbone->graph, &graph, error);
    for (int axis = 0; status == TW_OK && axis < 2; axis++) {
        struct tw_shape *shape = &graph->values[graph->inputs[0]].shape;
        int at = (backbone->policy.is_nhwc ? 1 : 2) + axis;
        if (shape->rank == 4 && shape->dims[at] == TW_UNKNOWN)
            shape->dims[at] = axis == 0 ? backbone->policy.height : backbone->policy.width;
    }
    if (status == TW_OK)
        status = tw_plan_compile(graph, &options, plan, error);
    tw_graph_free(graph);
    return status;
}

struct sums {
    double seconds, flop, peak; /* of all steps; operations a second */
};

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
    return status != TW_OK ? status : tw_table_cell(table, error, "%.0f", rate / sums->peak * 100);
}

/* Rates count direct convolution's operations: what takes fewer may pass the peak. */
static enum tw_status put_profile(const struct tw_backbone *backbone, int threads, struct tw_buffer *out,
                                  struct tw_error *error)
{
    static const char *const heads[] = {"STEP", "OP", "ALGORITHM", "PRECISION", "MS", "SHARE %", "GFLOP/S", "PEAK %"};
    enum { COLUMNS = sizeof heads / sizeof *heads };
    struct tw_plan *plan = NULL;
    struct tw_table table = {.column_count = COLUMNS, .right_aligned = 0xf0};
    struct tw_step_info step;
    struct sums sums = {0};
    enum tw_status status = compile(backbone, threads, &plan, error);
    if (status == TW_OK)
        status = tw_engine_peak(threads, &sums.peak, error);
    if (status == TW_OK)
        status = tw_plan_profile(plan, 9, error);
    for (size_t i = 0; i < COLUMNS && status == TW_OK; i++)
        status = tw_table_cell(&table, error, "%s", heads[i]);
    size_t count = status == TW_OK ? tw_plan_step_count(plan) : 0;
    for (size_t i = 0; i < count; i++) {
        tw_plan_step(plan, i, &step);
        sums.seconds += step.seconds;
        sums.flop += step.flop;
    }
    for (size_t i = 0; i < count && status == TW_OK; i++) {
        tw_plan_step(plan, i, &step);
        status = put_step(&step, &sums, &table, error);
    }
    if (status == TW_OK)
        status = tw_table_print(&table, out, error);
    double rate = sums.flop / sums.seconds;
    if (status == TW_OK)
        status = tw_buffer_printf(out, error,
                                  "all %.2f ms, %.2f GFLOP as direct convolution counts them, %.1f GFLOP/s, %.0f %% of "
                                  "the peak of f32, %.1f GFLOP/s, %d threads; arena %.1f MB, weights %.1f MB; %s\n",
                                  sums.seconds * 1e3, sums.flop * 1e-9, rate * 1e-9, rate / sums.peak * 100,
                                  sums.peak * 1e-9, threads, (double)tw_plan_arena_bytes(plan) * 1e-6,
                                  (double)tw_plan_weight_bytes(plan) * 1e-6, tw_engine_cpu());
    tw_table_release(&table);
    tw_plan_free(plan);
    return status;
}

static enum tw_status list(bool is_json, struct tw_buffer *out, struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (const char *const *name = tw_backbone_builtin_names(); *name != NULL && status == TW_OK; name++) {
        struct tw_backbone backbone = {0};
        const struct tw_task_options task = {.backbone = *name, .threads = 1};
        status = tw_backbone_open(&task, &backbone, error);
        if (status == TW_OK)
            status = is_json ? put_backbone(&backbone, true, out, error)
                             : tw_buffer_printf(out, error, "%s  built in, %zu values, %d x %d pixels\n", *name,
                                                backbone.embedding_size, backbone.policy.width, backbone.policy.height);
        tw_backbone_release(&backbone);
    }
    return status;
}

static enum tw_status convert(const struct tw_arguments *arguments, struct tw_task_options *task,
                              struct tw_error *error)
{
    const char *output = tw_text(arguments, TW_OPTION_OUTPUT, NULL);
    if (output == NULL)
        return tw_fail(error, TW_INVALID, "backbone convert wants the file to write: -o FILE.onnx");
    task->backbone = arguments->operands[1];
    return tw_backbone_convert(task, output, tw_has(arguments, TW_OPTION_FORCE), error);
}

static enum tw_status quantize(const struct tw_arguments *arguments, const struct tw_task_options *task, bool is_json,
                               struct tw_buffer *out, struct tw_error *error)
{
    struct tw_quantize_options options = {
        .task = *task,
        .photos_uri = tw_text(arguments, TW_OPTION_CALIBRATE, NULL),
        .output_uri = tw_text(arguments, TW_OPTION_OUTPUT, NULL),
        .method = TW_CALIBRATION_MSE,
        .is_forced = tw_has(arguments, TW_OPTION_FORCE),
    };
    struct tw_quantize_result result;
    const char *method = tw_text(arguments, TW_OPTION_METHOD, tw_calibration_name(options.method));
    if (options.output_uri == NULL)
        return tw_fail(error, TW_INVALID, "backbone quantize wants the file to write: -o FILE.onnx");
    if (options.photos_uri == NULL)
        return tw_fail(error, TW_INVALID,
                       "backbone quantize wants photos like those to come, to learn ranges from: --calibrate PHOTOS");
    options.task.backbone = arguments->operands[1];
    options.task.precision = TW_PRECISION_F32;
    options.method = TW_CALIBRATION_MINMAX;
    while (strcmp(method, tw_calibration_name(options.method)) != 0)
        options.method++;
    enum tw_status status = tw_backbone_quantize(&options, &result, error);
    if (status != TW_OK)
        return status;
    return tw_buffer_printf(
        out, error,
        is_json
            ? "{\"file\":\"%s\",\"photos\":%zu,\"skipped\":%zu,\"cosine_least\":%.6f,\"cosine_mean\":%.6f}\n"
            : "%s: calibrated on %zu photos (%zu skipped); embeddings keep cosine %.5f at least, %.5f on the mean\n",
        options.output_uri, result.photos, result.skipped, result.least_cosine, result.mean_cosine);
}

enum tw_exit tw_command_backbone(const struct tw_arguments *arguments, struct tw_console *console)
{
    struct tw_error error = {0};
    struct tw_buffer out = {0};
    struct tw_backbone backbone = {0};
    struct tw_task_options task;
    const char *verb = arguments->operands[0];
    enum tw_status status = tw_console_task(arguments, console, &task, &error);
    if (status == TW_OK && strcmp(verb, "list") == 0 && arguments->operand_count == 1) {
        status = list(console->is_json, &out, &error);
    } else if (status == TW_OK && strcmp(verb, "info") == 0 && arguments->operand_count == 2) {
        task.backbone = arguments->operands[1];
        status = tw_backbone_open(&task, &backbone, &error);
        if (status == TW_OK)
            status = put_backbone(&backbone, console->is_json, &out, &error);
        if (status == TW_OK && tw_has(arguments, TW_OPTION_PROFILE))
            status = put_profile(&backbone, task.threads, &out, &error);
    } else if (status == TW_OK && strcmp(verb, "convert") == 0 && arguments->operand_count == 2) {
        status = convert(arguments, &task, &error);
    } else if (status == TW_OK && strcmp(verb, "quantize") == 0 && arguments->operand_count == 2) {
        status = quantize(arguments, &task, console->is_json, &out, &error);
    } else if (status == TW_OK) {
        status = tw_fail(&error, TW_INVALID,
                         "backbone wants `list`, `info NAME|FILE`, `convert NAME|FILE -o FILE.onnx` or "
                         "`quantize NAME|FILE -o FILE.onnx --calibrate PHOTOS`, not `%s`",
                         verb);
    }
    enum tw_exit code = status == TW_OK ? tw_console_print(console, &out) : tw_console_fail(console, &error);
    tw_backbone_release(&backbone);
    tw_buffer_release(&out);
    return code;
}
